//! Terraform itself drives the plugin, where it is installed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use straddle_provider_sim::model::{DomainName, Health};
use straddle_provider_sim::{SystemClock, control};

const SPEC: &str = r#"
terraform {
  required_providers {
    sim = { source = "straddle/sim" }
  }
}

variable "image" { default = "v1" }
variable "size" { default = "s" }
variable "servers" { default = 3 }

provider "sim" {
  cloud = "aws"
}

resource "sim_load_balancer" "front" {
  name = "web"
}

resource "sim_instance" "server" {
  count = var.servers
  zone  = count.index % 2 == 0 ? "a" : "b"
  image = var.image
  size  = var.size
  tags  = { Name = "web/${count.index}" }
}

resource "sim_target" "server" {
  count            = var.servers
  load_balancer_id = sim_load_balancer.front.id
  instance_id      = sim_instance.server[count.index].id
}

resource "sim_group" "workers" {
  zone    = "a"
  desired = 4
  max     = 8
}

resource "sim_record" "web" {
  name    = "web.example.kr"
  type    = "A"
  targets = { (sim_load_balancer.front.address) = 1 / 3 }
}

data "sim_zones" "all" {
  depends_on = [sim_instance.server]
}

output "zones" { value = data.sim_zones.all.names }
"#;

struct Terraform {
    program: PathBuf,
    directory: tempfile::TempDir,
}

impl Terraform {
    /// `None` where Terraform is not installed.
    fn found() -> Option<Terraform> {
        let paths = std::env::var_os("PATH")?;
        let program = std::env::split_paths(&paths).map(|path| path.join("terraform")).find(|path| path.is_file())?;
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("main.tf"), SPEC).expect("written");
        let plugins = Path::new(env!("CARGO_BIN_EXE_terraform-provider-sim")).parent().expect("a directory");
        let settings = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"straddle/sim\" = {plugins:?}\n  }}\n  direct {{}}\n}}\n"
        );
        std::fs::write(directory.path().join("cli.tfrc"), settings).expect("written");
        Some(Terraform { program, directory })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.directory.path());
        command.env("TF_CLI_CONFIG_FILE", self.directory.path().join("cli.tfrc"));
        command
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("terraform runs")
    }

    /// Runs, and expects this exit code.
    fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "terraform {arguments:?}:\n{text}");
        text
    }

    fn store(&self) -> PathBuf {
        self.directory.path().join("sim.db")
    }

    fn count(&self, type_name: &str) -> usize {
        let status = control::status(&self.store(), &SystemClock).expect("a store");
        status.resources.iter().filter(|resource| resource.type_name == type_name).count()
    }
}

const SHARED: &str = r#"
terraform {
  required_providers {
    sim = { source = "straddle/sim" }
  }
}

provider "sim" {
  cloud = basename(path.cwd)
  store = "../sim.db"
}

resource "sim_instance" "server" {
  count = 20
  zone  = "a"
}
"#;

/// Two runs of Terraform, each with a plugin process of its own, on one store at the same time.
#[test]
fn plugin_processes_share_a_store() {
    let Some(terraform) = Terraform::found() else {
        eprintln!("terraform is not installed: nothing to drive the plugin with");
        return;
    };
    let quota = "zone:a".parse().expect("a domain");
    control::set_quota(&terraform.store(), &SystemClock, &quota, Some(30)).expect("set");
    let runs: Vec<_> = ["aws", "ncp"]
        .into_iter()
        .map(|cloud| {
            let directory = terraform.directory.path().join(cloud);
            std::fs::create_dir(&directory).expect("a directory");
            std::fs::write(directory.join("main.tf"), SHARED).expect("written");
            let mut apply = terraform.command(&["apply", "-no-color", "-input=false", "-auto-approve"]);
            apply.current_dir(directory).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        })
        .collect();
    let failed: Vec<bool> =
        runs.into_iter().map(|run| !run.expect("terraform runs").wait().expect("it ends").success()).collect();
    assert!(failed.contains(&true), "forty do not fit in thirty");
    let status = control::status(&terraform.store(), &SystemClock).expect("a store");
    assert_eq!((status.resources.len(), status.domains[&quota].used), (30, 30));
    let clouds: std::collections::BTreeSet<_> = status.resources.iter().map(|resource| &resource.cloud).collect();
    assert_eq!(clouds.len(), 2, "both got some");
}

#[test]
fn terraform_plans_applies_changes_and_destroys() {
    let Some(terraform) = Terraform::found() else {
        eprintln!("terraform is not installed: nothing to drive the plugin with");
        return;
    };
    let plan = ["plan", "-no-color", "-input=false", "-detailed-exitcode"];
    let apply = ["apply", "-no-color", "-input=false", "-auto-approve"];
    terraform.expect(0, &["validate", "-no-color"]);
    assert!(terraform.expect(2, &plan).contains("Plan: 9 to add, 0 to change, 0 to destroy."));
    assert!(!terraform.store().exists(), "a plan makes no cloud");
    terraform.expect(0, &apply);
    assert_eq!((terraform.count("sim_instance"), terraform.count("sim_target")), (3, 3));
    terraform.expect(0, &plan);

    // What a hand changed is seen and put right.
    // Terraform creates in parallel, so which server got which id differs from run to run.
    let status = control::status(&terraform.store(), &SystemClock).expect("a store");
    let id = status.resources.iter().find(|resource| resource.zone.as_deref() == Some("b")).expect("one in b").id;
    control::edit(&terraform.store(), &SystemClock, id, "size", "xl").expect("edited");
    control::kill(&terraform.store(), &SystemClock, 1, &[DomainName::zone("a")]).expect("killed");
    let drift = terraform.expect(2, &plan);
    assert!(
        drift.contains("\"xl\" -> \"s\"") && drift.contains("Plan: 2 to add, 1 to change, 0 to destroy."),
        "{drift}"
    );
    terraform.expect(0, &apply);
    terraform.expect(0, &plan);

    // A size changes in place; an image replaces, and the targets with it.
    let resize = terraform.expect(0, &[&apply[..], &["-var=size=m"]].concat());
    assert!(resize.contains("0 added, 3 changed, 0 destroyed"), "{resize}");
    let replace = terraform.expect(0, &[&apply[..], &["-var=size=m", "-var=image=v2"]].concat());
    assert!(replace.contains("6 added, 0 changed, 6 destroyed"), "{replace}");

    // A zone that is down is an error, and nothing there is forgotten.
    let zone = [DomainName::zone("a")];
    control::set_health(&terraform.store(), &SystemClock, &zone, Health::Down).expect("down");
    let down = terraform.expect(1, &[&plan[..], &["-var=size=m", "-var=image=v2"]].concat());
    assert!(down.contains("zone:a is down") || down.contains("Zone:a is down"), "{down}");
    control::set_health(&terraform.store(), &SystemClock, &zone, Health::Up).expect("up");

    terraform.expect(
        0,
        &["import", "-no-color", "-input=false", "-var=servers=4", "sim_instance.server[3]", &{
            let mut store = straddle_provider_sim::store::Store::open(&terraform.store()).expect("a store");
            let spec = straddle_provider_sim::model::InstanceSpec {
                zone: "b".into(),
                image: "v2".into(),
                size: "m".into(),
                tags: Some([("Name".to_owned(), "web/3".to_owned())].into()),
            };
            let who = straddle_provider_sim::store::Caller::of("aws");
            let spec = straddle_provider_sim::model::Spec::Instance(spec);
            let made = store.write(0, |tx| tx.create(&who, &spec, None)).expect("a sound store").expect("made");
            made.object.expect("there").id.to_string()
        }],
    );
    let grown = terraform.expect(2, &[&plan[..], &["-var=size=m", "-var=image=v2", "-var=servers=4"]].concat());
    assert!(grown.contains("Plan: 1 to add, 0 to change, 0 to destroy."), "only the target is missing: {grown}");

    terraform.expect(0, &["destroy", "-no-color", "-input=false", "-auto-approve"]);
    let left = control::status(&terraform.store(), &SystemClock).expect("a store").resources;
    assert!(left.is_empty(), "{left:?}");
}
