//! What bulk calls cost: `cargo run --release -p straddle-provider-sim --example bulk [COUNT]`.
//!
//! Prints milliseconds of processor time (all threads, Linux) and of wall time for creating, reading, resizing and deleting COUNT
//! instances in one call each, the store in a temporary directory.

use std::sync::Arc;
use std::time::Instant;
use straddle_provider_sim::SimProvider;
use straddle_sdk::provider::prelude::*;

#[tokio::main]
async fn main() {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let Ok(directory) = tempfile::tempdir() else { return eprintln!("no temporary directory") };
    let provider = Arc::new(SimProvider::new());
    let schemas = provider.schemas();
    let store = directory.path().join("sim.db").display().to_string();
    let config = filled(&schemas.provider, &[("store", Value::string(store))]);
    if let Err(problems) = provider.configure(config, Context::default()).await {
        return eprintln!("{problems}");
    }
    let schema = &schemas.resources["sim_instance"];
    let null = Value::null(schema.value_type().clone());
    let wanted = |n: usize, size: &str| {
        let zone = Value::string(["a", "b"][n % 2]);
        filled(schema, &[("zone", zone), ("image", Value::string("v1")), ("size", Value::string(size))])
    };
    let plan = |prior: &Value, config: Value| PlanRequest {
        type_name: "sim_instance".into(),
        schema: schema.clone(),
        prior: prior.clone(),
        proposed: ["id", "address", "state"].iter().fold(config.clone(), |proposed, name| match prior.get(name) {
            Some(value) => proposed.with_attribute(name, value.clone()),
            None => proposed,
        }),
        config,
        private: Vec::new(),
        deferral_allowed: false,
    };
    let apply = |prior: &Value, planned: Value, n: usize| ApplyRequest {
        type_name: "sim_instance".into(),
        schema: schema.clone(),
        prior: prior.clone(),
        config: planned.clone(),
        planned,
        private: Vec::new(),
        ownership: Some(Ownership { owner: "o".into(), address: format!("a[{n}]"), token: format!("t{n}") }),
    };

    let plans = (0..count).map(|n| plan(&null, wanted(n, "s"))).collect();
    let planned = timed("plan create", |answers| provider.clone().plan_many(plans, answers)).await;
    let creates = planned.into_iter().enumerate().map(|(n, plan)| apply(&null, plan.planned, n)).collect();
    let made = timed("create", |answers| provider.clone().apply_many(creates, answers)).await;
    let reads = |known: &[ApplyAnswer]| {
        let read = |known: &ApplyAnswer| ReadRequest {
            type_name: "sim_instance".into(),
            schema: schema.clone(),
            state: known.state.clone(),
            private: known.private.clone(),
            deferral_allowed: false,
        };
        known.iter().map(read).collect::<Vec<_>>()
    };
    timed("read", |answers| provider.clone().read_many(reads(&made), answers)).await;
    let plans = made.iter().enumerate().map(|(n, known)| plan(&known.state, wanted(n, "m"))).collect();
    let planned = timed("plan resize", |answers| provider.clone().plan_many(plans, answers)).await;
    let resizes = made.iter().zip(planned).enumerate().map(|(n, (known, plan))| apply(&known.state, plan.planned, n));
    let resizes = resizes.collect();
    let resized = timed("resize", |answers| provider.clone().apply_many(resizes, answers)).await;
    let deletes = resized.iter().enumerate().map(|(n, known)| apply(&known.state, null.clone(), n)).collect();
    timed("delete", |answers| provider.clone().apply_many(deletes, answers)).await;
}

/// Runs a bulk call, prints what it took, gives back its answers in order.
async fn timed<A, F: Future<Output = ()>>(name: &str, run: impl FnOnce(Answers<A>) -> F) -> Vec<A> {
    let (answers, mut receiver) = Answers::channel();
    let (wall, cpu) = (Instant::now(), processor_ms());
    run(answers).await;
    println!("{name:12} {:6} ms cpu {:6} ms wall", processor_ms() - cpu, wall.elapsed().as_millis());
    let mut answers = Vec::new();
    while let Ok((index, answer)) = receiver.try_recv() {
        match answer {
            Ok(answer) => answers.push((index, answer)),
            Err(problems) => eprintln!("{index}: {problems}"),
        }
    }
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// User and system time of this process; 0 where it cannot be told. Linux counts it in hundredths of a second.
fn processor_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10
}

fn filled(schema: &ResourceSchema, set: &[(&str, Value)]) -> Value {
    let Type::Object(ty) = schema.value_type() else { return Value::null(Type::Dynamic) };
    let nothing = Value::object(ty.attrs.iter().map(|(name, ty)| (name.clone(), Value::null(ty.clone()))).collect());
    set.iter().fold(nothing, |object, (name, value)| object.with_attribute(name, value.clone()))
}
