//! `state list|show|mv|rm|replace-provider` as functions from a state to the journal entries that do it.

use super::journal::{End, Entry, How, Outcome};
use super::model::{Object, ObjectId, ProviderRef, State};
use crate::diag::Diagnostic;
use crate::lang::address::{Address, Key};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use straddle_sdk::value::Str;

/// What a person may name in a state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// One instance, or all instances of a resource where it has no key.
    Resource(Address),
    /// Everything in a module, in all its instances where the last word has no key.
    Module(Vec<(Str, Option<Key>)>),
    /// Everything of a workload.
    Workload(Vec<(Str, Option<Key>)>, Str),
}

/// Why an edit cannot be done. The state is as it was.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EditError {
    /// Not an address.
    #[error("{text:?} is no address of a resource, module or workload")]
    NoAddress {
        /// What was given.
        text: String,
    },
    /// Nothing of that name.
    #[error("the state holds nothing at {target}")]
    Nothing {
        /// What was named.
        target: String,
        /// The nearest name there is.
        near: Option<String>,
    },
    /// Something is there already.
    #[error("{to} is in the state already")]
    Taken {
        /// The address.
        to: Box<ObjectId>,
    },
    /// A resource cannot become a module, nor one type another.
    #[error("{from} cannot become {to}: {why}")]
    Unlike {
        /// From.
        from: String,
        /// To.
        to: String,
        /// Why not.
        why: &'static str,
    },
    /// What an open action leaves of it is not known yet.
    #[error("{object}: an action on it is in doubt")]
    InDoubt {
        /// The object.
        object: Box<ObjectId>,
    },
    /// A data source cannot be replaced.
    #[error("{address} is only read: there is nothing to replace")]
    NotManaged {
        /// The address.
        address: Box<Address>,
    },
    /// There is no mark to take away.
    #[error("{object} is not tainted")]
    NotTainted {
        /// The object.
        object: Box<ObjectId>,
    },
    /// Not a source address.
    #[error("{text:?} is no source address of a provider")]
    NoProvider {
        /// What was given.
        text: String,
    },
    /// No object is of that provider.
    #[error("the state holds nothing of provider {source_address}")]
    NotOf {
        /// The source address.
        source_address: String,
    },
}

impl From<EditError> for Diagnostic {
    fn from(error: EditError) -> Diagnostic {
        let help = match &error {
            EditError::NoAddress { .. } => {
                "write for example aws_instance.web[0], module.net or workload.web; quote it for the shell".to_string()
            }
            EditError::Nothing { near: Some(near), .. } => {
                format!("did you mean {near}? `straddle state list` shows all")
            }
            EditError::Nothing { near: None, .. } => "`straddle state list` shows all".into(),
            EditError::Taken { .. } => "move or remove that one first".into(),
            EditError::Unlike { .. } => "name the new address with the same kind and type".into(),
            EditError::InDoubt { .. } => "run `straddle apply` first: it finds out what became of it".into(),
            EditError::NoProvider { .. } => {
                "write for example hashicorp/aws or registry.terraform.io/hashicorp/aws".into()
            }
            EditError::NotManaged { .. } => "it is read again by every plan".into(),
            EditError::NotTainted { .. } => "`straddle state show` shows what is known of it".into(),
            EditError::NotOf { .. } => "`straddle providers` shows which are in use".into(),
        };
        Diagnostic::error("State was not changed", error.to_string()).help(help)
    }
}

impl FromStr for Target {
    type Err = EditError;

    fn from_str(text: &str) -> Result<Target, EditError> {
        // A module or a workload is what becomes an address when a resource is added.
        if let Ok(address) = format!("{text}.x.x").parse::<Address>() {
            if let Some(workload) = address.workload.filter(|_| &*address.name == "x" && &*address.ty == "x") {
                return Ok(Target::Workload(address.module, workload));
            }
            if &*address.ty == "x" && address.mode == crate::lang::address::Mode::Managed && !address.module.is_empty()
            {
                return Ok(Target::Module(address.module));
            }
        }
        match text.parse() {
            Ok(address) => Ok(Target::Resource(address)),
            Err(_) => Err(EditError::NoAddress { text: text.into() }),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = |path: &[(Str, Option<Key>)]| {
            let text = |(name, key): &(Str, Option<Key>)| {
                format!("module.{name}{}", key.as_ref().map_or_else(String::new, Key::to_string))
            };
            path.iter().map(text).collect::<Vec<_>>().join(".")
        };
        match self {
            Target::Resource(address) => address.fmt(f),
            Target::Module(path) => f.write_str(&module(path)),
            Target::Workload(path, name) if path.is_empty() => write!(f, "workload.{name}"),
            Target::Workload(path, name) => write!(f, "{}.workload.{name}", module(path)),
        }
    }
}

impl Target {
    /// Whether an object of this address is meant.
    pub fn covers(&self, address: &Address) -> bool {
        match self {
            Target::Resource(target) => {
                let same = target.module == address.module
                    && target.workload == address.workload
                    && target.mode == address.mode
                    && target.ty == address.ty
                    && target.name == address.name;
                same && (target.key.is_none() || target.key == address.key)
            }
            Target::Module(path) => covers_module(path, &address.module),
            Target::Workload(path, name) => *path == address.module && address.workload.as_ref() == Some(name),
        }
    }

    /// The address an object gets when all of this becomes `to`.
    fn rename(&self, address: &Address, to: &Target) -> Option<Address> {
        match (self, to) {
            (Target::Resource(from), Target::Resource(to)) => {
                let key = if from.key.is_none() && to.key.is_none() { address.key.clone() } else { to.key.clone() };
                Some(Address { key, ..to.clone() })
            }
            (Target::Module(from), Target::Module(to)) => {
                let mut module = to.clone();
                let last = address.module.get(from.len().checked_sub(1)?)?;
                // `module.a` to `module.b` moves every instance to that of the same key.
                if let Some(end) =
                    module.last_mut().filter(|end| end.1.is_none() && from.last().is_some_and(|f| f.1.is_none()))
                {
                    end.1.clone_from(&last.1);
                }
                module.extend(address.module.get(from.len()..)?.iter().cloned());
                Some(Address { module, ..address.clone() })
            }
            (Target::Workload(..), Target::Workload(module, name)) => {
                Some(Address { module: module.clone(), workload: Some(name.clone()), ..address.clone() })
            }
            _ => None,
        }
    }
}

fn covers_module(path: &[(Str, Option<Key>)], module: &[(Str, Option<Key>)]) -> bool {
    let Some(((last, key), outer)) = path.split_last() else { return true };
    module.len() >= path.len()
        && module[..outer.len()] == *outer
        && module[outer.len()].0 == *last
        && (key.is_none() || module[outer.len()].1 == *key)
}

/// The objects named, current and deposed, in order; all when nothing is named.
///
/// # Errors
/// One for each name that is no address or names nothing.
pub fn list<'a>(state: &'a State, names: &[String]) -> Result<Vec<&'a ObjectId>, Vec<EditError>> {
    if names.is_empty() {
        return Ok(state.objects.keys().collect());
    }
    let (mut found, mut errors) = (BTreeSet::new(), Vec::new());
    for name in names {
        match matches(state, name) {
            Ok((_, ids)) => found.extend(ids),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(found.into_iter().collect()) } else { Err(errors) }
}

fn matches<'a>(state: &'a State, name: &str) -> Result<(Target, Vec<&'a ObjectId>), EditError> {
    let target: Target = name.parse()?;
    let ids: Vec<&ObjectId> = state.objects.keys().filter(|id| target.covers(&id.address)).collect();
    if ids.is_empty() {
        let near = nearest(state, &target.to_string());
        return Err(EditError::Nothing { target: target.to_string(), near });
    }
    Ok((target, ids))
}

/// The address that shares the longest beginning with a text, and at least half of it.
pub(super) fn nearest(state: &State, text: &str) -> Option<String> {
    let common = |other: &str| text.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let near = state.objects.keys().map(|id| id.address.to_string()).max_by_key(|other| common(other))?;
    (common(&near) * 2 >= text.len()).then_some(near)
}

/// One object and what is deposed beside it.
///
/// # Errors
/// When the name is no instance of the state.
pub fn show<'a>(state: &'a State, name: &str) -> Result<Vec<(&'a ObjectId, &'a Arc<Object>)>, EditError> {
    let address: Address = name.parse().map_err(|_| EditError::NoAddress { text: name.into() })?;
    let found: Vec<_> = state.objects.iter().filter(|(id, _)| id.address == address).collect();
    if found.is_empty() {
        let near = nearest(state, &address.to_string());
        return Err(EditError::Nothing { target: address.to_string(), near });
    }
    Ok(found)
}

pub(super) fn idle(state: &State, id: &ObjectId) -> Result<(), EditError> {
    match state.open.on(id) {
        Some(_) => Err(EditError::InDoubt { object: Box::new(id.clone()) }),
        None => Ok(()),
    }
}

/// Forgets objects. They live on, and nobody manages them.
///
/// # Errors
/// One for each name that is no address or names nothing; then nothing is forgotten.
pub fn remove(state: &State, names: &[String]) -> Result<Vec<Entry>, Vec<EditError>> {
    let (mut ids, mut errors) = (BTreeSet::new(), Vec::new());
    for name in names {
        let target = match name.parse::<Target>() {
            Ok(target) => target,
            Err(error) => {
                errors.push(error);
                continue;
            }
        };
        // What is in doubt may be in no state yet; this is how a person who knows better lets go of it.
        let doubted = state.open.iter().map(|open| &open.begin.object).filter(|id| target.covers(&id.address));
        let before = ids.len();
        ids.extend(doubted.chain(state.objects.keys().filter(|id| target.covers(&id.address))));
        if ids.len() == before && !ids.iter().any(|id: &&ObjectId| target.covers(&id.address)) {
            let near = nearest(state, &target.to_string());
            errors.push(EditError::Nothing { target: target.to_string(), near });
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut entries = Vec::new();
    for id in ids {
        if let Some(open) = state.open.on(id) {
            let outcome = Outcome::Failed { object: None, message: "given up with `state rm`".into() };
            entries.push(Entry::End(End { action: open.begin.action, outcome }));
        }
        if state.objects.contains_key(id) {
            entries.push(Entry::Known { id: id.clone(), object: None, how: How::Edited });
        }
    }
    Ok(entries)
}

/// Gives objects another address: an instance, a resource with all its instances, a module, a workload. What depends on them
/// goes on doing so.
///
/// # Errors
/// Nothing there, something there already, different kinds or types, or in doubt.
pub fn move_objects(state: &State, from: &str, to: &str) -> Result<Vec<Entry>, EditError> {
    let (source, ids) = matches(state, from)?;
    let target: Target = to.parse()?;
    let unlike = |why| EditError::Unlike { from: source.to_string(), to: target.to_string(), why };
    if let (Target::Resource(a), Target::Resource(b)) = (&source, &target) {
        if a.mode != b.mode {
            return Err(unlike("one is made by straddle, the other only read"));
        }
        if a.ty != b.ty {
            return Err(unlike("they are of different types"));
        }
        let several = ids.iter().filter(|id| id.deposed.is_none()).count() > 1;
        if several && a.key.is_none() && b.key.is_some() {
            return Err(unlike("it has several instances"));
        }
    }
    let mut moves: BTreeMap<ObjectId, ObjectId> = BTreeMap::new();
    for id in ids {
        idle(state, id)?;
        let address = source.rename(&id.address, &target).ok_or_else(|| unlike("they are different kinds of thing"))?;
        moves.insert(id.clone(), ObjectId { address, deposed: id.deposed });
    }
    moves.retain(|from, to| from != to);
    for to in moves.values() {
        idle(state, to)?;
        if state.objects.contains_key(to) {
            return Err(EditError::Taken { to: Box::new(to.clone()) });
        }
    }
    let mut entries: Vec<Entry> =
        moves.iter().map(|(from, to)| Entry::Moved { from: from.clone(), to: to.clone() }).collect();
    entries.extend(follow(state, &moves)?);
    Ok(entries)
}

/// Dependencies name resources without keys: those of a resource that moved away entirely follow, those of one that moved in
/// part are added to.
fn follow(state: &State, moves: &BTreeMap<ObjectId, ObjectId>) -> Result<Vec<Entry>, EditError> {
    let mut renamed: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
    for (from, to) in moves {
        let (from, to) = (from.address.without_key(), to.address.without_key());
        if from != to {
            renamed.entry(from).or_default().insert(to);
        }
    }
    for id in state.objects.keys().filter(|id| !moves.contains_key(id)) {
        let resource = id.address.without_key();
        if let Some(names) = renamed.get_mut(&resource) {
            names.insert(resource);
        }
    }
    let mut entries = Vec::new();
    for (id, object) in &state.objects {
        if !object.dependencies.iter().any(|dependency| renamed.contains_key(dependency)) {
            continue;
        }
        let id = moves.get(id).unwrap_or(id);
        idle(state, id)?;
        let dependencies: BTreeSet<Address> = object
            .dependencies
            .iter()
            .flat_map(|dependency| match renamed.get(dependency) {
                Some(names) => names.iter().cloned().collect::<Vec<_>>(),
                None => vec![dependency.clone()],
            })
            .collect();
        let object = Object { dependencies: dependencies.into_iter().collect(), ..(**object).clone() };
        entries.push(Entry::Known { id: id.clone(), object: Some(Arc::new(object)), how: How::Edited });
    }
    Ok(entries)
}

/// A provider's source address in full: host, namespace and type are filled in as Terraform does.
///
/// # Errors
/// When it has no such form.
pub fn full_source(text: &str) -> Result<String, EditError> {
    let word = |s: &&str| !s.is_empty() && s.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ':'));
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        parts if !parts.iter().all(word) => Err(EditError::NoProvider { text: text.into() }),
        [ty] => Ok(format!("registry.terraform.io/hashicorp/{ty}")),
        [namespace, ty] => Ok(format!("registry.terraform.io/{namespace}/{ty}")),
        [_, _, _] => Ok(text.into()),
        _ => Err(EditError::NoProvider { text: text.into() }),
    }
}

/// Hands all objects of one provider to another of the same schemas (a fork, a mirror).
///
/// # Errors
/// No such provider, or an object of it is in doubt.
pub fn replace_provider(state: &State, from: &str, to: &str) -> Result<Vec<Entry>, EditError> {
    let (from, to) = (full_source(from)?, full_source(to)?);
    let mut entries = Vec::new();
    let mut renamed: BTreeMap<ProviderRef, ProviderRef> = BTreeMap::new();
    for (id, object) in state.objects.iter().filter(|(_, object)| *object.provider.source == *from) {
        idle(state, id)?;
        let provider = renamed
            .entry(object.provider.clone())
            .or_insert_with(|| ProviderRef { source: to.as_str().into(), ..object.provider.clone() })
            .clone();
        let object = Arc::new(Object { provider, ..(**object).clone() });
        entries.push(Entry::Known { id: id.clone(), object: Some(object), how: How::Edited });
    }
    if entries.is_empty() { Err(EditError::NotOf { source_address: from }) } else { Ok(entries) }
}
