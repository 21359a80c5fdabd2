//! The same configuration in two directories, one for each program, each with objects of its own.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory, its objects, and the program that works there.
pub struct Side {
    dir: tempfile::TempDir,
    store: tempfile::TempDir,
    config: PathBuf,
    program: PathBuf,
    straddle: bool,
    /// Whether it knows identities.
    identities: bool,
}

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub all: String,
}

impl Side {
    /// Ours alone.
    pub fn straddle(providers: &Path) -> Side {
        Side::new(PathBuf::from(env!("CARGO_BIN_EXE_straddle")), true, true, &both(providers))
    }

    fn new(program: PathBuf, straddle: bool, identities: bool, far: &[Far<'_>]) -> Side {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("cli.tfrc");
        let one = |f: &Far<'_>| format!("    \"{}\" = \"{}\"\n", f.source, f.home.display());
        let all: String = far.iter().map(one).collect();
        let text = format!("provider_installation {{\n  dev_overrides {{\n{all}  }}\n  direct {{}}\n}}\n");
        std::fs::write(&config, text).unwrap();
        Side { dir, store: tempfile::tempdir().unwrap(), config, program, straddle, identities }
    }

    pub fn write(&self, config: &str) {
        std::fs::write(self.dir.path().join("main.tf"), config).unwrap();
    }

    /// A command that was not started yet.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("TF_CLI_CONFIG_FILE", &self.config)
            .env("INTEROP_STORE", self.store.path())
            .env("XDG_CACHE_HOME", self.dir.path().join("cache"))
            .env("CHECKPOINT_DISABLE", "1")
            .env("NO_COLOR", "1")
            .env_remove("TF_LOG")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let out = String::from_utf8_lossy(&stdout).into_owned();
        let all = format!("{out}{}", String::from_utf8_lossy(&stderr));
        Said { code: status.code().unwrap_or(-1), out, all }
    }

    /// Runs what must end well.
    pub fn well(&self, arguments: &[&str]) -> Said {
        let said = self.run(arguments);
        assert_eq!(said.code, 0, "{} {arguments:?}\n{}", self.program.display(), said.all);
        said
    }

    /// A file of the provider.
    pub fn file(&self, name: &str) -> PathBuf {
        self.store.path().join(name)
    }

    /// A file of the working directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The file of an object of the provider.
    pub fn object(&self, id: &str) -> PathBuf {
        self.store.path().join(format!("{id}.json"))
    }

    /// The files of all objects there are.
    pub fn objects(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.store.path()).unwrap();
        let mut names: Vec<String> = names.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name.ends_with(".json"));
        names.sort();
        names
    }

    /// What was called of the provider since this was asked last.
    pub fn calls(&self) -> Vec<String> {
        let path = self.file("calls.log");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, "").unwrap();
        text.lines().map(String::from).collect()
    }

    /// Changes an object behind the program's back.
    pub fn edit(&self, id: &str, name: &str, value: Value) {
        let path = self.object(id);
        let mut object: Map<String, Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        object.insert(name.to_owned(), value);
        std::fs::write(path, serde_json::to_string(&object).unwrap()).unwrap();
    }

    /// The state in Terraform's format.
    pub fn state(&self) -> Value {
        serde_json::from_str(&self.well(&["state", "pull"]).out).unwrap()
    }

    /// Takes over a state in Terraform's format.
    pub fn push(&self, state: &Value) {
        let path = self.dir.path().join("given.tfstate");
        std::fs::write(&path, state.to_string()).unwrap();
        let force: &[&str] = if self.straddle { &["-force"] } else { &["-force", "-lock=false"] };
        self.well(&[&["state", "push"], force, &["given.tfstate"]].concat());
    }

    /// The changes of a plan: actions and values by address.
    pub fn plan(&self, arguments: &[&str]) -> BTreeMap<String, Value> {
        let said = self.run(&[&["plan", "-input=false", "-out=plan.bin"], arguments].concat());
        assert_eq!(said.code, 0, "{}", said.all);
        let plan: Value = serde_json::from_str(&self.well(&["show", "-json", "plan.bin"]).out).unwrap();
        let changes = plan["resource_changes"].as_array().cloned().unwrap_or_default();
        changes.into_iter().map(|c| (c["address"].as_str().unwrap().to_owned(), judged(&c))).collect::<BTreeMap<_, _>>()
    }

    /// Carries out the plan made last.
    pub fn apply(&self) -> Said {
        self.well(&["apply", "-input=false", "plan.bin"])
    }
}

/// What of a change is compared.
fn judged(change: &Value) -> Value {
    let inner = &change["change"];
    let mut out = Map::new();
    let sides = ["before", "after", "after_unknown", "before_sensitive", "after_sensitive"];
    for key in sides.into_iter().chain(["actions", "replace_paths", "before_identity", "after_identity"]) {
        if let Some(value) = inner.get(key) {
            out.insert(key.to_owned(), value.clone());
        }
    }
    // Their order is that of hashes in the real program.
    if let Some(paths) = out.get_mut("replace_paths").and_then(Value::as_array_mut) {
        paths.sort_by_key(Value::to_string);
    }
    if let Some(reason) = change.get("action_reason") {
        out.insert("reason".to_owned(), reason.clone());
    }
    if let Some(id) = inner.pointer("/importing/id").or(inner.pointer("/importing/identity")) {
        out.insert("importing".to_owned(), id.clone());
    }
    if let Some(before) = change.get("previous_address") {
        out.insert("previous_address".to_owned(), before.clone());
    }
    without_chance(out.into())
}

/// A value without the random ids of Terraform's own provider.
fn without_chance(value: Value) -> Value {
    match value {
        Value::String(text) if text.len() == 36 && text.matches('-').count() == 4 => "(chance)".into(),
        // The ids that the Rust framework's null provider draws.
        Value::String(text) if text.len() == 30 && text.bytes().all(|b| b.is_ascii_alphanumeric()) => "(chance)".into(),
        // Those of the null provider.
        Value::String(text) if text.len() > 14 && text.bytes().all(|b| b.is_ascii_digit()) => "(chance)".into(),
        Value::Array(items) => items.into_iter().map(without_chance).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, without_chance(value))).collect(),
        other => other,
    }
}

/// Both programs side by side; without the real one there is nothing to compare, and straddle is driven all the same.
pub struct Twin {
    pub ours: Side,
    pub theirs: Option<Side>,
    /// What every configuration begins with.
    head: String,
}

/// A provider: its local name, its source, the directory of its program.
pub struct Far<'f> {
    pub name: &'f str,
    pub source: &'f str,
    pub home: &'f Path,
}

/// The two of our own.
fn both(home: &Path) -> [Far<'_>; 2] {
    [Far { name: "old", source: "interop/old", home }, Far { name: "new", source: "interop/new", home }]
}

impl Twin {
    /// `None` where the providers cannot be built.
    pub fn new() -> Option<Twin> {
        Twin::far(&both(super::build::providers()?))
    }

    /// With these providers.
    pub fn far(far: &[Far<'_>]) -> Option<Twin> {
        let ours = Side::new(PathBuf::from(env!("CARGO_BIN_EXE_straddle")), true, true, far);
        let oracle = super::build::oracle();
        let theirs = oracle.map(|o| Side::new(o.program, false, o.version >= (1, 12), far));
        let one = |f: &Far<'_>| format!("    {} = {{ source = \"{}\" }}\n", f.name, f.source);
        let required: String = far.iter().map(one).collect();
        let head = format!("terraform {{\n  required_providers {{\n{required}  }}\n}}\n");
        Some(Twin { ours, theirs, head })
    }

    /// As [`Twin::new`], for what Terraform has since 1.12: an older one is left aside, and says so.
    pub fn with_identities() -> Option<Twin> {
        let mut twin = Twin::new()?;
        if twin.theirs.as_ref().is_some_and(|side| !side.identities) {
            println!("not compared: the terraform here knows no identities");
            twin.theirs = None;
        }
        Some(twin)
    }

    /// Each side there is.
    pub fn sides(&self) -> impl Iterator<Item = &Side> {
        std::iter::once(&self.ours).chain(&self.theirs)
    }

    /// Writes a configuration; its head (`required_providers`) is added.
    pub fn write(&self, config: &str) {
        let head = &self.head;
        self.sides().for_each(|side| side.write(&format!("{head}{config}")));
    }

    /// What `providers schema -json` tells on each side: the same, but for what one version of the real program tells and another does
    /// not.
    pub fn schemas(&self) -> Vec<Value> {
        let version = super::build::oracle().map_or((1, 11), |o| o.version);
        let mut told = Vec::new();
        for side in self.sides() {
            let mut tree: Value = serde_json::from_str(&side.well(&["providers", "schema", "-json"]).out).unwrap();
            for (_, provider) in tree["provider_schemas"].as_object_mut().unwrap() {
                let newer = [("resource_identity_schemas", 12), ("list_resource_schemas", 14), ("action_schemas", 99)];
                let provider = provider.as_object_mut().unwrap();
                provider.retain(|key, _| newer.iter().all(|(name, since)| key != name || version.1 >= *since));
            }
            without(&mut tree, "deprecation_message");
            told.push(tree);
        }
        if let [ours, theirs] = told.as_slice() {
            same("schemas", ours, theirs);
        }
        told
    }

    /// Plans on both sides: the same changes. Those of straddle.
    pub fn plan(&self, arguments: &[&str]) -> BTreeMap<String, Value> {
        let ours = self.ours.plan(arguments);
        if let Some(side) = &self.theirs {
            let mut theirs = side.plan(arguments);
            // Data sources read while planning are no changes; they are listed by one and not by the other.
            theirs.retain(|address, _| !address.starts_with("data.") || ours.contains_key(address));
            let mut known = ours.clone();
            if !side.identities {
                known.values_mut().for_each(|change| {
                    let members = change.as_object_mut().unwrap();
                    members.retain(|name, _| !name.ends_with("_identity"));
                });
            }
            same("changes", &serde_json::to_value(&known).unwrap(), &serde_json::to_value(theirs).unwrap());
        }
        ours
    }

    /// Applies on both sides: the same state, the same objects, and nothing left to do.
    pub fn apply(&self) {
        self.sides().for_each(|side| {
            side.apply();
        });
        self.same_state();
        self.apply_nothing();
    }

    /// A plan on either side is empty.
    pub fn apply_nothing(&self) {
        for side in self.sides() {
            let again = side.run(&["plan", "-input=false", "-detailed-exitcode"]);
            assert_eq!(again.code, 0, "{}", again.all);
        }
    }

    /// A step after which there is something left to do: write, plan, apply, the same state.
    pub fn unsettled(&self, config: &str) -> BTreeMap<String, Value> {
        self.write(config);
        let changes = self.plan(&[]);
        self.sides().for_each(|side| {
            side.apply();
        });
        self.same_state();
        changes
    }

    /// One step of a story: write, plan, apply.
    pub fn step(&self, config: &str) -> BTreeMap<String, Value> {
        self.write(config);
        let changes = self.plan(&[]);
        self.apply();
        changes
    }

    /// The managed objects of both states are the same.
    pub fn same_state(&self) {
        let Some(theirs) = &self.theirs else { return };
        let identities = theirs.identities;
        same("state", &managed(&self.ours.state(), identities), &managed(&theirs.state(), identities));
        assert_eq!(self.ours.objects(), theirs.objects());
    }

    /// Both sides refuse with the same words.
    pub fn refused(&self, arguments: &[&str], words: &[&str]) {
        for side in self.sides() {
            let said = side.run(arguments);
            // What was begun and failed has a code of its own.
            let codes: &[i32] = if arguments[0] == "apply" { &[1, 7] } else { &[1] };
            assert!(codes.contains(&said.code), "{}", said.all);
            let flat = flat(&said.all);
            for word in words {
                assert!(flat.contains(word), "{word:?} is not in {flat}");
            }
        }
    }
}

/// Takes a member out, wherever it is.
fn without(tree: &mut Value, member: &str) {
    match tree {
        Value::Object(members) => {
            members.remove(member);
            members.values_mut().for_each(|inner| without(inner, member));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| without(inner, member)),
        _ => {}
    }
}

/// Text without colours, and without the breaks and frames that depend on the width of the terminal.
pub fn flat(text: &str) -> String {
    let framed = |c: char| "│╷╵|".contains(c);
    // Colours begin with an escape and end with an m.
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default();
    let plain: String = parts.map(|part| part.split_once('m').map_or("", |(_, rest)| rest)).collect();
    let text = format!("{first}{plain}");
    text.split(framed).flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// The managed resources of a state, sorted, without what differs between two runs.
fn managed(state: &Value, identities: bool) -> Value {
    let mut all: Vec<Value> = state["resources"].as_array().cloned().unwrap_or_default();
    all.retain(|r| r["mode"] == "managed");
    for resource in &mut all {
        for instance in resource["instances"].as_array_mut().into_iter().flatten() {
            // The bytes of a provider may be JSON of which the order is free.
            let private = instance["private"].as_str().map(bytes);
            instance["private"] = private.unwrap_or_default();
            // Written whether there is an identity or not, and by an older Terraform not at all.
            if let Some(members) = instance.as_object_mut().filter(|i| !identities || !i.contains_key("identity")) {
                members.remove("identity_schema_version");
                members.remove("identity");
            }
        }
    }
    all.sort_by_key(|r| format!("{}.{}", r["type"], r["name"]));
    without_chance(all.into())
}

fn bytes(text: &str) -> Value {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::from(text))
}

/// Fails with the first places that differ.
fn same(what: &str, ours: &Value, theirs: &Value) {
    let mut found = Vec::new();
    differences(ours, theirs, String::new(), &mut found);
    assert!(found.is_empty(), "{what} differ (straddle, terraform):\n{}", found.join("\n"));
}

fn differences(a: &Value, b: &Value, path: String, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let keys: std::collections::BTreeSet<&String> = x.keys().chain(y.keys()).collect();
            for key in keys {
                let none = Value::from("(absent)");
                let (one, other) = (x.get(key).unwrap_or(&none), y.get(key).unwrap_or(&none));
                differences(one, other, format!("{path}.{key}"), found);
            }
        }
        (Value::Array(x), Value::Array(y)) if x.len() == y.len() => {
            for (i, (one, other)) in x.iter().zip(y).enumerate() {
                differences(one, other, format!("{path}[{i}]"), found);
            }
        }
        _ if a == b => {}
        _ => found.push(format!("  {path}: {a}  |  {b}")),
    }
}

/// The actions of a change.
pub fn actions(changes: &BTreeMap<String, Value>, address: &str) -> Vec<String> {
    let Some(change) = changes.get(address) else { panic!("no change of {address} in {:?}", changes.keys()) };
    change["actions"].as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()).collect()
}
