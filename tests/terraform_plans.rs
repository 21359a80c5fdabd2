//! The same story told to the real Terraform and to straddle, in twin directories: planned actions and values, outputs, the state after
//! each apply, and the plan after that, which is empty.
//!
//! A story is a file of `tests/terraform_plans`: a title, files (`-- name --`), and commands (`>> apply ...`). Files stay until they
//! are written again; one without a body is taken away. `apply` and `destroy` plan, show, carry out and look; `plan` only plans; `fails`
//! is to be refused by both, `breaks` is planned by both and fails when it is carried out. Where Terraform is not installed the stories are told to straddle alone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail")]

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

#[path = "terraform_plans/generated.rs"]
mod generated;

/// What a story does.
enum Step {
    Write(String, String),
    Run(Vec<String>),
}

fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines().skip_while(|l| !l.starts_with("-- ")) {
        if let Some(name) = line.strip_prefix("-- ").and_then(|l| l.strip_suffix(" --")) {
            steps.push(Step::Write(name.to_string(), String::new()));
        } else if let Some(command) = line.strip_prefix(">> ") {
            steps.push(Step::Run(command.split_whitespace().map(String::from).collect()));
        } else if let Some(Step::Write(_, body)) = steps.last_mut() {
            body.push_str(line);
            body.push('\n');
        }
    }
    steps
}

/// A directory, gone when the story is over.
struct Stack {
    dir: PathBuf,
    program: &'static str,
}

impl Drop for Stack {
    fn drop(&mut self) {
        // What is left of a test's directory is found again under the build directory.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn terraform() -> bool {
    Command::new("terraform").arg("version").output().is_ok_and(|o| o.status.success())
}

impl Stack {
    fn new(program: &'static str) -> Stack {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("plans-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("cli.tfrc"), "").unwrap();
        Stack { dir, program }
    }

    fn write(&self, name: &str, body: &str) {
        let path = self.dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if body.trim().is_empty() && path.exists() {
            std::fs::remove_file(&path).unwrap();
        } else {
            std::fs::write(path, body).unwrap();
        }
    }

    fn run(&self, args: &[&str]) -> Ran {
        let output = Command::new(self.program)
            .args(args)
            .current_dir(&self.dir)
            .env("TF_CLI_CONFIG_FILE", self.dir.join("cli.tfrc"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("NO_COLOR", "1")
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn well(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{} {args:?}\n{}\n{}", self.program, ran.out, ran.err);
        ran.out
    }

    /// Plans into a file and shows it.
    fn plan(&self, args: &[String]) -> Result<Value, Ran> {
        let mut line = vec!["plan", "-out=plan.bin", "-input=false"];
        line.extend(args.iter().map(String::as_str));
        let ran = self.run(&line);
        if ran.code != 0 {
            return Err(ran);
        }
        let shown = self.well(&["show", "-json", "plan.bin"]);
        Ok(serde_json::from_str(&shown).unwrap())
    }

    fn state(&self) -> Value {
        serde_json::from_str(&self.well(&["state", "pull"])).unwrap()
    }
}

/// Random ids by the objects that have them, in the order in which these got them.
#[derive(Default)]
struct Ids(BTreeMap<String, String>, BTreeMap<String, usize>);

impl Ids {
    /// Learns the ids of a state.
    fn learn(&mut self, state: &Value) {
        for (owner, instance) in instances(state) {
            let Some(id) = instance["attributes"]["id"].as_str() else { continue };
            if id.len() == 36 && id.matches('-').count() == 4 && !self.0.contains_key(id) {
                let n = self.1.entry(owner.clone()).or_default();
                *n += 1;
                self.0.insert(id.to_string(), format!("<id {n} of {owner}>"));
            }
        }
    }

    fn named(&self, value: &Value) -> Value {
        let mut text = value.to_string();
        for (id, name) in &self.0 {
            text = text.replace(id.as_str(), &name.replace('"', "'"));
        }
        serde_json::from_str(&text).unwrap()
    }
}

/// The managed instances of a state, with their addresses.
fn instances(state: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for resource in state["resources"].as_array().into_iter().flatten().filter(|r| r["mode"] == "managed") {
        for instance in resource["instances"].as_array().unwrap() {
            let module = resource["module"].as_str().map_or(String::new(), |m| format!("{m}."));
            let key = match &instance["index_key"] {
                Value::Null => String::new(),
                key => format!("[{key}]"),
            };
            let (ty, name) = (resource["type"].as_str().unwrap(), resource["name"].as_str().unwrap());
            all.push((format!("{module}{ty}.{name}{key}"), instance.clone()));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect(),
        ),
        other => other,
    }
}

/// What of a plan is compared.
fn planned(plan: &Value) -> Value {
    let changes = |key: &str| -> BTreeMap<String, Value> {
        let mut all = BTreeMap::new();
        for change in plan[key].as_array().into_iter().flatten() {
            let c = &change["change"];
            // Deposed keys are chance.
            let deposed = if change["deposed"].is_string() { " (deposed)" } else { "" };
            let what = json!({
                "actions": c["actions"], "before": c["before"], "after": c["after"], "after_unknown": c["after_unknown"],
                "before_sensitive": c["before_sensitive"], "after_sensitive": c["after_sensitive"],
                "replace_paths": c["replace_paths"], "importing": c["importing"],
                "reason": change["action_reason"], "previous": change["previous_address"],
                "provider": change["provider_name"], "module": change["module_address"],
                "mode": change["mode"], "index": change["index"],
            });
            all.insert(format!("{}{deposed}", change["address"].as_str().unwrap()), without_nulls(what));
        }
        all
    };
    json!({
        "changes": changes("resource_changes"),
        "drift": changes("resource_drift"),
        "outputs": plan["output_changes"],
        "checks": plan["checks"],
        "prior": in_order(&plan["prior_state"]["values"]["root_module"]),
        "configuration": plan["configuration"],
        "relevant": plan["relevant_attributes"].as_array().into_iter().flatten().map(Value::to_string).collect::<BTreeSet<_>>(),
        "planned": { "outputs": plan["planned_values"]["outputs"], "modules": in_order(&plan["planned_values"]["root_module"]) },
    })
}

/// A module with resources and children by the text of their addresses.
fn in_order(module: &Value) -> Value {
    let mut module = module.clone();
    if let Some(resources) = module["resources"].as_array_mut() {
        resources.sort_by_key(|r| r["address"].to_string());
    }
    if let Some(children) = module["child_modules"].as_array_mut() {
        children.sort_by_key(|c| c["address"].to_string());
        children.iter_mut().for_each(|c| *c = in_order(c));
    }
    without_nulls(module)
}

/// What of a state is compared.
fn remembered(state: &Value) -> Value {
    let mut all = Map::new();
    for (address, instance) in instances(state) {
        let mut kept = Map::new();
        for key in
            ["attributes", "sensitive_attributes", "dependencies", "status", "create_before_destroy", "schema_version"]
        {
            if !instance[key].is_null() {
                let mut value = instance[key].clone();
                if let (true, Some(paths)) = (key == "sensitive_attributes", value.as_array_mut()) {
                    // Their order is chance.
                    paths.sort_by_key(Value::to_string);
                }
                kept.insert(key.into(), value);
            }
        }
        all.insert(address, Value::Object(kept));
    }
    let providers: BTreeSet<String> = state["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|r| r["mode"] == "managed")
        .map(|r| format!("{} {}.{}: {}", r["module"], r["type"], r["name"], r["provider"]))
        .collect();
    let data = state["resources"].as_array().into_iter().flatten().filter(|r| r["mode"] == "data").cloned();
    json!({
        "instances": all, "outputs": state["outputs"], "providers": providers, "data": data.collect::<Vec<_>>(),
        "checks": checks(&state["check_results"]),
    })
}

/// Results of checks by what they are about, whatever their order.
fn checks(results: &Value) -> Value {
    let mut all = BTreeMap::new();
    for one in results.as_array().into_iter().flatten() {
        let mut one = one.clone();
        if let Some(objects) = one["objects"].as_array_mut() {
            objects.sort_by_key(|o| o["object_addr"].to_string());
        }
        all.insert(one["config_addr"].as_str().unwrap().to_string(), one);
    }
    json!(all)
}

/// One of the two, and the other.
struct Twins {
    ours: Stack,
    theirs: Option<Stack>,
    ids: (Ids, Ids),
    differences: Vec<String>,
}

impl Twins {
    fn new() -> Twins {
        Twins {
            ours: Stack::new(env!("CARGO_BIN_EXE_straddle")),
            theirs: terraform().then(|| Stack::new("terraform")),
            ids: Default::default(),
            differences: Vec::new(),
        }
    }

    fn write(&self, name: &str, body: &str) {
        self.ours.write(name, body);
        self.theirs.iter().for_each(|t| t.write(name, body));
    }

    fn note(&mut self, at: &str, ours: &Value, theirs: &Value) {
        let mut found = Vec::new();
        differ(ours, theirs, String::new(), &mut found);
        self.differences.extend(found.into_iter().map(|f| format!("{at}: {f}")));
    }

    fn run(&mut self, at: &str, command: &[String]) {
        let (verb, mut args) = (command[0].as_str(), command[1..].to_vec());
        if verb == "destroy" {
            args.push("-destroy".into());
        }
        if let Some(theirs) = &self.theirs {
            theirs.well(&["init", "-input=false"]);
        }
        if verb == "fails" {
            self.both_fail(at, &args);
            return;
        }
        let ours = self.ours.plan(&args);
        let theirs = self.theirs.as_ref().map(|t| t.plan(&args));
        let ours = ours.unwrap_or_else(|ran| panic!("{at}: straddle plan: {}{}", ran.out, ran.err));
        let theirs = theirs.map(|t| t.unwrap_or_else(|ran| panic!("{at}: terraform plan: {}{}", ran.out, ran.err)));
        if let Some(theirs) = &theirs {
            let pair = (self.ids.0.named(&planned(&ours)), self.ids.1.named(&planned(theirs)));
            self.note(&format!("{at}, plan"), &pair.0, &pair.1);
        }
        if verb == "plan" {
            return;
        }
        let carry_out = |stack: &Stack| match verb {
            "breaks" => assert_ne!(stack.run(&["apply", "plan.bin"]).code, 0, "{at}: {} does not fail", stack.program),
            _ => drop(stack.well(&["apply", "plan.bin"])),
        };
        carry_out(&self.ours);
        let state = self.ours.state();
        self.ids.0.learn(&state);
        if let Some(t) = &self.theirs {
            carry_out(t);
            let theirs = t.state();
            self.ids.1.learn(&theirs);
            let mut pair = (remembered(&state), remembered(&theirs));
            if verb == "breaks" {
                // What was never reached is not known to Terraform; straddle judges what it knows all the same.
                for state in [&mut pair.0, &mut pair.1] {
                    state["checks"] = Value::Null;
                }
            }
            let pair = (self.ids.0.named(&pair.0), self.ids.1.named(&pair.1));
            self.note(&format!("{at}, state"), &pair.0, &pair.1);
        }
        self.nothing_left(at, verb, &args);
    }

    /// A plan that follows an apply of everything is empty.
    fn nothing_left(&mut self, at: &str, verb: &str, args: &[String]) {
        if verb != "apply"
            || args.iter().any(|a| a.starts_with("-target") || a.starts_with("-replace") || a == "-refresh-only")
        {
            return;
        }
        let mut line = vec!["plan", "-detailed-exitcode", "-input=false"];
        line.extend(args.iter().map(String::as_str));
        let again = self.ours.run(&line);
        if again.code != 0 {
            self.differences.push(format!("{at}: the plan after it is not empty: {}{}", again.out, again.err));
        }
    }

    /// Both refuse to plan, with the same summaries.
    fn both_fail(&mut self, at: &str, args: &[String]) {
        let refused = |stack: &Stack| -> Option<BTreeSet<String>> {
            let mut line = vec!["plan", "-json", "-input=false"];
            line.extend(args.iter().map(String::as_str));
            let ran = stack.run(&line);
            let events = ran.out.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok());
            let errors = events.filter(|e| e["type"] == "diagnostic" && e["diagnostic"]["severity"] == "error");
            let said = errors.map(|e| e["diagnostic"]["summary"].as_str().unwrap().to_string()).collect();
            (ran.code != 0).then_some(said)
        };
        let ours = refused(&self.ours);
        let Some(theirs) = self.theirs.as_ref().map(refused) else {
            assert!(ours.is_some(), "{at}: straddle does not refuse it");
            return;
        };
        if ours != theirs {
            self.differences.push(format!("{at}: refused with {ours:?}, by Terraform with {theirs:?}"));
        }
    }
}

/// Where two trees differ.
fn differ(ours: &Value, theirs: &Value, path: String, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                match (a.get(key), b.get(key)) {
                    (Some(x), Some(y)) => differ(x, y, format!("{path}/{key}"), found),
                    (Some(x), None) => found.push(format!("{path}/{key}: only straddle has {x}")),
                    (None, Some(y)) => found.push(format!("{path}/{key}: only Terraform has {y}")),
                    (None, None) => {}
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (x, y)) in a.iter().zip(b).enumerate() {
                differ(x, y, format!("{path}/{i}"), found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push(format!("{path}: straddle {ours}, Terraform {theirs}")),
    }
}

fn tell(text: &str) -> Vec<String> {
    let mut twins = Twins::new();
    let mut n = 0;
    for step in parse(text) {
        match step {
            Step::Write(name, body) => twins.write(&name, &body),
            Step::Run(command) => {
                n += 1;
                twins.run(&format!("step {n} ({})", command.join(" ")), &command);
            }
        }
    }
    assert!(n > 0, "a story without commands");
    twins.differences
}

/// Tells a story: both say the same.
fn story(name: &str, text: &str) {
    let found = tell(text);
    assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
}

macro_rules! stories {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            story(stringify!($name), include_str!(concat!("terraform_plans/", stringify!($name), ".txt")));
        })*

        /// No file of the directory is left out.
        #[test]
        fn every_story_is_told() {
            let told: BTreeSet<String> = [$(stringify!($name).to_string()),*].into();
            let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform_plans")).unwrap();
            let files = files.map(|f| f.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "txt"));
            let there: BTreeSet<String> =
                files.map(|p| p.file_stem().unwrap().to_string_lossy().into_owned()).collect();
            assert_eq!(told, there);
        }
    };
}

stories! {
    modules repetition moved replace targets targets_apart removed conditions values depends import remote_state taint
    half_made data_kept judged written secrets keys looks
    ignored_keys command_line contributions new_before_old elsewhere
    refreshes imports_each import_refusals unpassed written_in_json unread_checks moves_by_key module_targets
    later_validations nothing_typed
    any functions provisioners nested marks chains order moves refusals imports shapes outputs
}

/// Configurations nobody thought of, changed step by step.
#[test]
fn generated_configurations() {
    let seeds = if terraform() { 0..6u64 } else { 0..40 };
    for seed in seeds {
        let text = generated::story(seed);
        let found = tell(&text);
        assert!(found.is_empty(), "seed {seed}:\n{text}\n{}", found.join("\n"));
    }
}
