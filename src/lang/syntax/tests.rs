//! The parser on what nobody would write, and on a lot of what everybody does.

use super::*;
use crate::lang::ast::{ExprKind, Part};
use proptest::prelude::*;
use std::time::Instant;

fn parse(text: &str) -> (Body, Vec<Diagnostic>) {
    parse_body(Text { file: FileId(0), name: "t.tf", text })
}

fn summaries(text: &str) -> Vec<String> {
    parse(text).1.into_iter().map(|d| d.summary).collect()
}

#[test]
fn errors_of_every_block_are_reported() {
    let text = "\
resource \"a\" \"b\" {
  x = [1, 2
  y = 3
}

resource \"a\" \"c\" {
  z = )
}

variable \"v\" {
  default = \"${\"
}

output \"o\" {
  value = 1 1
}
";
    let lines: Vec<usize> =
        parse(text).1.iter().map(|d| text[..d.span.as_ref().unwrap().range.start].matches('\n').count() + 1).collect();
    for line in [3, 7, 11, 15] {
        assert!(lines.contains(&line), "nothing reported on line {line}: {:?}", parse(text).1);
    }
}

#[test]
fn a_missing_brace_does_not_swallow_the_next_block() {
    let text = "resource \"a\" \"b\" {\n  x = 1\n\nresource \"a\" \"c\" {\n  y = \n}\n\nlocals {\n  z = 1\n}\n";
    let (body, diags) = parse(text);
    assert_eq!(body.blocks.len(), 3);
    let found: Vec<&str> = diags.iter().map(|d| d.summary.as_str()).collect();
    assert_eq!(found, ["Unclosed configuration block", "Invalid expression"]);
}

#[test]
fn a_broken_argument_keeps_its_name() {
    let (body, diags) = parse("a {\n  x = )\n  y = 1\n}\n");
    assert_eq!(diags.len(), 1);
    assert!(body.blocks[0].body.attribute("x").is_some());
    assert!(body.blocks[0].body.attribute("y").is_some());
}

#[test]
fn nesting_is_bounded() {
    for (open, close) in
        [("[", "]"), ("(", ")"), ("{a=", "}"), ("-", ""), ("f(", ")"), ("\"${", "}\""), ("a ? b : ", ""), ("x[", "]")]
    {
        let deep = format!("x = {}1{}\n", open.repeat(5000), close.repeat(5000));
        assert_eq!(summaries(&deep).first().map(String::as_str), Some("Nested too deeply"), "{open}");
        let fine = format!("x = {}1{}\n", open.repeat(90), close.repeat(90));
        assert_eq!(summaries(&fine), Vec::<String>::new(), "{open}");
    }
    assert!(!summaries(&"a {\n".repeat(100_000)).is_empty());
    assert!(!summaries(&format!("x = \"{}\"\n", "%{ if true }".repeat(10_000))).is_empty());
    assert_eq!(summaries(&format!("x = 1{}\n", " + 1".repeat(1500))), Vec::<String>::new());
    assert_eq!(summaries(&format!("x = 1{}\n", " + 1".repeat(100_000))), ["Expression too long"]);
    assert!(!summaries(&format!("x = a{}\n", "[b]".repeat(100_000))).is_empty());
    assert_eq!(summaries(&format!("x = a{}\n", ".b".repeat(1500))), Vec::<String>::new());
}

#[test]
fn heredocs_as_measured() {
    let text = |source: &str| {
        let (body, diags) = parse(source);
        assert_eq!(diags, [], "{source}");
        body.attributes[0].expr.literal_text().map(str::to_owned)
    };
    assert_eq!(text("a = <<EOT\n  EOT\nb = 1\n").as_deref(), Some(""));
    assert_eq!(text("a = <<-EOT\n    x\n      y\n\n    z\n  EOT\n").as_deref(), Some("x\n  y\n\nz\n"));
    assert_eq!(text("a = <<EOT\r\nx\r\nEOT\r\n").as_deref(), Some("x\r\n"));
    assert_eq!(text("a = <<EOT\n$${x} %%{y}\nEOT\n").as_deref(), Some("${x} %{y}\n"));
    assert_eq!(text("a = <<-EOT\n\tx\n\t  y\n\tEOT\n").as_deref(), Some("x\n  y\n"));
    let (body, _) = parse("a = <<-EOT\n  ${x}\n    y\n  EOT\n");
    let ExprKind::Template(template) = &body.attributes[0].expr.kind else { panic!("not a template") };
    assert!(matches!(template.parts.as_slice(), [Part::Interpolation(_), Part::Text(text, _)] if &**text == "\n  y\n"));
}

/// Bits of the language, to be strung together at random.
const BITS: &[&str] = &[
    "resource", "a", "\"b\"", "{", "}", "\n", "=", "1", "[", "]", "(", ")", "\"", "${", "%{", "if", "for", "in", "x",
    ":", "=>", "...", "?", "<<EOT\n", "<<-EOT\n", "EOT", "EOT\n", "~}", "${~", ",", ".", "*", "[*]", ".*", "-", "!",
    "&&", "||", "==", "::", "1.5", "#c\n", "/*", "*/", "\\", "\\u12", "$${", "é", "\r\n", "\r", ";", "endif", "endfor",
    "else", " ", "\u{feff}", "null", "true", "0.1",
];

/// What the other parser wrongly takes; each checked with Terraform, which refuses it too.
const ONLY_WE_REFUSE: &[&str] = &[
    "Invalid number literal",
    "Invalid legacy index syntax",
    "Invalid 'for' expression",
    "Nested splat expression not allowed",
];

/// The bits without line ends: those inside quotes and heredocs the other parser misreads.
fn on_one_line() -> Vec<&'static str> {
    BITS.iter().copied().filter(|bit| !bit.contains(['\n', '\r', '\u{feff}', '<'])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_parsed_or_refused_in_its_place(bits in prop::collection::vec(prop::sample::select(BITS), 0..60)) {
        let text = bits.concat();
        let (body, diags) = parse(&text);
        for diag in &diags {
            let range = &diag.span.as_ref().unwrap().range;
            prop_assert!(range.start <= range.end && range.end <= text.len(), "{:?} {:?}", text, diag);
            prop_assert!(text.is_char_boundary(range.start) && text.is_char_boundary(range.end));
        }
        for attribute in &body.attributes {
            prop_assert!(attribute.span.range.end <= text.len());
        }
        let expr = Text { file: FileId(0), name: "t", text: &text };
        parse_expr(expr);
        parse_template(expr);
    }

    #[test]
    fn what_the_other_parser_takes_we_take(bits in prop::collection::vec(prop::sample::select(on_one_line()), 0..8)) {
        let text = format!("x = {}\n", bits.concat());
        let (_, ours) = parse(&text);
        if hcl_edit::parser::parse_body(&text).is_ok() && !ours.is_empty() {
            let known = ONLY_WE_REFUSE;
            prop_assert!(ours.iter().all(|d| known.contains(&d.summary.as_str())), "{:?} {:?}", text, ours);
        }
    }
}

/// Work grows with the text, not faster: many times the text takes not much more than many times the time.
#[test]
fn work_is_linear() {
    let block = "resource \"aws_instance\" \"web\" {\n  ami = var.ami\n  tags = { Name = \"web-${count.index}\", a = [1, 2, 3] }\n  user_data = <<-EOT\n    #!/bin/sh\n    echo ${local.x}\n  EOT\n  nested {\n    x = a ? b : c + 1 * 2\n  }\n}\n\n";
    let time = |copies: usize| {
        let text = block.repeat(copies);
        let start = Instant::now();
        let (body, diags) = parse(&text);
        assert_eq!((body.blocks.len(), diags.len()), (copies, 0));
        start.elapsed()
    };
    time(100);
    let (small, large) = (time(500), time(8000));
    assert!(large < small * 16 * 4, "16 times the text took {large:?} after {small:?}");
}
