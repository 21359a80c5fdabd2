//! `file` and `remote-exec` provisioners, told to the built binary, with a machine that an SSH server of this test's own stands for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod server;

use serde_json::Value;
use server::{PASSWORD, Server, key_text, public};
use std::path::Path;
use std::process::{Command, Stdio};

struct Place(tempfile::TempDir);

struct Ran {
    code: i32,
    all: String,
}

impl Place {
    fn with(main: &str) -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.write("main.tf", main);
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn there(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_straddle"))
            .args(arguments)
            .current_dir(self.path())
            .env("NO_COLOR", "1")
            .env("COLUMNS", "400")
            .env("TF_CLI_CONFIG_FILE", "/dev/null")
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let all = [output.stdout, output.stderr].concat();
        Ran { code: output.status.code().unwrap_or(-1), all: String::from_utf8(all).unwrap() }
    }

    fn apply(&self, code: i32) -> String {
        let ran = self.run(&["apply", "-auto-approve"]);
        assert_eq!(ran.code, code, "{}", ran.all);
        ran.all
    }

    fn tainted(&self) -> bool {
        let state: Value = serde_json::from_str(&self.run(&["state", "pull"]).all).unwrap();
        state["resources"][0]["instances"][0]["status"] == "tainted"
    }
}

/// A resource with provisioners; `DIR` is the directory, `PORT` the server's.
fn resource(server: &Server, place: &Place, connection: &str, provisioners: &str) {
    let text = format!(
        "resource \"terraform_data\" \"x\" {{\n  input = \"안녕\"\n  connection {{\n    host = \"127.0.0.1\"\n    port = PORT\n    user = \
         \"somebody\"\n    script_path = \"DIR/script_%RAND%.sh\"\n    timeout = \"30s\"\n{connection}\n  }}\n{provisioners}\n}}\n"
    );
    let text = text.replace("PORT", &server.port.to_string()).replace("DIR", &place.path().display().to_string());
    place.write("main.tf", &text);
}

fn by_key() -> String {
    format!("    private_key = <<-E\n{}\nE\n    agent = false", key_text(2))
}

#[test]
fn scripts_run_on_the_machine_and_are_taken_away() {
    let (server, place) = (Server::start(), Place::with(""));
    place.write(
        "second.sh",
        "#!/usr/bin/env sh\necho second >> DIR/log\n".replace("DIR", &place.path().display().to_string()).as_str(),
    );
    let provisioners = r#"
  provisioner "remote-exec" {
    inline = ["echo first ${self.output} > DIR/log", "echo said; echo complained >&2"]
  }
  provisioner "remote-exec" {
    scripts = ["second.sh"]
  }
"#;
    resource(&server, &place, &by_key(), provisioners);
    let said = place.apply(0);
    assert_eq!(place.read("log"), "first 안녕\nsecond\n");
    assert!(said.contains("said") && said.contains("complained"), "{said}");
    let left = std::fs::read_dir(place.path())
        .unwrap()
        .filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().starts_with("script_"));
    assert_eq!(left.count(), 0);
    assert_eq!(server.seen(), ["key", "key"]);
    assert_eq!(place.run(&["plan", "-detailed-exitcode"]).code, 0);
}

#[test]
fn files_and_directories_are_put_on_the_machine() {
    let (server, place) = (Server::start(), Place::with(""));
    place.write("tree/a.txt", "a");
    place.write("tree/deep/b's.txt", "b");
    std::fs::create_dir_all(place.path().join("whole")).unwrap();
    let large = "x".repeat(3_000_000);
    place.write("large", &large);
    let provisioners = r#"
  provisioner "file" {
    content     = "from ${self.output}"
    destination = "DIR/content.txt"
  }
  provisioner "file" {
    source      = "large"
    destination = "DIR/copy"
  }
  provisioner "file" {
    source      = "tree"
    destination = "DIR/whole"
  }
  provisioner "file" {
    source      = "tree/"
    destination = "DIR/inside"
  }
"#;
    resource(&server, &place, &format!("    password = \"{PASSWORD}\""), provisioners);
    place.apply(0);
    assert_eq!(place.read("content.txt"), "from 안녕");
    assert!(place.read("copy") == large);
    assert_eq!(place.read("whole/tree/deep/b's.txt"), "b");
    assert_eq!((place.read("inside/a.txt"), place.read("inside/deep/b's.txt")), ("a".into(), "b".into()));
    assert_eq!(server.seen(), ["password"; 4]);
}

#[test]
fn a_script_that_fails_taints_unless_it_may_fail() {
    let (server, place) = (Server::start(), Place::with(""));
    let failing = "  provisioner \"remote-exec\" {\n    inline = [\"echo why >&2\", \"exit 3\"]\nMORE  }\n";
    resource(&server, &place, &by_key(), &failing.replace("MORE", ""));
    let said = place.apply(7);
    assert!(said.contains("remote-exec provisioner error") && said.contains("exited with status 3"), "{said}");
    assert!(place.tainted());
    resource(&server, &place, &by_key(), &failing.replace("MORE", "    on_failure = continue\n"));
    let said = place.apply(0);
    assert!(said.contains("exited with status 3"), "{said}");
    assert!(!place.tainted());
}

#[test]
fn a_destroy_time_provisioner_runs_before_the_end() {
    let (server, place) = (Server::start(), Place::with(""));
    let provisioners = r#"
  provisioner "remote-exec" {
    when   = destroy
    inline = ["echo bye ${self.input} > DIR/log"]
    connection {
      host = "127.0.0.1"
    }
  }
"#;
    resource(&server, &place, &by_key(), provisioners);
    place.apply(0);
    assert!(!place.there("log"));
    let ran = place.run(&["destroy", "-auto-approve"]);
    assert_eq!(ran.code, 0, "{}", ran.all);
    assert_eq!(place.read("log"), "bye 안녕\n");
}

#[test]
fn a_bastion_is_gone_through() {
    let (server, place, bastion) = (Server::start(), Place::with(""), Server::start());
    let connection = format!(
        "{}\n    bastion_host = \"127.0.0.1\"\n    bastion_port = {}\n    bastion_host_key = \"{}\"\n    host_key = \"{}\"",
        by_key(),
        bastion.port,
        public(1),
        public(1)
    );
    resource(
        &server,
        &place,
        &connection,
        "  provisioner \"remote-exec\" {\n    inline = [\"echo through > DIR/log\"]\n  }\n",
    );
    place.apply(0);
    assert_eq!(place.read("log"), "through\n");
    assert_eq!(bastion.seen(), ["key", "on to 127.0.0.1"]);
    assert_eq!(server.seen(), ["key"]);
}

#[test]
fn a_machine_with_another_key_is_not_believed() {
    let (server, place) = (Server::start(), Place::with(""));
    let connection = format!("{}\n    host_key = \"{}\"", by_key(), public(3));
    resource(&server, &place, &connection, "  provisioner \"remote-exec\" {\n    inline = [\"touch DIR/log\"]\n  }\n");
    let said = place.apply(7);
    assert!(said.contains("host_key"), "{said}");
    assert!(!place.there("log") && server.seen().is_empty());
}

#[test]
fn who_is_not_let_in_is_told_what_was_tried() {
    let (server, place) = (Server::start(), Place::with(""));
    resource(
        &server,
        &place,
        "    password = \"wrong\"",
        "  provisioner \"remote-exec\" {\n    inline = [\"true\"]\n  }\n",
    );
    let text = place.read("main.tf").replace("\"30s\"", "\"4s\"");
    place.write("main.tf", &text);
    let said = place.apply(7);
    assert!(said.contains("does not let somebody in") && said.contains("tried: password"), "{said}");
    assert!(!said.contains("wrong"), "{said}");
}

#[test]
fn what_is_not_spoken_is_refused_by_name() {
    let (server, place) = (Server::start(), Place::with(""));
    for (argument, word) in [
        ("type = \"winrm\"", "WinRM"),
        ("proxy_host = \"p\"", "proxy"),
        ("target_platform = \"windows\"", "target_platform"),
        ("timeout = \"soon\"", "no duration"),
    ] {
        let provisioner = format!(
            "  provisioner \"remote-exec\" {{\n    inline = [\"true\"]\n    connection {{\n      host = \"127.0.0.1\"\n      {argument}\n    }}\n  }}\n"
        );
        resource(&server, &place, &by_key(), &provisioner);
        let said = place.apply(7);
        assert!(said.contains(word), "{argument}: {said}");
    }
    place.write("main.tf", "resource \"terraform_data\" \"y\" {\n  provisioner \"file\" {\n    content = \"c\"\n    destination = \"d\"\n  }\n}\n");
    let said = place.apply(7);
    assert!(said.contains("connection"), "{said}");
}

#[test]
fn secrets_of_a_connection_and_a_script_are_not_shown() {
    let (server, place) = (Server::start(), Place::with(""));
    let connection = format!("    password = sensitive(\"{PASSWORD}\")");
    let provisioners =
        "  provisioner \"remote-exec\" {\n    inline = [\"echo ${sensitive(\"hush\")} | tee DIR/log\"]\n  }\n";
    resource(&server, &place, &connection, provisioners);
    let said = place.apply(0);
    assert_eq!(place.read("log"), "hush\n");
    assert!(!said.contains("hush") && !said.contains(PASSWORD) && said.contains("suppressed"), "{said}");
}
