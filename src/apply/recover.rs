//! Actions of a run that was cut short: what became of each is asked, never guessed, and nothing is done again blindly.
//!
//! | action | asked | known then |
//! |---|---|---|
//! | create | the objects that carry its token | the object, or that there is none |
//! | update, delete | the object itself | the object, or that it is gone |
//!
//! Where nobody can tell, the action stays in doubt, and plans keep away from its object ([`doubtful`]).

use crate::diag::Diagnostic;
use crate::fleet::{Fleet, call_problems};
use crate::lang::address::Address;
use crate::plan::model::{Action, Plan};
use crate::plan::providers::Providers;
use crate::plugin::{CallError, Discovered, Discovery, ImportBy, Plugin, ReadRequest};
use crate::state::{
    DeposedKey, End, Entry, Json, Kind, LockRequest, Object, ObjectId, Open, Outcome, RunBegin, RunEnd, RunOutcome,
    StateError, Store, now,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use straddle_sdk::schema::Prepared as Schema;
use straddle_sdk::value::codec::json;
use straddle_sdk::value::{Path, Value};

/// An action whose end was looked for.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub open: Open,
    /// What is known now; in doubt where nobody could tell.
    pub outcome: Outcome,
}

impl Resolved {
    /// Whether it is still not known.
    pub fn in_doubt(&self) -> bool {
        matches!(self.outcome, Outcome::InDoubt { .. })
    }

    /// For people, on one line.
    pub fn words(&self) -> String {
        let what = match self.open.begin.kind {
            Kind::Create => "create",
            Kind::Update => "update",
            Kind::Delete => "delete",
        };
        let end = match (&self.outcome, self.open.begin.kind) {
            (Outcome::Object(_), Kind::Create) => "it was made".to_string(),
            (Outcome::Gone, Kind::Create) => "it was never made".into(),
            (Outcome::Object(_), _) => "read anew".into(),
            (Outcome::Gone, _) => "it is gone".into(),
            (Outcome::Failed { .. }, _) => "it is still there".into(),
            (Outcome::InDoubt { why }, _) => format!("still in doubt: {why}"),
        };
        format!("{}: {what} of a run that was cut short: {end}", self.open.begin.object)
    }
}

/// Asks what became of every open action and records the answers as a run of its own. Without open actions nothing is written.
///
/// # Errors
/// The journal cannot be written.
pub async fn recover(store: &Store, fleet: &Fleet, providers: &Providers) -> Result<Vec<Resolved>, StateError> {
    let open = store.open_actions();
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let request = LockRequest::here("recover");
    let who = format!("{}@{}", request.who, request.host);
    store.record(now(), [Entry::RunBegin(RunBegin { who, command: "recover".into(), plan: None })])?;
    let mut found = tokens(&open, fleet).await;
    let mut resolved = Vec::with_capacity(open.len());
    for open in open {
        let outcome = match fleet.plugin(&open.begin.provider) {
            Some(plugin) => ask(&open, &plugin, store, providers, &mut found).await,
            None => doubt(words(&fleet.failure(&open.begin.provider))),
        };
        resolved.push(Resolved { open, outcome });
    }
    let outcome = if resolved.iter().any(Resolved::in_doubt) { RunOutcome::Partial } else { RunOutcome::Done };
    // Made up before the journal is locked for writing: what is restored is looked up in the state.
    let ends: Vec<Entry> = resolved
        .iter()
        .flat_map(|r| {
            let end = Entry::End(End { action: r.open.begin.action, outcome: r.outcome.clone() });
            [Some(end), restored(r, store)]
        })
        .flatten()
        .chain([Entry::RunEnd(RunEnd { outcome })])
        .collect();
    store.record(now(), ends)?;
    Ok(resolved)
}

/// Where nothing new came of a replacement, the old object that had stepped aside is the current one again.
fn restored(resolved: &Resolved, store: &Store) -> Option<Entry> {
    let to = &resolved.open.begin.object;
    if resolved.open.begin.kind != Kind::Create || resolved.outcome != Outcome::Gone {
        return None;
    }
    let aside = ObjectId::deposed(to.address.clone(), DeposedKey(0))
        ..=ObjectId::deposed(to.address.clone(), DeposedKey(u32::MAX));
    let from = store.with_state(|s| s.objects.range(aside).next_back().map(|(id, _)| id.clone()))?;
    Some(Entry::Moved { from, to: to.clone() })
}

/// Objects by the token of the attempt that made them, or why a provider cannot tell.
type Found = BTreeMap<String, Result<Vec<Discovered>, String>>;

/// One question to each provider for all the creates it was asked for.
async fn tokens(open: &[Open], fleet: &Fleet) -> Found {
    let mut asked: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for open in open.iter().filter(|o| o.begin.kind == Kind::Create) {
        asked.entry(open.begin.provider.clone()).or_default().push(open.begin.token.clone());
    }
    let mut found = Found::new();
    for (provider, tokens) in asked {
        let Some(plugin) = fleet.plugin(&provider) else { continue };
        match plugin.discover(&Discovery { tokens: tokens.clone(), ..Discovery::default() }).await {
            Ok(objects) => {
                found.extend(tokens.into_iter().map(|token| (token, Ok(Vec::new()))));
                for object in objects {
                    if let Some(Ok(list)) = found.get_mut(&object.ownership.token) {
                        list.push(object);
                    }
                }
            }
            Err(error) if tokens.len() == 1 => found.extend(tokens.into_iter().map(|t| (t, Err(told(&error))))),
            // One that cannot be told must not keep the others in doubt.
            Err(_) => {
                for token in tokens {
                    let one = Discovery { tokens: vec![token.clone()], ..Discovery::default() };
                    found.insert(token, plugin.discover(&one).await.map_err(|e| told(&e)));
                }
            }
        }
    }
    found
}

async fn ask(open: &Open, plugin: &Plugin, store: &Store, providers: &Providers, found: &mut Found) -> Outcome {
    let address = &open.begin.object.address;
    let Some(schema) = providers.schema_of(&open.begin.provider.source, address.mode, &address.ty) else {
        return doubt(format!("provider {} has no type {:?}", open.begin.provider, &*address.ty));
    };
    match open.begin.kind {
        Kind::Create => match found.remove(&open.begin.token) {
            Some(Ok(objects)) => created(open, plugin, &schema, objects).await,
            Some(Err(why)) => doubt(why),
            None => doubt("its provider was not asked".into()),
        },
        Kind::Update | Kind::Delete => {
            let Some(object) = store.with_state(|s| s.objects.get(&open.begin.object).cloned()) else {
                return Outcome::Gone;
            };
            changed(open, plugin, &schema, &object).await
        }
    }
}

/// A create is known to have failed only where its provider finds nothing with its token.
async fn created(open: &Open, plugin: &Plugin, schema: &Schema, mut objects: Vec<Discovered>) -> Outcome {
    if objects.len() > 1 {
        let ids: Vec<&str> = objects.iter().map(|o| o.id.as_str()).collect();
        return doubt(format!("several objects carry its token: {}", ids.join(", ")));
    }
    let Some(found) = objects.pop() else { return Outcome::Gone };
    if found.type_name != open.begin.object.address.ty {
        return doubt(format!("the object with its token is a {}", found.type_name));
    }
    let (current, private) = match found.state {
        Some(state) => (state, found.private),
        None => match plugin.import(&found.type_name, &ImportBy::Id(found.id.clone())).await {
            Ok(imported) => match imported.value.into_iter().find(|i| i.type_name == found.type_name) {
                Some(imported) => (imported.state, imported.private),
                None => return doubt(format!("{} cannot be imported", found.id)),
            },
            Err(error) => return doubt(told(&error)),
        },
    };
    let Ok(nothing) = Json::new("null") else { return doubt("null is no JSON".into()) };
    let mut object = Object::new(open.begin.provider.clone(), schema.version, nothing);
    let bearings = &open.begin.bearings;
    object.dependencies = bearings.dependencies.as_slice().into();
    object.sensitive = bearings.sensitive.as_slice().into();
    object.create_before_destroy = bearings.create_before_destroy;
    read(open, plugin, schema, &object, current, private).await
}

async fn changed(open: &Open, plugin: &Plugin, schema: &Schema, object: &Object) -> Outcome {
    let attributes = object.attributes.as_str().as_bytes();
    let current = if object.schema_version == schema.version {
        json::decode_dropping(attributes, schema.ty()).map_err(|e| e.to_string())
    } else {
        let ty = &open.begin.object.address.ty;
        plugin.upgrade(ty, object.schema_version, attributes).await.map(|u| u.value).map_err(|e| told(&e))
    };
    match current {
        Ok(current) => read(open, plugin, schema, object, current, object.private.to_vec()).await,
        Err(why) => doubt(why),
    }
}

/// Reads an object; what is there is kept with what the state knew beside it.
async fn read(
    open: &Open,
    plugin: &Plugin,
    schema: &Schema,
    known: &Object,
    current: Value,
    private: Vec<u8>,
) -> Outcome {
    let request =
        ReadRequest { type_name: open.begin.object.address.ty.clone(), current, private, identity: None, meta: None };
    let answer = match plugin.read(request).await {
        Ok(answer) => answer,
        Err(error) => return doubt(told(&error)),
    };
    if answer.state.is_null() {
        return Outcome::Gone;
    }
    let text = json::encode(&answer.state, schema.ty()).map_err(|e| e.to_string());
    let attributes = match text.and_then(|t| Json::new(&t).map_err(|e| e.to_string())) {
        Ok(attributes) => attributes,
        Err(why) => return doubt(why),
    };
    let mut sensitive: Vec<Path> = known.sensitive.to_vec();
    sensitive.extend(schema.block.sensitive_paths(&answer.state).into_iter().map(|m| m.0));
    sensitive.sort();
    sensitive.dedup();
    let object = Arc::new(Object {
        attributes,
        schema_version: schema.version,
        sensitive: sensitive.into(),
        private: answer.private.as_slice().into(),
        ..known.clone()
    });
    match open.begin.kind {
        Kind::Delete => {
            Outcome::Failed { object: Some(object), message: "it was still there after the run was cut short".into() }
        }
        Kind::Create | Kind::Update => Outcome::Object(object),
    }
}

fn doubt(why: String) -> Outcome {
    Outcome::InDoubt { why }
}

fn told(error: &CallError) -> String {
    words(&call_problems(error))
}

fn words(problems: &[Diagnostic]) -> String {
    problems.iter().map(|p| format!("{}: {}", p.summary, p.detail)).collect::<Vec<_>>().join(" ")
}

/// What a plan would do to objects whose last action is still in doubt: each is an error, since it could be done twice.
pub fn doubtful(plan: &Plan, store: &Store) -> Vec<Diagnostic> {
    let open = store.open_actions();
    let touched = |address: &Address| plan.changes.iter().any(|c| c.action != Action::NoOp && c.address == *address);
    open.iter()
        .filter(|o| touched(&o.begin.object.address))
        .map(|o| {
            let why = o.doubt.as_deref().unwrap_or("the run was cut short");
            let mut problem = Diagnostic::error(
                "Action in doubt",
                format!("Nobody knows what became of an earlier action on {}: {why}.", o.begin.object),
            )
            .help(format!(
                "Nothing is done to it until its provider can tell: run the same command again when it answers. If it never can, look for the object yourself, delete it if it was made, and let go of the action with: straddle state rm '{}'",
                o.begin.object.address
            ));
            problem.address = Some(o.begin.object.to_string());
            problem
        })
        .collect()
}
