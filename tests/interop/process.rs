//! The processes of providers: as few as there can be, and none that outlives its time.

use super::twin::{Side, Twin};
use rustix::fs::{CWD, FileType, Mode};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// Long enough for the slowest machine; what takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn a_killed_straddle_leaves_no_provider_behind() {
    let Some(twin) = Twin::new() else { return };
    twin.write("resource \"new_thing\" \"t\" {\n  name = \"hang\"\n}\n");
    let ours = &twin.ours;
    let pipe = ours.file("hang.fifo");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let mut straddle = ours.command(&["apply", "-input=false", "-auto-approve"]).spawn().unwrap();
    let (said, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(std::fs::File::open(pipe).unwrap());
        let mut line = String::new();
        pipe.read_line(&mut line).unwrap();
        said.send(line).unwrap();
        // The other end is closed with the provider's process.
        let mut rest = String::new();
        pipe.read_to_string(&mut rest).unwrap();
        said.send(rest).unwrap();
    });
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), "here\n", "the provider is not making anything");
    straddle.kill().unwrap();
    straddle.wait().unwrap();
    heard.recv_timeout(PATIENCE).expect("the provider lives on");
}

fn cached(side: &Side) -> Vec<PathBuf> {
    let dir = side.path("cache/straddle/schemas");
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries.map(|e| e.unwrap().path()).collect()
}

#[test]
fn schemas_are_kept_and_need_no_process_the_next_time() {
    let Some(twin) = Twin::new() else { return };
    twin.write("resource \"new_thing\" \"t\" {\n  name = \"t\"\n}\n");
    let ours = &twin.ours;
    let schema: &[&str] = &["providers", "schema", "-json"];
    let first = ours.well(schema).out;
    assert_eq!(cached(ours).len(), 2, "each kept once");
    let unstarted = |words: &str| {
        let output = ours.command(schema).env("INTEROP_REFUSE", "1").output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned(), words.to_owned())
    };
    let (fine, again, _) = unstarted("kept");
    assert!(fine && again == first, "a process was started, or the schemas differ");

    // Damaged in any way it is as good as none.
    let file = cached(ours).remove(0);
    let whole = std::fs::read(&file).unwrap();
    for damage in [&whole[..whole.len() / 2], b"", &[&whole[..40], b"x", &whole[41..]].concat()] {
        std::fs::write(&file, damage).unwrap();
        assert!(!unstarted("damaged").0, "a damaged file was believed");
        assert_eq!(ours.well(schema).out, first);
        assert!(unstarted("kept anew").0, "it is not kept anew");
    }
}

#[test]
fn another_executable_has_other_schemas() {
    let Some(twin) = Twin::new() else { return };
    twin.write("resource \"new_thing\" \"t\" {\n  name = \"t\"\n}\n");
    let ours = &twin.ours;
    ours.well(&["providers", "schema", "-json"]);
    // The same provider, one byte longer.
    let bin = ours.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let program = bin.join("terraform-provider-new");
    std::fs::copy(super::build::providers().unwrap().join("terraform-provider-new"), &program).unwrap();
    grow(&program);
    let text = std::fs::read_to_string(ours.path("cli.tfrc")).unwrap();
    let old = super::build::providers().unwrap().display().to_string();
    let line = format!("\"interop/new\" = \"{old}\"");
    assert!(text.contains(&line));
    std::fs::write(ours.path("cli.tfrc"), text.replace(&line, &format!("\"interop/new\" = \"{}\"", bin.display())))
        .unwrap();
    ours.well(&["providers", "schema", "-json"]);
    assert_eq!(cached(ours).len(), 3);
}

fn grow(program: &Path) {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(program).unwrap().write_all(b"\n").unwrap();
}
