//! The checked-in protocol code is what `schemas/*.proto` say. After a change there:
//! `STRADDLE_REGENERATE=1 cargo test -p straddle-sdk --test generated`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn checked_in() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proto/generated")
}

fn generate(files: &[&str], server: bool, into: &Path) {
    let mut compiler = protox::Compiler::new([schemas()]).expect("schemas/ is there");
    compiler.include_imports(true).include_source_info(true);
    for file in files {
        compiler.open_file(file).expect("the schema is valid");
    }
    tonic_prost_build::configure()
        .build_server(server)
        .build_transport(false)
        .generate_default_stubs(true)
        .emit_package(true)
        .bytes(".")
        .out_dir(into)
        .compile_fds(compiler.file_descriptor_set())
        .expect("code is generated");
}

fn read(directory: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("the directory is there") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        files.insert(name, std::fs::read_to_string(&path).expect("text"));
    }
    files
}

#[test]
fn generated_code_is_current() {
    let fresh = tempfile::tempdir().expect("a directory");
    generate(&["tfplugin5.proto"], false, fresh.path());
    let all = ["tfplugin6.proto", "straddle_provider_v1.proto", "go_plugin.proto", "grpc_health_v1.proto"];
    generate(&all, true, fresh.path());
    let fresh = read(fresh.path());
    if std::env::var_os("STRADDLE_REGENERATE").is_some() {
        for (name, text) in &fresh {
            std::fs::write(checked_in().join(name), text).expect("written");
        }
    }
    let old = read(&checked_in());
    assert_eq!(old.keys().collect::<Vec<_>>(), fresh.keys().collect::<Vec<_>>(), "the same files");
    for (name, text) in &fresh {
        assert!(old[name] == *text, "{name} is not what its schema says; see the head of this file");
    }
}
