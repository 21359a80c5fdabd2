//! A directory with a spec, clouds, a clock, and what goes wrong with them.

use crate::judge::{Cause, Judge, Rules};
use crate::machine::{self, Fate, Ran};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use straddle::plugin::reattach::Running;
use straddle_provider_sim::clock::ManualClock;
use straddle_provider_sim::control::{self, Status};
use straddle_provider_sim::model::{DomainName, FaultKind, Health, Op};
use straddle_provider_sim::store::Fault;
use straddle_provider_sim::{Fail, Millis};

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % sides
    }

    pub fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.next(list.len() as u64) as usize].clone()
    }
}

/// Something goes wrong, or right again.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// So many instances of a zone are deleted by hand.
    Kill(u64, &'static str),
    Health(&'static str, Health),
    Fault(Op, FaultKind, f64, u64),
    /// The n-th instance there is is switched off or on by hand.
    Switch(usize, bool),
    Quota(&'static str, Option<u64>),
    /// All is well again, and what was deleted stays so.
    Reset,
}

pub struct World {
    dir: tempfile::TempDir,
    now: Cell<Millis>,
    dice: Cell<u64>,
    pub judge: Arc<Mutex<Judge>>,
    /// Providers that run beside the clouds.
    pub beside: RefCell<Running>,
}

impl World {
    pub fn new(rules: Rules, seed: u64) -> World {
        // Nothing of a simulation must last: where memory is a file system, it is the faster one.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
        let judge = Arc::new(Mutex::new(Judge::new(dir.path().join("sim.db"), rules)));
        World { dir, now: Cell::new(1_800_000_000_000), dice: Cell::new(seed), judge, beside: RefCell::default() }
    }

    /// A world as this one is now, with another chance.
    pub fn copied(&self, seed: u64) -> World {
        let mut judge = self.judge.lock().unwrap();
        judge.closes();
        let copy = World::new(judge.rules(), seed);
        for entry in std::fs::read_dir(self.path()).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
            }
        }
        let spec = std::fs::read_to_string(self.path().join("web.straddle.hcl")).unwrap();
        copy.write(&spec.replace(self.path().join("sim.db").to_str().unwrap(), "STORE"));
        copy.now.set(self.now());
        copy
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn now(&self) -> Millis {
        self.now.get()
    }

    /// Lets time pass.
    pub fn passed(&self, length: Millis) {
        self.now.set(self.now.get() + length);
    }

    /// A number below `sides`, of the world's own chance.
    pub fn chance(&self, sides: u64) -> u64 {
        let mut dice = Dice(self.dice.get());
        let n = dice.next(sides);
        self.dice.set(dice.0);
        n
    }

    /// Replaces the spec. `STORE` in it is where the clouds are.
    pub fn write(&self, spec: &str) {
        let store = self.path().join("sim.db");
        let spec = spec.replace("STORE", store.to_str().unwrap());
        std::fs::write(self.path().join("web.straddle.hcl"), spec).unwrap();
    }

    pub fn run(&self, line: &str) -> Ran {
        machine::run(self, line, Fate::Lives, &[])
    }

    pub fn run_as(&self, line: &str, fate: Fate, events: &[(u64, Trouble)]) -> Ran {
        machine::run(self, line, fate, events)
    }

    /// Something happens between runs.
    pub fn happens(&self, trouble: &Trouble) {
        self.happens_at(self.now(), trouble);
    }

    pub fn happens_at(&self, now: Millis, trouble: &Trouble) {
        self.judge.lock().unwrap().look(now, Cause::Straddle);
        let (path, clock) = (self.path().join("sim.db"), ManualClock::at(now));
        let zone = |name: &str| DomainName::zone(name);
        let done: Result<(), Fail> = match trouble {
            Trouble::Kill(count, name) => control::kill(&path, &clock, *count, &[zone(name)]).map(drop),
            Trouble::Health(name, health) => control::set_health(&path, &clock, &[zone(name)], *health).map(drop),
            Trouble::Fault(op, kind, rate, seed) => {
                control::set_fault(&path, &clock, Fault { op: *op, kind: *kind, rate: *rate, seed: *seed })
            }
            Trouble::Quota(name, quota) => control::set_quota(&path, &clock, &zone(name), *quota),
            Trouble::Switch(n, on) => {
                let instances = self.status_at(now).resources.into_iter().filter(|r| r.type_name == "sim_instance");
                let state = if *on { "running" } else { "stopped" };
                match instances.map(|r| r.id).nth(*n) {
                    Some(id) => control::edit(&path, &clock, id, "state", state).map(drop),
                    None => Ok(()),
                }
            }
            Trouble::Reset => control::reset(&path, &clock, false).and_then(|()| {
                control::set_health(&path, &clock, &["a", "b"].map(zone), Health::Up)?;
                // What was switched off by hand is for a hand to switch on again.
                let off = self.status_at(now).resources.into_iter();
                let mut off = off.filter(|r| r.attributes.get("state").is_some_and(|state| state == "stopped"));
                off.try_for_each(|r| control::edit(&path, &clock, r.id, "state", "running").map(drop))
            }),
        };
        // What cannot be done (there are no three instances to kill) is not done.
        if let Err(Fail::Store(error)) = done {
            panic!("{trouble:?}: {error}");
        }
        self.judge.lock().unwrap().look(now, Cause::Other);
    }

    /// The judge looks at what the last request did.
    pub fn look(&self) {
        self.judge.lock().unwrap().look(self.now(), Cause::Straddle);
    }

    fn status_at(&self, now: Millis) -> Status {
        let nothing = Status { domains: BTreeMap::new(), resources: Vec::new(), faults: Vec::new() };
        let path = self.path().join("sim.db");
        if path.exists() { control::status(&path, &ManualClock::at(now)).unwrap() } else { nothing }
    }

    /// Objects of a type that exist, by id, with the address that claims each.
    pub fn existing(&self, ty: &str) -> Vec<(String, String)> {
        let all = self.status_at(self.now()).resources.into_iter().filter(|r| r.type_name == ty);
        all.map(|r| (r.id.to_string(), r.claimed_by.unwrap_or_default())).collect()
    }

    /// Instances that run, by zone.
    pub fn running(&self) -> BTreeMap<String, usize> {
        let mut by_zone = BTreeMap::new();
        for one in self.status_at(self.now()).resources {
            if one.attributes.get("state").is_some_and(|s| s == "running") {
                *by_zone.entry(one.zone.unwrap()).or_default() += 1;
            }
        }
        by_zone
    }

    /// What must hold at any moment: what may never happen has not; the journal can be read; no address has two objects, and nothing
    /// that was made for this state is forgotten by it.
    #[track_caller]
    pub fn is_safe(&self, story: &str) {
        let broken = &self.judge.lock().unwrap().broken;
        assert!(broken.is_empty(), "{story}:\n{}", broken.join("\n"));
        let state = straddle::state::load(self.path()).unwrap_or_else(|e| panic!("{story}: {e}")).state;
        let known: BTreeSet<String> = state
            .objects
            .values()
            .filter_map(|o| serde_json::from_str::<serde_json::Value>(o.attributes.as_str()).ok())
            .filter_map(|o| o["id"].as_str().map(str::to_owned))
            .collect();
        let open: BTreeSet<String> = state.open.iter().map(|o| o.begin.object.address.to_string()).collect();
        for ty in ["sim_instance", "sim_target", "sim_load_balancer", "sim_group", "sim_record"] {
            let mut unknown = BTreeSet::new();
            for (id, address) in self.existing(ty) {
                if known.contains(&id) {
                    continue;
                }
                assert!(open.contains(&address), "{story}: {id}, made for {address}, is forgotten");
                assert!(unknown.insert(address.clone()), "{story}: {address} was made twice");
            }
        }
    }
}
