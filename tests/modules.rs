//! Directories to modules to values: files, overrides, variables, calls.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::Path;
use straddle::diag::{Diagnostic, Sources};
use straddle::lang::display::display;
use straddle::lang::evaluate::Surroundings;
use straddle::lang::functions::FunctionContext;
use straddle::lang::load::{Disk, Loaded, load, read_tfvars};
use straddle::lang::module::Mode;
use straddle::lang::scope::{NoResources, Paths};
use straddle::lang::tree::Tree;
use straddle::lang::validate::validate;
use straddle::lang::value::Str;
use straddle::lang::variables::{Given, assign, read_values};
use straddle::plan::env::Env;
use straddle::spec::Spec;
use tempfile::TempDir;

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    directory
}

fn summaries(diags: &[Diagnostic]) -> Vec<&str> {
    diags.iter().map(|d| d.summary.as_str()).collect()
}

fn with_surroundings<R>(directory: &Path, sources: &Sources, f: impl FnOnce(Surroundings<'_>) -> R) -> R {
    let disk = Disk::default();
    let functions = FunctionContext {
        base_directory: directory,
        files: &disk,
        now: None,
        plan_time: None,
        random: None,
        providers: None,
        templates: None,
        sources: None,
    };
    let paths = Paths { module: ".".into(), root: ".".into(), cwd: "/".into() };
    f(Surroundings { functions, paths: &paths, workspace: "default", sources, console: false })
}

/// The outputs of a directory, as text, and all errors on the way.
fn run(directory: &Path, given: &[(Str, Given)]) -> (Vec<String>, Vec<String>) {
    let mut loaded = load(directory);
    let (files, mut diags) = read_tfvars(directory, &mut loaded.sources);
    let mut all = Vec::new();
    for file in files {
        let (values, problems) = read_values(file, &loaded.sources);
        all.extend(values);
        diags.extend(problems);
    }
    all.extend(given.iter().cloned());
    let module = &loaded.config.module;
    let (variables, problems) = assign(module, &all, &mut loaded.sources);
    diags.extend(problems);
    diags.extend(loaded.diags.clone());
    with_surroundings(directory, &loaded.sources, |around| {
        let spec = Spec::default();
        let tree = Tree::of(&loaded.config, ".");
        let env = Env::new(tree, &spec, &variables, around.functions, &loaded.sources);
        env.settle();
        let mut shown = Vec::new();
        for name in module.outputs.keys() {
            match env.output(0, name) {
                Ok(value) => shown.push(format!("{name} = {}", display(&value))),
                Err(problems) => diags.extend(problems),
            }
        }
        (shown, diags.iter().map(|d| d.summary.clone()).collect())
    })
}

fn text(name: &str, text: &str) -> (Str, Given) {
    (name.into(), Given::Text(text.into(), format!("-var {name}")))
}

#[test]
fn values_of_variables_in_rising_precedence() {
    let dir = directory(&[
        (
            "main.tf",
            "variable \"a\" { default = \"default\" }\nvariable \"b\" {}\nvariable \"c\" { type = list(number) }\noutput \"all\" { value = \"${var.a} ${var.b} ${var.c[1]}\" }\n",
        ),
        ("terraform.tfvars", "a = \"file\"\nb = \"file\"\n"),
        ("z.auto.tfvars", "b = \"z\"\n"),
        ("y.auto.tfvars", "b = \"y\"\n"),
    ]);
    let (shown, diags) = run(dir.path(), &[text("c", "[1, 2]")]);
    assert_eq!((shown, diags), (vec!["all = \"file z 2\"".to_owned()], vec![]));
    let (shown, _) = run(dir.path(), &[text("c", "[1, 2]"), text("b", "[not parsed")]);
    assert_eq!(shown, ["all = \"file [not parsed 2\""]);
    let (_, diags) = run(dir.path(), &[text("c", "[1, "), text("d", "x")]);
    assert_eq!(diags, ["Value for undeclared variable", "Missing expression", "No value for required variable"]);
    let (_, diags) = run(dir.path(), &[]);
    assert_eq!(diags, ["No value for required variable"]);
}

#[test]
fn optional_attributes_nulls_and_sensitive_inputs() {
    let dir = directory(&[(
        "main.tf",
        "variable \"o\" {\n  type = list(object({ a = string, b = optional(number, 5), c = optional(bool) }))\n}\n\
         variable \"n\" {\n  default  = \"d\"\n  nullable = false\n}\n\
         variable \"s\" {\n  default   = \"x\"\n  sensitive = true\n}\n\
         output \"o\" { value = var.o }\noutput \"n\" { value = var.n }\noutput \"s\" { value = [var.s] }\n",
    )]);
    let (shown, diags) = run(
        dir.path(),
        &[
            text("o", "[{a = 1}]"),
            (
                Str::new("n"),
                Given::Value(straddle::lang::value::Value::null(straddle::lang::value::Type::Dynamic), None),
            ),
        ],
    );
    assert_eq!(diags, Vec::<String>::new());
    let o = "o = tolist([\n  {\n    \"a\" = \"1\"\n    \"b\" = 5\n    \"c\" = tobool(null)\n  },\n])";
    assert_eq!(shown, ["n = \"d\"", o, "s = [\n  (sensitive value),\n]"]);
    let (_, diags) = run(dir.path(), &[text("o", "[{}]")]);
    assert_eq!(diags, ["Invalid value for input variable"]);
}

#[test]
fn override_files_are_merged() {
    let dir = directory(&[
        (
            "main.tf",
            "variable \"a\" {\n  type    = string\n  default = \"base\"\n}\nlocals {\n  x = 1\n  y = 2\n}\nresource \"t_x\" \"r\" {\n  k = 1\n  l = 2\n  n {\n    p = 1\n  }\n}\noutput \"o\" { value = \"${var.a} ${local.x} ${local.y}\" }\n",
        ),
        (
            "b_override.tf",
            "variable \"a\" {\n  default = \"over\"\n}\nlocals {\n  y = 3\n}\nresource \"t_x\" \"r\" {\n  k = 7\n  n {\n    p = 2\n  }\n  n {\n    p = 3\n  }\n}\n",
        ),
        ("override.tf", "variable \"nope\" {}\n"),
    ]);
    let (shown, diags) = run(dir.path(), &[]);
    assert_eq!(shown, ["o = \"over 1 3\""]);
    assert_eq!(diags, ["Missing base variable declaration to override"]);
    let loaded = load(dir.path());
    let resource = loaded.config.module.resource(Mode::Managed, "t_x", "r").unwrap();
    assert_eq!((resource.body.attributes.len(), resource.body.blocks.len()), (2, 2));
}

#[test]
fn own_blocks_stand_in_own_files_only() {
    let own = "location \"a\" {\n  class = \"hot\"\n}\nworkload \"w\" {\n  replica \"r\" {\n    resource \"t_x\" \"s\" {}\n  }\n}\nresource \"t_x\" \"r\" {}\n";
    let dir = directory(&[("fleet.straddle.hcl", own)]);
    let loaded = load(dir.path());
    assert_eq!(summaries(&loaded.diags), Vec::<&str>::new());
    assert_eq!(loaded.config.module.own.len(), 2);
    assert_eq!(loaded.config.module.own_of("location").count(), 1);
    assert!(loaded.config.module.resource(Mode::Managed, "t_x", "r").is_some());
    let dir = directory(&[("main.tf", own), ("b.straddle.hcl", "locaton \"x\" {}\n")]);
    let loaded = load(dir.path());
    assert_eq!(summaries(&loaded.diags), ["Unsupported block type"; 3]);
    assert!(loaded.diags.iter().any(|d| d.help.contains(".straddle.hcl")));
}

#[test]
fn what_is_not_text_is_refused_by_name() {
    let dir = directory(&[("main.tf", "locals {}\n")]);
    std::fs::write(dir.path().join("bad.tf"), b"x = \"\xff\"\n").unwrap();
    let loaded = load(dir.path());
    assert_eq!(summaries(&loaded.diags), ["Invalid character encoding"]);
    let span = loaded.diags[0].span.clone().unwrap();
    assert_eq!((loaded.sources.files[span.file.0 as usize].name.as_str(), span.range.start), ("bad.tf", 5));
    assert_eq!(summaries(&load(&dir.path().join("nope")).diags), ["Failed to read module directory"]);
}

#[test]
fn module_calls_with_instances() {
    let dir = directory(&[
        ("m/main.tf", "variable \"n\" { type = number }\noutput \"twice\" { value = var.n * 2 }\n"),
        (
            "main.tf",
            "module \"one\" {\n  source = \"./m\"\n  n = local.n\n}\nmodule \"many\" {\n  source = \"./m\"\n  count = 2\n  n = count.index\n}\nmodule \"each\" {\n  source = \"./m\"\n  for_each = { a = 5, b = \"6\" }\n  n = each.value\n}\nlocals {\n  n = 4\n  sum = module.one.twice + module.many[1].twice + module.each[\"b\"].twice\n}\noutput \"o\" { value = local.sum }\n",
        ),
    ]);
    let (shown, diags) = run(dir.path(), &[]);
    assert_eq!((shown, diags), (vec!["o = 22".to_owned()], vec![]));
    let dir = directory(&[
        ("m/main.tf", "variable \"n\" { type = number }\n"),
        (
            "main.tf",
            "module \"m\" {\n  source = \"./m\"\n  x = 1\n}\nmodule \"k\" {\n  source = \"./m\"\n  n = \"x\"\n}\nmodule \"far\" {\n  source = \"a/b/c\"\n}\n",
        ),
    ]);
    let loaded = load(dir.path());
    assert_eq!(summaries(&loaded.diags), ["Module not installed"]);
    let loaded = Loaded { diags: Vec::new(), ..loaded };
    assert_eq!(
        validated(&loaded, dir.path()),
        ["Missing required argument", "Unsupported argument", "Invalid value for input variable"]
    );
}

#[test]
fn a_module_that_calls_itself_ends() {
    let dir = directory(&[("main.tf", "module \"m\" {\n  source = \"./.\"\n}\n")]);
    assert_eq!(summaries(&load(dir.path()).diags), ["Module not installed"]);
}

#[test]
fn a_long_chain_of_locals_is_evaluated_in_order() {
    let mut main = String::from("locals {\n  l0 = 1\n");
    for i in 1..5000 {
        main.push_str(&format!("  l{i} = local.l{} + 1\n", i - 1));
    }
    main.push_str("}\noutput \"o\" { value = local.l4999 }\n");
    let dir = directory(&[("main.tf", &main)]);
    assert_eq!(run(dir.path(), &[]), (vec!["o = 5000".to_owned()], vec![]));
}

fn validated(loaded: &Loaded, directory: &Path) -> Vec<String> {
    with_surroundings(directory, &loaded.sources, |around| {
        validate(loaded, &NoResources, around).into_iter().map(|d| d.summary).collect()
    })
}

#[test]
fn all_mistakes_of_a_module_are_told_at_once() {
    let dir = directory(&[(
        "main.tf",
        "locals {\n  a = var.x\n  b = local.b\n}\nresource \"terraform_data\" \"r\" {\n  inptu = 1\n  triggers_replace = terraform_data.q.id\n}\n\
         output \"o\" {\n  value = terraform_data.r.nope + true\n}\nresource \"terraform_data\" \"c\" {\n  count = 2\n  input = count.index\n}\noutput \"p\" {\n  value = terraform_data.c.id\n}\n",
    )]);
    let found = validated(&load(dir.path()), dir.path());
    assert_eq!(
        found,
        [
            "Reference to undeclared input variable",
            "Self-referencing local value",
            "Reference to undeclared resource",
            "Unsupported attribute",
            "Invalid operand",
            "Missing resource instance key",
            // Terraform says it when the reference is mended.
            "Unsupported argument",
        ]
    );
}
