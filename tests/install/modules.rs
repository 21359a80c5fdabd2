//! Modules of registries, repositories and archives.

use super::server::{Page, Server};
use super::work::Work;
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::process::Command;

const MODULE: &str = "variable \"x\" {\n  default = \"d\"\n}\noutput \"y\" {\n  value = \"module ${var.x}\"\n}\n";

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar_gz(files: &[(&str, &str)]) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut builder = tar::Builder::new(encoder);
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// A repository with two tags; in the first the module is in `m`, and calls its neighbour.
fn repository() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "init.defaultBranch=main"];
        let output = Command::new("git").args(identity).args(arguments).current_dir(dir.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    git(&["init", "--quiet"]);
    write("m/main.tf", "module \"n\" {\n  source = \"../n\"\n}\noutput \"y\" {\n  value = module.n.y\n}\n");
    write("n/main.tf", MODULE);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "one"]);
    git(&["tag", "v1"]);
    write("m/main.tf", MODULE);
    git(&["commit", "--quiet", "-a", "-m", "two"]);
    dir
}

/// A server with modules of every kind.
fn server() -> Server {
    let server = Server::start();
    server.json("/.well-known/terraform.json", &json!({ "modules.v1": "/v1/modules/" }));
    let versions =
        json!([{ "version": "1.0.0" }, { "version": "1.2.0" }, { "version": "2.0.0" }, { "version": "1.3.0-rc1" }]);
    server.json("/v1/modules/acme/net/sim/versions", &json!({ "modules": [{ "versions": versions }] }));
    for version in ["1.0.0", "1.2.0", "2.0.0"] {
        let to = format!("/archives/net-{version}.zip//inside?archive=zip");
        let page = Page { status: 204, headers: vec![("X-Terraform-Get".into(), to)], bytes: Vec::new() };
        server.page(&format!("/v1/modules/acme/net/sim/{version}/download"), page);
        let archive = zip(&[("inside/main.tf", MODULE), ("inside/sub/main.tf", MODULE), ("README", version)]);
        server.put(&format!("/archives/net-{version}.zip"), archive);
    }
    server.put("/plain.zip", zip(&[("main.tf", MODULE)]));
    server.put("/plain.tar.gz", tar_gz(&[("deep/er/main.tf", MODULE)]));
    let page = "<html><head><meta name=\"terraform-get\" content=\"PLAIN\"></head></html>";
    server.put("/page?terraform-get=1", page.replace("PLAIN", &server.url("/plain.zip")));
    server
}

/// Terraform wants a dot in the host of a module, so the CLI configuration says where the services of one are.
fn cli(server: &Server) -> String {
    let url = server.url("/v1/modules/");
    format!("host \"modules.example\" {{\n  services = {{\n    \"modules.v1\" = \"{url}\"\n  }}\n}}\n")
}

fn config(server: &Server, repository: &Path) -> String {
    let host = "modules.example";
    let repository = repository.display();
    let call = |name: &str, source: &str, version: &str| {
        let version = if version.is_empty() { String::new() } else { format!("  version = \"{version}\"\n") };
        format!("module \"{name}\" {{\n  source = \"{source}\"\n{version}}}\n")
    };
    [
        call("registry", &format!("{host}/acme/net/sim"), "~> 1.0"),
        call("part", &format!("{host}/acme/net/sim//sub"), "1.0.0"),
        call("git", &format!("git::file://{repository}//m?ref=v1"), ""),
        call("newest", &format!("git::file://{repository}//m"), ""),
        call("zip", &server.url("/plain.zip"), ""),
        call("tar", &server.url("/plain.tar.gz//deep/er"), ""),
        call("page", &server.url("/page"), ""),
        call("local", "./local", ""),
    ]
    .concat()
}

#[test]
fn modules_of_every_kind_are_brought_as_terraform_does() {
    let (server, repository) = (server(), repository());
    let config = config(&server, repository.path());
    let ours = Work::new(&config).trusting(&server).cli(&cli(&server));
    ours.write("local/main.tf", MODULE);
    ours.well(&["init"]);
    let theirs = ours.twin(&config);
    theirs.write("local/main.tf", MODULE);
    if let Some(said) = theirs.terraform(&["init", "-input=false"]) {
        assert_eq!(said.code, 0, "{}", said.all);
        let manifest = ".terraform/modules/modules.json";
        assert_eq!(ours.read(manifest), theirs.read(manifest));
        let files = |work: &Work| {
            let mut tree = work.tree(".terraform/modules");
            tree.retain(|name| !name.contains("/.git/"));
            tree
        };
        assert_eq!(files(&ours), files(&theirs));
        let said = ours.terraform(&["validate"]).unwrap();
        assert_eq!(said.code, 0, "the oracle does not take our modules: {}", said.all);
        theirs.well(&["validate"]);
    }
    ours.well(&["validate"]);
    // What is there already is not fetched again.
    let before = server.asked().len();
    ours.well(&["init"]);
    assert_eq!(server.asked().len(), before);
    assert!(ours.read(".terraform/modules/modules.json").contains("\"Version\":\"1.2.0\""));
}

#[test]
fn a_newer_version_is_taken_when_asked_for() {
    let server = server();
    let call = |version: &str| {
        format!("module \"m\" {{\n  source  = \"modules.example/acme/net/sim\"\n  version = \"{version}\"\n}}\n")
    };
    let work = Work::new(&call("1.0.0")).trusting(&server).cli(&cli(&server));
    work.well(&["init"]);
    work.write("main.tf", &call(">= 1.0.0"));
    work.well(&["init"]);
    assert!(work.read(".terraform/modules/modules.json").contains("\"Version\":\"1.0.0\""));
    work.well(&["init", "-upgrade"]);
    assert!(work.read(".terraform/modules/modules.json").contains("\"Version\":\"2.0.0\""));
    work.write("main.tf", &call(">= 3"));
    work.refused(&["init"], "no available version of");
}

#[test]
fn a_module_that_was_not_brought_or_cannot_be_is_named() {
    let server = server();
    let call = |source: &str| Work::new(&format!("module \"m\" {{\n  source = \"{source}\"\n}}\n")).trusting(&server);
    call(&server.url("/plain.zip")).refused(&["validate"], "run `straddle init`");
    call(&server.url("/nothing.zip")).refused(&["init"], "status 404");
    call(&server.url("/plain.zip//none")).refused(&["init"], "has no directory");
    call("git::file:///nowhere/at/all").refused(&["init"], "git clone failed");
    call("s3::https://x/y").refused(&["init"], "of the kind s3");
    call("./none").refused(&["init"], "There is no directory");
    server.put("/evil.zip", zip(&[("../../evil.tf", MODULE)]));
    let evil = call(&server.url("/evil.zip"));
    evil.refused(&["init"], "leads out of the directory");
    assert!(!evil.path(".terraform/evil.tf").exists() && !evil.path("evil.tf").exists());
}
