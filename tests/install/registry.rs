//! Registries.

use super::server::Server;
use super::work::{Work, fixture};
use serde_json::{Value, json};
use straddle::plugin::discover::platform;

const VERSIONS: [&str; 3] = ["1.2.0", "1.2.5", "1.3.0"];

fn download(server: &Server, version: &str) -> String {
    let (os, arch) = platform().split_once('_').map(|(o, a)| (o.to_owned(), a.to_owned())).unwrap();
    let _ = server;
    format!("/v1/providers/acme/fake/{version}/download/{os}/{arch}")
}

/// A registry with three versions of a provider.
fn registry() -> Server {
    let server = Server::start();
    server.json(
        "/.well-known/terraform.json",
        &json!({ "providers.v1": "/v1/providers/", "modules.v1": "/v1/modules/" }),
    );
    let listed: Vec<Value> = VERSIONS
        .iter()
        .map(|v| json!({ "version": v, "protocols": ["5.0"], "platforms": [] }))
        .chain([
            json!({ "version": "2.0.0", "protocols": ["7.0"] }),
            json!({ "version": "1.4.0-beta1", "protocols": ["6.0"] }),
        ])
        .collect();
    server.json("/v1/providers/acme/fake/versions", &json!({ "versions": listed }));
    for version in VERSIONS {
        let (_, file, page) = document(version);
        server.json(&download(&server, version), &page);
        server.put(&format!("/files/{file}"), fixture(&format!("fake-{version}.zip")));
        server.put(&format!("/files/{version}.sums"), fixture(&format!("fake-{version}.sums")));
        server.put(&format!("/files/{version}.sig"), fixture(&format!("fake-{version}.sums.sig")));
    }
    server
}

fn document(version: &str) -> (String, String, Value) {
    let file = format!("terraform-provider-fake_{version}_{}.zip", platform());
    let sums = String::from_utf8(fixture(&format!("fake-{version}.sums"))).unwrap();
    let sum = sums.split_whitespace().next().unwrap().to_owned();
    let (os, arch) = platform().split_once('_').map(|(o, a)| (o.to_owned(), a.to_owned())).unwrap();
    let key = String::from_utf8(fixture("key.asc")).unwrap();
    let page = json!({
        "protocols": ["5.0"], "os": os, "arch": arch, "filename": file,
        "download_url": format!("/files/{file}"), "shasum": sum,
        "shasums_url": format!("/files/{version}.sums"), "shasums_signature_url": format!("/files/{version}.sig"),
        "signing_keys": { "gpg_public_keys": [{ "key_id": "x", "ascii_armor": key }] },
    });
    (sum, file, page)
}

fn config(server: &Server, constraints: &str) -> String {
    format!(
        "terraform {{\n  required_providers {{\n    fake = {{\n      source  = \"{}/acme/fake\"\n      version = \"{constraints}\"\n    \
         }}\n  }}\n}}\n",
        server.host()
    )
}

#[test]
fn a_signed_provider_is_installed_and_locked_as_terraform_does() {
    let server = registry();
    let config = config(&server, "~> 1.2.0");
    let ours = Work::new(&config).trusting(&server);
    let said = ours.well(&["init"]);
    assert!(said.contains("1.2.5: installed (signed)"), "{said}");
    let theirs = ours.twin(&config);
    let Some(said) = theirs.terraform(&["init", "-input=false"]) else { return };
    assert_eq!(said.code, 0, "{}", said.all);
    assert_eq!(ours.read(".terraform.lock.hcl"), theirs.read(".terraform.lock.hcl"));
    assert_eq!(ours.tree(".terraform"), theirs.tree(".terraform"));
    // Each accepts what the other has installed.
    let said = ours.terraform(&["init", "-input=false", "-lockfile=readonly"]).unwrap();
    assert!(said.code == 0 && said.all.contains("Using previously-installed"), "{}", said.all);
    let said = theirs.well(&["init", "-lockfile=readonly"]);
    assert!(said.contains("1.2.5: installed already"), "{said}");
}

#[test]
fn the_lock_file_holds_until_an_upgrade_is_asked_for() {
    let server = registry();
    let work = Work::new(&config(&server, "1.2.0")).trusting(&server);
    work.well(&["init"]);
    work.write("main.tf", &config(&server, ">= 1.2.0"));
    let said = work.well(&["init"]);
    assert!(said.contains("version 1.2.0 of the lock file"), "{said}");
    let said = work.well(&["init", "-upgrade"]);
    assert!(said.contains("1.3.0: installed"), "{said}");
    work.write("main.tf", &config(&server, "< 1.3.0"));
    work.refused(&["init"], "which does not meet the constraints < 1.3.0");
    work.write("main.tf", &config(&server, ">= 3"));
    work.refused(&["init", "-upgrade"], "no available version of");
    // Nothing was spoiled by the refusals.
    assert!(work.read(".terraform.lock.hcl").contains("1.3.0"));
    work.write("main.tf", &config(&server, "1.4.0-beta1"));
    work.refused(&["init", "-upgrade"], "has no package for");
    std::fs::remove_file(work.path(".terraform.lock.hcl")).unwrap();
    work.write("main.tf", &config(&server, "1.2.0"));
    work.refused(&["init", "-lockfile=readonly"], "is not to be changed");
}

#[test]
fn what_is_not_as_its_publisher_signed_it_is_refused() {
    let refuse = |spoil: &dyn Fn(&Server), words: &str| {
        let server = registry();
        spoil(&server);
        let work = Work::new(&config(&server, "1.3.0")).trusting(&server);
        work.refused(&["init"], words);
        assert!(work.tree(".terraform/providers").is_empty(), "{words}: something was installed");
        assert!(!work.path(".terraform.lock.hcl").exists());
        if let Some(said) = work.terraform(&["init", "-input=false"]) {
            assert_eq!(said.code, 1, "the oracle takes it: {}", said.all);
        }
    };
    let file = format!("/files/terraform-provider-fake_1.3.0_{}.zip", platform());
    refuse(&|server| server.put(&file, fixture("fake-1.2.0.zip")), "its checksum is not the one that was announced");
    refuse(&|server| server.put("/files/1.3.0.sums", fixture("fake-1.2.0.sums")), "not signed by any key");
    refuse(&|server| server.put("/files/1.3.0.sig", fixture("fake-1.3.0.sums.other.sig")), "not signed by any key");
    refuse(&|server| server.put("/files/1.3.0.sig", b"nonsense".to_vec()), "cannot be read");
    let (_, _, mut page) = document("1.3.0");
    page["signing_keys"] = json!({ "gpg_public_keys": [] });
    refuse(&|server| server.json(&download(server, "1.3.0"), &page), "names no key");
    let (_, _, mut page) = document("1.3.0");
    page["shasum"] = json!("00".repeat(32));
    refuse(&|server| server.json(&download(server, "1.3.0"), &page), "has another checksum");
    let (_, _, mut page) = document("1.3.0");
    page["signing_keys"]["gpg_public_keys"][0]["ascii_armor"] = json!(String::from_utf8(fixture("other.asc")).unwrap());
    refuse(&|server| server.json(&download(server, "1.3.0"), &page), "not signed by any key");
}

#[test]
fn a_server_that_nobody_vouches_for_is_not_asked() {
    let server = registry();
    let work = Work::new(&config(&server, "1.3.0"));
    work.refused(&["init"], "certificate");
    assert!(server.asked().is_empty(), "{:?}", server.asked());
}

#[test]
fn a_token_is_shown_to_its_host_alone() {
    let server = registry();
    let elsewhere = Server::start();
    let (_, file, mut page) = document("1.3.0");
    elsewhere.put("/far.zip", fixture("fake-1.3.0.zip"));
    page["download_url"] = json!(elsewhere.url("/far.zip"));
    server.json(&download(&server, "1.3.0"), &page);
    // Both authorities in one file.
    let both = format!(
        "{}{}",
        std::fs::read_to_string(&server.authority).unwrap(),
        std::fs::read_to_string(&elsewhere.authority).unwrap()
    );
    let work = Work::new(&config(&server, "1.3.0"))
        .cli(&format!("credentials \"{}\" {{\n  token = \"s3cr3t\"\n}}\n", server.host()));
    work.write("both.pem", &both);
    let path = work.path("both.pem").to_str().unwrap().to_owned();
    let work = work.with("SSL_CERT_FILE", &path);
    let said = work.well(&["init"]);
    assert!(!said.contains("s3cr3t"));
    let asked = server.asked();
    assert!(asked.iter().any(|line| line.ends_with("versions Bearer s3cr3t")), "{asked:?}");
    assert_eq!(elsewhere.asked(), ["/far.zip"], "the token went to another host");
    assert!(!asked.iter().any(|line| line.contains(&file)));
}

#[test]
fn checksums_for_other_platforms_are_locked() {
    let server = registry();
    let work = Work::new(&config(&server, "1.2.5")).trusting(&server);
    let twin = work.twin(&config(&server, "1.2.5"));
    work.well(&["providers", "lock", &format!("-platform={}", platform())]);
    let Some(said) = twin.terraform(&["providers", "lock", &format!("-platform={}", platform())]) else { return };
    assert_eq!(said.code, 0, "{}", said.all);
    assert_eq!(work.read(".terraform.lock.hcl"), twin.read(".terraform.lock.hcl"));
    let said = work.well(&["providers", "lock", &format!("-platform={}", platform())]);
    assert!(said.contains("has all of them"), "{said}");
}
