//! Directories: mirrors, the shared cache, what was changed after it was installed; and mirrors on servers, which are made of them.

use super::server::Server;
use super::work::{Work, fixture};
use serde_json::Value;
use straddle::plugin::discover::platform;

const CONFIG: &str = "terraform {\n  required_providers {\n    fake = {\n      source  = \"m.example/acme/fake\"\n      version = \"~> 1.2, \
                      != 1.2.9\"\n    }\n    bare = { source = \"m.example/acme/bare\" }\n  }\n}\n";

/// A directory with one provider packed and one unpacked.
fn mirror() -> Work {
    let mirror = Work::new("");
    let packed = mirror.path("m.example/acme/fake");
    std::fs::create_dir_all(&packed).unwrap();
    for version in ["1.2.0", "1.3.0"] {
        let file = packed.join(format!("terraform-provider-fake_{version}_{}.zip", platform()));
        std::fs::write(file, fixture(&format!("fake-{version}.zip"))).unwrap();
    }
    mirror.write(&format!("m.example/acme/bare/0.1.0/{}/terraform-provider-bare", platform()), "#!/bin/sh\nexit 1\n");
    mirror
}

fn cli(mirror: &Work) -> String {
    let path = mirror.path("").display().to_string();
    format!(
        "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
        path.trim_end_matches('/')
    )
}

#[test]
fn packed_and_unpacked_packages_are_installed_as_terraform_does() {
    let mirror = mirror();
    let ours = Work::new(CONFIG).cli(&cli(&mirror));
    let said = ours.well(&["init"]);
    assert!(said.contains("1.3.0: installed (unauthenticated)"), "{said}");
    let theirs = ours.twin(CONFIG);
    let Some(said) = theirs.terraform(&["init", "-input=false"]) else { return };
    assert_eq!(said.code, 0, "{}", said.all);
    assert_eq!(ours.read(".terraform.lock.hcl"), theirs.read(".terraform.lock.hcl"));
    assert_eq!(ours.tree(".terraform"), theirs.tree(".terraform"));
}

#[test]
fn a_plugin_dir_stands_in_for_everything_else() {
    let mirror = mirror();
    let work = Work::new(CONFIG);
    let dir = format!("-plugin-dir={}", mirror.path("").display());
    work.well(&["init", &dir]);
    assert!(work.read(".terraform.lock.hcl").contains("1.3.0"));
}

#[test]
fn several_runs_share_one_cache_at_the_same_time() {
    let mirror = mirror();
    let cache = tempfile::tempdir().unwrap();
    let path = cache.path().to_str().unwrap();
    let works: Vec<Work> =
        (0..6).map(|_| Work::new(CONFIG).cli(&cli(&mirror)).with("TF_PLUGIN_CACHE_DIR", path)).collect();
    let runs: Vec<_> = works.iter().map(|work| work.start(&["init"])).collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let program = format!("m.example/acme/fake/1.3.0/{}/terraform-provider-fake_v1.3.0", platform());
    assert!(cache.path().join(&program).is_file());
    for work in &works {
        assert!(work.path(".terraform/providers").join(&program).is_file());
        assert_eq!(work.read(".terraform.lock.hcl"), works[0].read(".terraform.lock.hcl"));
    }
    // Nothing half done is left in the cache.
    let left: Vec<String> = std::fs::read_dir(cache.path().join("m.example/acme/fake/1.3.0"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, [platform()]);
    // The next run takes it from there, and the real program can use it too.
    std::fs::remove_dir_all(works[0].path(".terraform")).unwrap();
    let said = works[0].well(&["init"]);
    assert!(said.contains("taken from the shared cache"), "{said}");
    std::fs::remove_dir_all(works[0].path(".terraform")).unwrap();
    if let Some(said) = works[0].terraform(&["init", "-input=false"]) {
        assert!(said.code == 0 && said.all.contains("from the shared cache directory"), "{}", said.all);
    }
}

#[test]
fn a_spoiled_cache_is_not_used() {
    let mirror = mirror();
    let cache = tempfile::tempdir().unwrap();
    let work = Work::new(CONFIG).cli(&cli(&mirror)).with("TF_PLUGIN_CACHE_DIR", cache.path().to_str().unwrap());
    work.well(&["init"]);
    let lock = work.read(".terraform.lock.hcl");
    let program = cache.path().join(format!("m.example/acme/fake/1.3.0/{}/terraform-provider-fake_v1.3.0", platform()));
    std::fs::write(&program, "something else").unwrap();
    std::fs::remove_dir_all(work.path(".terraform")).unwrap();
    let said = work.well(&["init"]);
    assert!(said.contains("1.3.0: installed"), "{said}");
    assert_eq!(work.read(".terraform.lock.hcl"), lock);
    assert_ne!(std::fs::read(&program).unwrap(), b"something else");
}

#[test]
fn a_package_changed_after_it_was_locked_is_not_started() {
    let mirror = mirror();
    let config = format!("{CONFIG}provider \"fake\" {{}}\n");
    let work = Work::new(&config).cli(&cli(&mirror));
    work.well(&["init"]);
    let package = format!(".terraform/providers/m.example/acme/fake/1.3.0/{}", platform());
    let program = work.path(&package).join("terraform-provider-fake_v1.3.0");
    std::fs::write(&program, "#!/bin/sh\ntouch started\n").unwrap();
    work.refused(&["plan"], "none of the checksums in the lock file");
    assert!(!work.path("started").exists(), "it was started");
    let said = work.well(&["init"]);
    assert!(said.contains("1.3.0: installed"), "{said}");
    // A package that is what the lock file says, and the lock file says something else.
    work.write(".terraform.lock.hcl", &work.read(".terraform.lock.hcl").replace("h1:", "h1:X"));
    work.refused(&["init"], "matches none of the checksums in the lock file");
}

#[test]
fn a_provider_that_is_nowhere_is_named_with_the_places() {
    let mirror = mirror();
    let config = "terraform {\n  required_providers {\n    none = { source = \"m.example/acme/none\" }\n  }\n}\n";
    let work = Work::new(config).cli(&cli(&mirror));
    work.refused(&["init"], "m.example/acme/none is in none of the places that were looked at: the directory");
    let broken = Work::new(CONFIG).cli("provider_installation {\n  teleport {}\n}\n");
    broken.refused(&["init"], "teleport is not a way to install providers");
    let broken = Work::new(CONFIG).cli(&cli(&mirror));
    broken.write(".terraform.lock.hcl", "provider \"m.example/acme/fake\" {\n");
    broken.refused(&["init"], "the lock file .terraform.lock.hcl cannot be understood");
}

#[test]
fn a_mirror_is_made_and_installed_from() {
    let mirror = mirror();
    let config = "terraform {\n  required_providers {\n    fake = { source = \"m.example/acme/fake\" }\n  }\n}\n";
    let work = Work::new(config).cli(&cli(&mirror));
    work.well(&["providers", "mirror", "made"]);
    let document = "made/m.example/acme/fake/1.3.0.json";
    let twin = work.twin(config);
    if let Some(said) = twin.terraform(&["providers", "mirror", "made"]) {
        // Of the directories that the CLI configuration names it knows nothing: it asks the host.
        assert_ne!(said.code, 0);
    }
    let parsed: Value = serde_json::from_str(&work.read(document)).unwrap();
    let archive = &parsed["archives"][platform()];
    assert_eq!(archive["url"], format!("terraform-provider-fake_1.3.0_{}.zip", platform()));
    assert!(archive["hashes"][0].as_str().unwrap().starts_with("h1:"));

    let server = Server::start();
    server.tree("/m", &work.path("made"));
    let url = server.url("/m");
    let cli = format!("provider_installation {{\n  network_mirror {{\n    url = \"{url}/\"\n  }}\n}}\n");
    let other = Work::new(config).trusting(&server).cli(&cli);
    let said = other.well(&["init"]);
    assert!(said.contains("1.3.0: installed (verified checksum)"), "{said}");
    let twin = other.twin(config);
    if let Some(said) = twin.terraform(&["init", "-input=false"]) {
        assert_eq!(said.code, 0, "the oracle cannot install from our mirror: {}", said.all);
        assert_eq!(other.read(".terraform.lock.hcl"), twin.read(".terraform.lock.hcl"));
    }
    // A mirror whose packages are not what it says.
    let path = format!("/m/m.example/acme/fake/terraform-provider-fake_1.3.0_{}.zip", platform());
    server.put(&path, fixture("fake-1.2.0.zip"));
    other.twin(config).refused(&["init"], "its checksum is not the one that was announced");
}
