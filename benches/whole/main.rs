//! What a user waits for: whole commands of the release binary on the built-in clouds and on plain resources, with terraform beside it.
//!
//!     cargo bench --bench whole                     replicas 100 to 10,000; plain resources 100 and 1,000, terraform beside where installed
//!     cargo bench --bench whole -- 100000           other sizes
//!     cargo bench --bench whole -- replicas 1000    only the named groups: replicas, plain, texts, states
//!
//! `states` asks for the places: `STRADDLE_BENCH_POSTGRES` is a connection string, `STRADDLE_BENCH_S3` an object store's address
//! with a bucket (`http://127.0.0.1:9000/bucket`), credentials where AWS's tools look for them. A place that is not named is left out.
//!
//! Each command runs in a process that measures its children, so CPU time includes the plugins' and peak memory is that of the
//! largest process. `benches/README.md` has figures and how to read them.

mod measure;
mod worlds;

use measure::{Cost, run, straddle};
use std::path::Path;
use worlds::Shape;

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if words.first().is_some_and(|w| w == measure::CHILD) {
        measure::child(&words.split_off(1));
        return;
    }
    let sizes: Vec<usize> = words.iter().filter_map(|w| w.replace([',', '_'], "").parse().ok()).collect();
    let wanted = |group: &str| {
        let named = |w: &&String| ["replicas", "plain", "texts", "states"].contains(&w.as_str());
        words.iter().filter(named).count() == 0 || words.iter().any(|w| w == group)
    };
    println!("| what | size | wall s | CPU s | peak MB | terraform: wall s | CPU s | peak MB |");
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    if wanted("replicas") {
        let sizes = if sizes.is_empty() { &[100, 1_000, 10_000][..] } else { &sizes };
        sizes.iter().for_each(|n| replicas(*n));
    }
    if wanted("plain") {
        let sizes = if sizes.is_empty() { &[100, 1_000][..] } else { &sizes };
        sizes.iter().for_each(|n| plain(*n));
    }
    if wanted("texts") {
        texts();
    }
    if wanted("states") {
        let sizes = if sizes.is_empty() { &[10_000][..] } else { &sizes };
        sizes.iter().for_each(|n| states(*n));
    }
}

/// The same workload with its state in each place.
fn states(n: usize) {
    let named = |variable: &str| std::env::var(variable).ok().filter(|text| !text.is_empty());
    let postgres = named("STRADDLE_BENCH_POSTGRES").map(|connection| worlds::in_postgres(&connection));
    let s3 = named("STRADDLE_BENCH_S3").and_then(|address| worlds::in_bucket(&address));
    for (place, block) in [("a file", Some(String::new())), ("PostgreSQL", postgres), ("an object store", s3)] {
        let Some(block) = block else { continue };
        let dir = scratch();
        worlds::workload(dir.path(), n);
        worlds::keep(dir.path(), &block);
        let row = |what: &str, args: &[&str]| {
            print_row(&format!("state in {place}: {what}"), n, run(&straddle(), args, dir.path()), None);
        };
        row("apply", &["apply", "-auto-approve"]);
        row("plan, no change", &["plan"]);
        row("drift, no change", &["drift"]);
        row("destroy", &["destroy", "-auto-approve"]);
    }
}

/// A workload's life: first plan, apply, nothing to do, a loss, a new image, a failover, the end.
fn replicas(n: usize) {
    let dir = scratch();
    let path = dir.path();
    worlds::workload(path, n);
    let row = |what: &str, args: &[&str]| print_row(what, n, run(&straddle(), args, path), None);
    row("replicas: first plan", &["plan"]);
    row("replicas: apply", &["apply", "-auto-approve"]);
    row("replicas: plan, no change", &["plan"]);
    row("replicas: drift, no change", &["drift"]);
    row("replicas: plan of a new image", &["plan", "-var", "image=web-2"]);
    row("replicas: rolling replacement", &["apply", "-auto-approve", "-var", "image=web-2"]);
    run(&straddle(), &["sim", "kill", "1", "--in", "zone:a"], path);
    row("replicas: plan, one lost", &["plan", "-var", "image=web-2"]);
    row("replicas: repair", &["apply", "-auto-approve", "-var", "image=web-2"]);
    run(&straddle(), &["sim", "down", "zone:a"], path);
    row("replicas: failover of half", &["failover", "-auto-approve", "-var", "image=web-2"]);
    run(&straddle(), &["sim", "up", "zone:a"], path);
    row("replicas: failback", &["failback", "-auto-approve", "-var", "image=web-2"]);
    row("replicas: destroy", &["destroy", "-auto-approve"]);
}

/// Plain resources of the built-in provider in several shapes, each with the same commands by terraform.
fn plain(n: usize) {
    for shape in Shape::ALL {
        let (ours, theirs) = (scratch(), scratch());
        worlds::plain(ours.path(), shape, n);
        worlds::plain(theirs.path(), shape, n);
        let beside = measure::terraform();
        if let Some(terraform) = &beside {
            run(terraform, &["init", "-no-color", "-input=false"], theirs.path());
        }
        for (what, args) in [
            ("first plan", &["plan", "-no-color"][..]),
            ("apply", &["apply", "-auto-approve", "-no-color"]),
            ("plan, no change", &["plan", "-no-color"]),
            ("destroy", &["destroy", "-auto-approve", "-no-color"]),
        ] {
            let cost = run(&straddle(), args, ours.path());
            let beside = beside.as_ref().map(|terraform| run(terraform, args, theirs.path()));
            print_row(&format!("plain, {}: {what}", shape.name()), n, cost, beside);
        }
    }
}

/// Reading: one large file, and a tree of small ones.
fn texts() {
    let dir = scratch();
    let bytes = worlds::large_file(dir.path(), 10_000_000);
    print_row("validate one file, bytes", bytes, run(&straddle(), &["validate"], dir.path()), beside(dir.path()));
    let dir = scratch();
    worlds::many_files(dir.path(), 5_000);
    print_row("validate a tree, files", 5_000, run(&straddle(), &["validate"], dir.path()), beside(dir.path()));
}

fn beside(path: &Path) -> Option<Cost> {
    let terraform = measure::terraform()?;
    run(&terraform, &["init", "-no-color", "-input=false"], path);
    Some(run(&terraform, &["validate", "-no-color"], path))
}

fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory to work in")
}

fn print_row(what: &str, size: usize, cost: Cost, terraform: Option<Cost>) {
    let beside = terraform.map_or_else(|| "- | - | -".into(), |c| c.to_string());
    println!("| {what} | {size} | {cost} | {beside} |");
}
