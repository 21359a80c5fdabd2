//! The scripts that pipelines run, run: a pull request checked, planned, merged exactly as it was reviewed, and watched. Plans
//! compared, signed, encrypted; pages drawn by a browser where there is one; what a run says of itself.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on is to fail")]

use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A repository with an example below it, committed.
struct Repository(tempfile::TempDir);

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    #[track_caller]
    fn ends(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

fn pipelines() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pipelines")
}

impl Repository {
    fn new() -> Repository {
        let repository = Repository(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(repository.stack()).unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/web-5-5/web.straddle.hcl");
        let text = std::fs::read_to_string(from).unwrap().replace("\"1s\"", "\"0s\"");
        std::fs::write(repository.spec(), text).unwrap();
        std::fs::write(repository.0.path().join(".gitignore"), "*.db*\n.terraform/\nstraddle-out/\n").unwrap();
        repository.git(&["init", "-q", "-b", "main"]);
        repository.commit();
        repository
    }

    fn git(&self, words: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=kim", "-c", "user.email=kim@example.com"])
            .args(words)
            .current_dir(self.0.path())
            .status();
        assert!(status.unwrap().success(), "{words:?}");
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "change"]);
    }

    fn stack(&self) -> PathBuf {
        self.0.path().join("prod/web")
    }

    fn spec(&self) -> PathBuf {
        self.stack().join("web.straddle.hcl")
    }

    fn out(&self, name: &str) -> PathBuf {
        self.0.path().join("straddle-out").join(name)
    }

    fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.spec()).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        std::fs::write(self.spec(), text.replace(from, to)).unwrap();
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>, words: &[&str]) -> Command {
        let program_dir = Path::new(env!("CARGO_BIN_EXE_straddle")).parent().unwrap();
        let mut path = vec![program_dir.to_path_buf()];
        path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
        let mut command = Command::new(program);
        command.args(words).current_dir(self.0.path()).stdin(Stdio::null());
        command.env("PATH", std::env::join_paths(path).unwrap()).env("NO_COLOR", "1").env_remove("TF_CLI_CONFIG_FILE");
        command
    }

    fn ran(mut command: Command) -> Ran {
        let output = command.output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn script(&self, name: &str, words: &[&str]) -> Ran {
        Repository::ran(self.command(pipelines().join("scripts").join(name), words))
    }

    fn straddle(&self, line: &str) -> Ran {
        let words: Vec<&str> = ["-chdir=prod/web"].into_iter().chain(line.split_whitespace()).collect();
        Repository::ran(self.command(env!("CARGO_BIN_EXE_straddle"), &words))
    }
}

#[test]
fn a_pull_request_is_checked_planned_and_merged_as_it_was_reviewed() {
    let repository = Repository::new();
    repository.straddle("apply -auto-approve").ends(0);
    repository.git(&["checkout", "-q", "-b", "change"]);
    repository.edit("default     = \"web-1\"", "default     = \"web-2\"");
    repository.commit();
    repository.script("check.sh", &["prod/web", "main"]).ends(0);
    for name in [
        "drift.json",
        "drift.sarif",
        "drift.xml",
        "code-quality.json",
        "code-quality.terraform.json",
        "comment.md",
        "drift.html",
    ] {
        assert!(repository.out(name).metadata().unwrap().len() > 0, "{name}");
    }
    repository.script("plan.sh", &["prod/web"]).ends(0);
    assert!(repository.out("plan.html").exists());
    // In the queue: the same tree would do the same.
    repository.script("merge.sh", &["prod/web", "check"]).ends(0);
    // Somebody else's merge comes first: not what was reviewed any more, and it says whose change that is.
    repository.edit("size  = \"s\"", "size  = \"m\"");
    let ran = repository.script("merge.sh", &["prod/web"]).ends(5);
    assert!(ran.err.contains("code: web.straddle.hcl has changed"), "{}", ran.err);
    assert!(ran.err.contains("(size)"), "{}", ran.err);
    repository.edit("size  = \"m\"", "size  = \"s\"");
    repository.script("merge.sh", &["prod/web"]).ends(0);
    repository.straddle("plan -detailed-exitcode").ends(0);
    // The same again is another plan: the state has moved, and nothing is left to do.
    let ran = repository.script("merge.sh", &["prod/web"]).ends(5);
    assert!(ran.err.contains("state: serial"), "{}", ran.err);
    repository.script("watch.sh", &["prod/web"]).ends(0);
    repository.straddle("sim kill 1 --in zone:seoul-a").ends(0);
    repository.script("watch.sh", &["prod/web"]).ends(3);
}

#[test]
fn reality_that_moved_is_named_as_the_cause() {
    let repository = Repository::new();
    repository.straddle("apply -auto-approve").ends(0);
    repository.script("plan.sh", &["prod/web"]).ends(0);
    repository.straddle("sim kill 1 --in zone:seoul-a").ends(0);
    let ran = repository.script("merge.sh", &["prod/web"]).ends(5);
    assert!(ran.err.contains("reality: ") && ran.err.contains("is gone"), "{}", ran.err);
    assert!(ran.err.contains("+ workload.web.sim_instance.server"), "{}", ran.err);
}

#[test]
fn a_plan_is_signed_sealed_and_applied_by_whoever_may() {
    let repository = Repository::new();
    let openssl = |words: &[&str]| {
        Command::new("openssl").args(words).current_dir(repository.0.path()).status().is_ok_and(|s| s.success())
    };
    if !openssl(&["genpkey", "-algorithm", "ed25519", "-out", "key.pem"])
        || !openssl(&["pkey", "-in", "key.pem", "-pubout", "-out", "public.pem"])
    {
        eprintln!("no openssl here: not tested with its keys");
        return;
    }
    let at = |name: &str| repository.0.path().join(name).display().to_string();
    let run = |line: &str, secret: Option<&str>| {
        let words: Vec<&str> = ["-chdir=prod/web"].into_iter().chain(line.split_whitespace()).collect();
        let mut command = repository.command(env!("CARGO_BIN_EXE_straddle"), &words);
        if let Some(secret) = secret {
            command.env("STRADDLE_PLAN_KEY", secret);
        }
        Repository::ran(command)
    };
    let secret = Some("a passphrase that is long enough");
    run(&format!("plan -out=p -sign-with={}", at("key.pem")), secret).ends(0);
    let bytes = std::fs::read(repository.stack().join("p")).unwrap();
    assert!(!bytes.windows(5).any(|w| w == b"web-1"));
    assert!(run("show p", None).ends(1).err.contains("STRADDLE_PLAN_KEY"));
    run("show p", secret).ends(0);
    run("plan -out=unsigned", secret).ends(0);
    let verify = format!("-verify-with={}", at("public.pem"));
    assert!(run(&format!("apply {verify} unsigned"), secret).ends(1).err.contains("not signed"));
    run(&format!("apply {verify} p"), secret).ends(0);
}

#[test]
fn the_comment_is_found_by_its_mark_and_replaced() {
    let repository = Repository::new();
    let root = repository.0.path();
    std::fs::create_dir(root.join("bin")).unwrap();
    // Stands in for GitHub's own client: notes how it is called, and knows one comment where it is told so.
    std::fs::write(
        root.join("bin/gh"),
        "#!/bin/sh\necho \"$*\" >> \"$CALLS\"\ncase \"$*\" in *--jq*) printf '%s' \"$KNOWN\" ;; esac\n",
    )
    .unwrap();
    let made = Command::new("chmod").arg("+x").arg(root.join("bin/gh")).status().unwrap();
    assert!(made.success());
    std::fs::write(root.join("comment.md"), "<!-- straddle:sticky stack=prod/web -->\ntext\n").unwrap();
    for (known, expected) in
        [("", "--method POST repos/o/r/issues/7/comments"), ("41\n", "--method PATCH repos/o/r/issues/comments/41")]
    {
        let calls = root.join("calls");
        std::fs::write(&calls, "").unwrap();
        let script = pipelines().join("scripts/comment.sh");
        let mut command = repository.command(script, &["o/r", "7", "comment.md"]);
        let path = std::env::join_paths([root.join("bin"), PathBuf::from("/usr/bin"), PathBuf::from("/bin")]).unwrap();
        command.env("PATH", path).env("CALLS", &calls).env("KNOWN", known);
        Repository::ran(command).ends(0);
        let calls = std::fs::read_to_string(calls).unwrap();
        assert!(calls.contains(expected), "{calls}");
        assert!(calls.contains("startswith(\"<!-- straddle:sticky stack=prod/web -->\")"), "{calls}");
    }
}

#[test]
fn the_hook_before_a_commit_finds_form_and_rules() {
    let repository = Repository::new();
    repository.script("pre-commit.sh", &["prod/web/web.straddle.hcl"]).ends(0);
    repository.edit("  replicas = 10", "  replicas   =    10");
    repository.script("pre-commit.sh", &["prod/web/web.straddle.hcl"]).ends(3);
}

#[test]
fn every_file_for_a_pipeline_is_yaml_and_atlantis_gets_its_own() {
    let repository = Repository::new();
    let parse = |path: &Path| {
        let mut command = repository.command(env!("CARGO_BIN_EXE_straddle"), &["-chdir=prod/web", "console", "-json"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Flux's own marks are no part of YAML's text; several documents would be none of ours.
        writeln!(child.stdin.take().unwrap(), "yamldecode(file({:?}))", path.display().to_string()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    };
    for name in [
        "github/action.yml",
        "github/workflow.yml",
        "gitlab/straddle.gitlab-ci.yml",
        "gitops/flux-job.yaml",
        "gitops/argo-job.yaml",
        "atlantis/atlantis.yaml",
        "pre-commit-hooks.yaml",
    ] {
        parse(&pipelines().join(name));
    }
    repository.straddle("init -atlantis").ends(0);
    let written = std::fs::read_to_string(repository.0.path().join("atlantis.yaml")).unwrap();
    assert_eq!(written, std::fs::read_to_string(pipelines().join("atlantis/atlantis.yaml")).unwrap());
    assert!(written.contains("*.straddle.hcl"));
    assert!(repository.straddle("init -atlantis").ends(1).err.contains("is there already"));
}

/// A browser, where there is one.
fn browser() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    })
}

#[test]
fn pages_work_in_a_browser_with_and_without_scripts() {
    let repository = Repository::new();
    repository.straddle("apply -auto-approve").ends(0);
    repository.straddle("sim kill 2 --in zone:seoul-a").ends(0);
    repository.straddle("plan -html=plan.html").ends(0);
    repository.straddle("simulate -html=simulation.html").ends(3);
    repository.straddle("drift -out html=drift.html").ends(3);
    let Some(browser) = browser() else {
        eprintln!("no Chromium here: pages are not looked at");
        return;
    };
    let look = |page: &str, scripts: bool| {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(browser);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom"]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        let mut file = repository.stack().join(page);
        if !scripts {
            // The browser writes out its document by a script of its own: the page's are taken out instead of forbidden.
            let text = std::fs::read_to_string(&file).unwrap();
            let (head, rest) = text.split_once("<script>").unwrap();
            let (_, tail) = rest.split_once("</script>").unwrap();
            assert!(!tail.contains("<script"), "{page} has a second script");
            file = profile.path().join(page);
            std::fs::write(&file, format!("{head}{tail}")).unwrap();
        }
        command.arg(format!("file://{}", file.display()));
        let output = command.stderr(Stdio::null()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for page in ["plan.html", "simulation.html", "drift.html"] {
        let dom = look(page, true);
        assert!(dom.contains("<html lang=\"en\" class=\"js\""), "{page}: its script did not run");
        let plain = look(page, false);
        assert!(plain.contains("<h1") && !plain.contains("class=\"js\""), "{page}: {plain}");
    }
    let dom = look("plan.html", true);
    // The player and the search know what there is.
    assert!(dom.contains("all 1 steps") && dom.contains(" of 4<"), "{dom}");
    let dom = look("plan.html", false);
    assert!(dom.contains("<ol class=\"steps\">") && dom.contains("add seoul-a/") && !dom.contains("hidden=\"\""));
}

#[test]
fn a_run_tells_what_it_spent_its_time_on() {
    let repository = Repository::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let collector = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut read, mut bytes) = (Vec::new(), [0u8; 65_536]);
        loop {
            let n = stream.read(&mut bytes).unwrap();
            read.extend_from_slice(&bytes[..n]);
            let text = String::from_utf8_lossy(&read).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|l| {
                    l.to_lowercase().strip_prefix("content-length:").map(|n| n.trim().parse::<usize>().unwrap())
                });
                if body.len() >= length.unwrap() {
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").unwrap();
                    return (head.to_owned(), body.to_owned());
                }
            }
        }
    });
    let profile = repository.0.path().join("profile.json");
    let flag = format!("-profile={}", profile.display());
    let words = ["-chdir=prod/web", "-log=json", &flag, "apply", "-auto-approve", "-var", "image=hunter2"];
    let mut command = repository.command(env!("CARGO_BIN_EXE_straddle"), &words);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-token=t");
    command.env("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let ran = Repository::ran(command).ends(0);
    let (head, body) = collector.join().unwrap();
    assert!(head.starts_with("POST /v1/traces ") && head.to_lowercase().contains("x-token: t"), "{head}");
    let trace: Value = serde_json::from_str(&body).unwrap();
    let spans = trace["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone();
    assert_eq!(spans[0]["name"], "straddle apply");
    assert!(spans.iter().all(|s| s["traceId"] == "0af7651916cd43dd8448eb211c80319c"));
    assert_eq!(spans[0]["parentSpanId"], "b7ad6b7169203331");
    for name in ["read the spec", "look at what is live", "plan", "audit", "carry out"] {
        assert!(spans.iter().any(|s| s["name"] == name), "{name}: {body}");
    }
    let chrome: Value = serde_json::from_slice(&std::fs::read(&profile).unwrap()).unwrap();
    assert_eq!(chrome["traceEvents"][0]["name"], "apply");
    for line in ran.err.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        assert!(line["@level"].is_string() && line["@message"].is_string() && line["@timestamp"].is_string());
    }
    for text in [body.as_str(), &ran.err, &std::fs::read_to_string(profile).unwrap()] {
        assert!(!text.contains("hunter2"), "a value is in it");
    }
}

/// Readers nobody here wrote, in a virtual environment under the build directory; made once.
fn readers() -> Option<PathBuf> {
    let bin = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?.join("tools/check/bin");
    if !bin.join("checkov").exists() {
        let quiet = |command: &mut Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
        };
        let home = bin.parent()?;
        let made = quiet(Command::new("python3").args(["-m", "venv"]).arg(home))
            && quiet(Command::new(bin.join("pip")).args(["install", "-q", "sarif-tools", "junitparser", "checkov"]));
        if !made || !bin.join("checkov").exists() {
            eprintln!("no sarif-tools, junitparser and checkov can be had here: not read by them");
            return None;
        }
    }
    Some(bin)
}

#[test]
fn readers_nobody_here_wrote_take_the_reports_and_the_plan() {
    let Some(bin) = readers() else { return };
    let repository = Repository::new();
    repository.straddle("apply -auto-approve").ends(0);
    repository.straddle("sim kill 1 --in zone:seoul-a").ends(0);
    repository.straddle("drift -out sarif=d.sarif -out junit=d.xml").ends(3);
    let at = |name: &str| repository.stack().join(name).display().to_string();
    let summary = Repository::ran(repository.command(bin.join("sarif"), &["summary", &at("d.sarif")])).ends(0);
    assert!(summary.out.contains("error: 1") && summary.out.contains("rule.broken"), "{}", summary.out);
    let count = "import sys; from junitparser import JUnitXml; x = JUnitXml.fromfile(sys.argv[1]); print(x.tests, x.failures, x.errors)";
    let read = Repository::ran(repository.command(bin.join("python"), &["-c", count, &at("d.xml")])).ends(0);
    let numbers: Vec<u32> = read.out.split_whitespace().map(|n| n.parse().unwrap()).collect();
    assert!(numbers[0] > 20 && numbers[1] == 3 && numbers[2] == 0, "{}", read.out);
    // A policy of its own language, over the plan as it is.
    let policies = repository.0.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(policies.join("__init__.py"), "").unwrap();
    let policy = "metadata:\n  id: CKV2_OWN_1\n  name: servers are small\n  category: GENERAL_SECURITY\ndefinition:\n  cond_type: attribute\n  \
                  resource_types:\n    - sim_instance\n  attribute: size\n  operator: equals\n  value: s\n";
    std::fs::write(policies.join("small.yaml"), policy).unwrap();
    for (size, code) in [("s", 0), ("m", 1)] {
        repository.straddle("plan -out=p").ends(0);
        if size == "m" {
            repository.edit("size  = \"s\"", "size  = \"m\"");
            repository.straddle("plan -out=p").ends(0);
        }
        let json = repository.straddle("show -json p").ends(0).out;
        std::fs::write(repository.stack().join("plan.json"), json).unwrap();
        let words = [
            "-f",
            &at("plan.json"),
            "--framework",
            "terraform_plan",
            "--external-checks-dir",
            &policies.display().to_string(),
            "-c",
            "CKV2_OWN_1",
            "-o",
            "json",
            "--skip-download",
        ];
        let checked = Repository::ran(repository.command(bin.join("checkov"), &words)).ends(code);
        let result: Value = serde_json::from_str(&checked.out).unwrap();
        let (passed, failed) =
            (result["summary"]["passed"].as_u64().unwrap(), result["summary"]["failed"].as_u64().unwrap());
        assert_eq!((passed > 0, failed > 0), (size == "s", size == "m"), "{}", result["summary"]);
    }
}
