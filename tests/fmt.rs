//! `fmt` against the real one: the outputs beside the inputs were written by Terraform 1.11.4, and where it is on the PATH it is
//! asked again, about these and about random texts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::{Path, PathBuf};
use std::process::Command;
use straddle::diag::FileId;
use straddle::lang::syntax::Text;
use straddle::lang::syntax::format::format;

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fmt").join(name)
}

fn ours(text: &str) -> String {
    format(Text { file: FileId(0), name: "x.tf", text }).unwrap_or_else(|e| panic!("{text}\n{e:#?}"))
}

fn inputs() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = std::fs::read_dir(directory("in"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    all.sort();
    all
}

#[test]
fn as_terraform_wrote_it() {
    let inputs = inputs();
    assert!(inputs.len() >= 10);
    for (name, input) in inputs {
        let expected = std::fs::read_to_string(directory("out").join(&name)).unwrap();
        assert_eq!(ours(&input), expected, "{name}");
    }
}

/// What Terraform makes of texts, all at once; nothing where it is not installed.
fn theirs(texts: &[String]) -> Option<Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    for (i, text) in texts.iter().enumerate() {
        std::fs::write(directory.path().join(format!("{i}.tf")), text).unwrap();
    }
    let mut terraform = Command::new("terraform");
    terraform.args(["fmt", "-no-color", "-list=false"]).current_dir(directory.path());
    let output = terraform.env("CHECKPOINT_DISABLE", "1").env("TF_CLI_CONFIG_FILE", "/dev/null").output();
    let Ok(output) = output else {
        eprintln!("terraform is not on the PATH: not compared");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read = |i| std::fs::read_to_string(directory.path().join(format!("{i}.tf"))).unwrap();
    Some((0..texts.len()).map(read).collect())
}

fn compare(texts: &[String]) {
    let Some(theirs) = theirs(texts) else { return };
    let mut compared = 0;
    for (text, theirs) in texts.iter().zip(theirs) {
        // Terraform breaks some files: see the head of the module.
        if format(Text { file: FileId(0), name: "x.tf", text: &theirs }).is_ok() {
            assert_eq!(ours(text), theirs, "of\n{text}");
            compared += 1;
        }
    }
    assert!(compared * 10 > texts.len() * 9, "{compared} of {} compared", texts.len());
}

#[test]
fn terraform_still_writes_so() {
    let inputs = inputs();
    let texts: Vec<String> = inputs.iter().map(|(_, text)| text.clone()).collect();
    let Some(theirs) = theirs(&texts) else { return };
    for ((name, _), theirs) in inputs.iter().zip(theirs) {
        let written = std::fs::read_to_string(directory("out").join(name)).unwrap();
        assert_eq!(theirs, written, "{name}: Terraform's own result has changed");
    }
}

#[test]
fn random_texts_as_terraform() {
    let texts: Vec<String> = (1..400).map(Soup::text).collect();
    compare(&texts);
}

#[test]
fn twice_is_once() {
    for seed in 1..400 {
        let once = ours(&Soup::text(seed));
        // A text inside a text inside a text loses one pair of quotes each time, in Terraform as well.
        let twice = ours(&ours(&once));
        assert_eq!(ours(&twice), twice, "{once}");
    }
}

/// Texts with odd spacing that are right all the same.
struct Soup {
    state: u64,
    out: String,
}

impl Soup {
    fn text(seed: u64) -> String {
        let mut soup = Soup { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), out: String::new() };
        soup.body(0);
        if soup.one_in(8) {
            soup.blank();
        }
        soup.out
    }

    fn below(&mut self, n: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn one_of(&mut self, all: &[&str]) {
        let text = all[self.below(all.len() as u64) as usize];
        self.out.push_str(text);
    }

    fn blank(&mut self) {
        self.one_of(&["", "", " ", " ", "  ", "\t", "    ", "/* c */", " /* é\n c */ "]);
    }

    /// Between tokens where line ends do not count.
    fn free(&mut self) {
        if self.one_in(5) {
            self.one_of(&["\n", "\n\n", " # c\n", "\n  // c\n", " \r\n", "\n/* c */\n\t"]);
        }
        self.blank();
    }

    fn gap(&mut self, free: bool) {
        if free { self.free() } else { self.blank() }
    }

    fn word(&mut self) {
        self.one_of(&["a", "bb", "foo", "long_name", "in", "for", "if", "é", "type", "x-y", "null", "true"]);
    }

    fn line_end(&mut self) {
        self.one_of(&[
            "\n",
            "\n",
            "\n",
            " # comment\n",
            "// c\n",
            "  \n",
            "\n\n",
            "#c\n\n\n",
            "\r\n",
            " /* c */\n",
            " /* c */ # d\n",
        ]);
    }

    fn body(&mut self, depth: u64) {
        for i in 0..self.below(6) {
            if self.one_in(6) {
                self.one_of(&["# alone\n", "\n", "  // c\n", "/* a\n  b */\n", "\n\n"]);
            }
            self.blank();
            if depth < 3 && self.one_in(3) {
                self.block(depth);
            } else {
                if depth == 1 && self.one_in(8) {
                    self.out.push_str("type");
                } else {
                    self.word();
                }
                self.out.push_str(&format!("_{i}"));
                self.assignment(depth);
            }
            self.line_end();
        }
    }

    fn assignment(&mut self, depth: u64) {
        self.blank();
        self.out.push('=');
        self.blank();
        self.expr(depth, false);
    }

    fn block(&mut self, depth: u64) {
        if self.one_in(4) {
            self.out.push_str("variable");
        } else {
            self.word();
        }
        for _ in 0..self.below(3) {
            self.out.push(' ');
            self.blank();
            self.one_of(&["\"l\"", "bare", "\"two words\"", "\"\"", "\"t\\tab\"", "\"e\u{301}\"", "\"\\u200b\""]);
        }
        self.blank();
        self.out.push('{');
        match self.below(4) {
            0 => self.blank(),
            1 => {
                self.blank();
                self.one_of(&["x", "type", "in"]);
                self.assignment(depth + 1);
                self.blank();
            }
            _ => {
                self.line_end();
                if self.one_in(4) {
                    self.out.push_str("type=");
                    self.one_of(&[
                        "list",
                        "\"list\"",
                        "\"map\"",
                        "set",
                        "string",
                        "\"string\"",
                        "\"number\"",
                        "list(any)",
                        "map",
                    ]);
                    self.line_end();
                }
                self.body(depth + 1);
                self.blank();
            }
        }
        self.out.push('}');
    }

    fn expr(&mut self, depth: u64, free: bool) {
        let pick = if depth > 5 { self.below(4) } else { self.below(20) };
        match pick {
            0 | 1 => self.one_of(&["x", "a.b", "a[0].c", "a . b", "a [ 1 ]", "a.*.b", "x[*] . y", "a.0"]),
            2 => self.one_of(&["1", "12.5e3", "-1", "- 2", "!true", "! x", "null"]),
            3 => self.one_of(&["\"\"", "\"text  with   blanks\"", "\"$\"", "\"a$${b}c\"", "\"%\"", "\"\\\"q\\\"\""]),
            4 | 5 => self.template(depth),
            6 => self.heredoc(depth, free),
            7 | 8 => self.brackets(depth),
            9 | 10 => self.object(depth),
            11 => self.for_expr(depth),
            12 | 13 => self.call(depth),
            14 => {
                self.out.push('(');
                self.free();
                self.expr(depth + 1, true);
                self.free();
                self.out.push(')');
            }
            15 => {
                self.expr(depth + 3, free);
                self.gap(free);
                self.out.push('?');
                self.gap(free);
                self.expr(depth + 3, free);
                self.gap(free);
                self.out.push_str(" :");
                self.gap(free);
                self.expr(depth + 3, free);
            }
            16 | 17 => {
                self.expr(depth + 3, free);
                self.gap(free);
                self.one_of(&["+", " - ", " -", "*", " / ", "%", "==", "!=", "<", ">=", "&&", "||"]);
                self.out.push(' ');
                self.gap(free);
                self.expr(depth + 3, free);
            }
            _ => {
                self.one_of(&["f(x)", "g()", "y"]);
                self.blank();
                self.out.push('[');
                // Terraform drops a comment in here, and `null`.
                self.blank_only();
                self.one_of(&["i", "0", "\"k\"", "a.b+1", "f( x )", "-1"]);
                self.blank_only();
                self.out.push(']');
            }
        }
    }

    fn template(&mut self, depth: u64) {
        self.out.push('"');
        for _ in 0..=self.below(2) {
            if self.one_in(3) {
                self.one_of(&["text ", " ", "\\n", "é"]);
            }
            self.one_of(&["${", "${~", "${"]);
            self.free();
            self.expr(depth + 2, true);
            self.free();
            self.one_of(&["}", " ~}", "}"]);
            if self.one_in(3) {
                self.out.push_str("%{");
                self.blank();
                self.out.push_str("if");
                self.out.push(' ');
                self.expr(depth + 3, true);
                self.one_of(&["}  t  %{endif}", " ~}%{ else }e%{ endif ~}"]);
            }
        }
        self.out.push('"');
    }

    fn heredoc(&mut self, depth: u64, free: bool) {
        if !free {
            // Only line ends may follow the marker.
            self.out.push_str(&format!("f(<<EOT{depth}\n"));
        } else {
            self.one_of(&["<<-", "<<"]);
            self.out.push_str(&format!("EOT{depth}\n"));
        }
        for _ in 0..self.below(3) {
            self.one_of(&["  text\n", "\n", "a  b ", "\ttab\n", "    # no comment\n", "  { \n"]);
            if self.one_in(2) {
                self.out.push_str("${");
                self.free();
                self.expr(depth + 3, true);
                self.free();
                self.out.push('}');
            }
            self.out.push('\n');
        }
        self.blank_only();
        self.out.push_str(&format!("EOT{depth}\n"));
        if !free {
            self.free();
            self.out.push(')');
        }
    }

    fn blank_only(&mut self) {
        self.one_of(&["", "  ", "\t"]);
    }

    fn brackets(&mut self, depth: u64) {
        self.out.push('[');
        self.free();
        for _ in 0..self.below(4) {
            self.expr(depth + 2, true);
            self.free();
            self.out.push(',');
            self.free();
        }
        self.out.push(']');
    }

    fn object(&mut self, depth: u64) {
        self.out.push('{');
        self.one_of(&["", " ", "\n", " # c\n", "\n\n"]);
        for _ in 0..self.below(4) {
            self.one_of(&["k", "\"q k\"", "(x)", "longer_key", "12"]);
            self.blank();
            self.one_of(&["=", ":", " = "]);
            self.blank();
            self.expr(depth + 2, false);
            self.blank();
            self.one_of(&[",", ",", "\n", "\n\n", ",\n", " # c\n", ", // c\n"]);
            self.blank();
        }
        self.out.push('}');
    }

    fn for_expr(&mut self, depth: u64) {
        let object = self.one_in(2);
        self.out.push(if object { '{' } else { '[' });
        self.free();
        self.one_of(&["for k,v in ", "for x in", "for   x  in "]);
        self.out.push(' ');
        self.expr(depth + 3, true);
        self.free();
        self.out.push(':');
        self.free();
        if object {
            self.expr(depth + 3, true);
            self.free();
            self.out.push_str("=>");
            self.free();
        }
        self.expr(depth + 3, true);
        if object && self.one_in(2) {
            self.blank();
            self.out.push_str("...");
        }
        if self.one_in(2) {
            self.out.push_str(" if ");
            self.free();
            self.expr(depth + 3, true);
        }
        self.free();
        self.out.push(if object { '}' } else { ']' });
    }

    fn call(&mut self, depth: u64) {
        self.one_of(&["f", "provider::p::f", "p :: q", "max "]);
        self.blank();
        self.out.push('(');
        self.free();
        for _ in 0..self.below(3) {
            self.expr(depth + 2, true);
            self.free();
            self.out.push(',');
            self.free();
        }
        self.expr(depth + 2, true);
        self.one_of(&["", "", "...", " ... "]);
        self.free();
        self.out.push(')');
    }
}
