//! The conformance suite: a good provider passes, and every way of being bad is found.

#[path = "../examples/notes.rs"]
mod notes;

use notes::Notes;
use std::sync::atomic::{AtomicI64, Ordering};
use straddle_sdk::conformance::{InProcess, Report, Sample, check};
use straddle_sdk::provider::prelude::*;

fn note_sample() -> Sample {
    let lines = |words: &[&str]| {
        let of = Type::object(vec![("text".into(), Type::String), ("id".into(), Type::String)]);
        let line = |word: &&str| {
            Value::object(vec![("text".into(), Value::string(*word)), ("id".into(), Value::null(Type::String))])
        };
        Value::list(of, words.iter().map(line).collect())
    };
    let tags = Value::map(Type::String, vec![("a".into(), Value::string("1"))]);
    Sample::new("notes_note", [("folder", Value::string("desk")), ("line", lines(&["x"])), ("tags", tags)])
        .change([("folder", Value::string("desk")), ("text", Value::string("more")), ("line", lines(&["x", "y"]))])
        .change([("folder", Value::string("shelf")), ("stars", Value::number(5)), ("line", lines(&["z"]))])
        .change([("folder", Value::string("shelf")), ("password", Value::string("secret"))])
        .import_by("id")
}

#[tokio::test]
async fn a_good_provider_passes() {
    let report = check(&InProcess::new(Notes::default(), &[]).await, &[note_sample()]).await;
    assert!(report.findings.is_empty(), "{report}");
    assert!(report.checked > 80, "everything was looked at: {}", report.checked);
}

/// Bad in one way at a time.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    BadSchema,
    RefusesUnknown,
    ChangesWhatWasWritten,
    PlansAtRandom,
    BreaksItsPromise,
    LeavesUnknown,
    ReadsOtherwise,
    NeverDone,
    ReplacesNothing,
    ImportsOtherwise,
    DoesNotDelete,
    ForgetsOnUpgrade,
}

struct Bad {
    fault: Fault,
    count: AtomicI64,
    there: std::sync::Mutex<Option<Value>>,
}

impl Bad {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn next(&self) -> Value {
        Value::number(self.count.fetch_add(1, Ordering::Relaxed))
    }
}

impl Provider for Bad {
    fn schemas(&self) -> Schemas {
        let thing = ResourceSchema::new()
            .attribute("name", string().required())
            .attribute("zone", string().optional().replaces())
            .attribute("mood", number().optional().computed())
            .attribute("id", string().computed());
        let thing = match self.fault {
            Fault::BadSchema => thing.attribute("Count", string().computed().required()),
            _ => thing,
        };
        Schemas::new().resource("thing", thing)
    }

    async fn validate(&self, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        if self.is(Fault::RefusesUnknown) && request.config.get("name").and_then(Value::as_str).is_none() {
            return Err(Diagnostic::error("No name", "").into());
        }
        Ok(Diagnostics::new())
    }

    async fn plan(&self, request: PlanRequest) -> Result<PlanAnswer, Diagnostics> {
        let mut answer = request.default_plan();
        let planned = &answer.planned;
        answer.planned = match self.fault {
            Fault::ChangesWhatWasWritten => planned.with_attribute("name", Value::string("better")),
            Fault::PlansAtRandom => planned.with_attribute("mood", self.next()),
            Fault::NeverDone if !request.prior.is_null() => {
                planned.with_attribute("mood", Value::unknown(Type::Number))
            }
            _ => planned.clone(),
        };
        if self.is(Fault::ReplacesNothing) {
            answer = answer.replaces(Path(vec![Step::Attr("nothing".into())]));
        }
        Ok(answer)
    }

    async fn apply(&self, request: ApplyRequest) -> Result<ApplyAnswer, Diagnostics> {
        if request.is_delete() {
            if !self.is(Fault::DoesNotDelete) {
                *self.there.lock().expect("not poisoned") = None;
            }
            return Ok(ApplyAnswer::deleted());
        }
        let settle = |state: Value, name: &str, value: Value| match state.get(name) {
            Some(v) if v.is_unknown() => state.with_attribute(name, value),
            _ => state,
        };
        let mut state = request.planned.clone();
        if !self.is(Fault::LeavesUnknown) {
            state = settle(settle(state, "id", Value::string("t-1")), "mood", Value::number(0));
        }
        if self.is(Fault::BreaksItsPromise) {
            state = state.with_attribute("name", Value::string("other"));
        }
        *self.there.lock().expect("not poisoned") = Some(state.clone());
        Ok(ApplyAnswer::new(state))
    }

    async fn read(&self, _: ReadRequest) -> Result<ReadAnswer, Diagnostics> {
        Ok(match self.there.lock().expect("not poisoned").clone() {
            Some(state) if self.is(Fault::ReadsOtherwise) => {
                ReadAnswer::new(state.with_attribute("name", Value::string("NAME")))
            }
            Some(state) => ReadAnswer::new(state),
            None => ReadAnswer::gone(),
        })
    }

    async fn import(&self, request: ImportRequest) -> Result<ImportAnswer, Diagnostics> {
        if self.is(Fault::ImportsOtherwise) {
            return Ok(ImportAnswer::default());
        }
        let state = self.there.lock().expect("not poisoned").clone().expect("there");
        Ok(ImportAnswer::one(request.type_name, state))
    }

    async fn upgrade(&self, request: UpgradeRequest) -> Result<Value, Diagnostics> {
        let state = request.by_name()?;
        Ok(match self.fault {
            Fault::ForgetsOnUpgrade => state.with_attribute("zone", Value::null(Type::String)),
            _ => state,
        })
    }
}

async fn judged(fault: Fault) -> Report {
    let bad = Bad { fault, count: AtomicI64::new(0), there: std::sync::Mutex::new(None) };
    let sample = Sample::new("thing", [("name", Value::string("a")), ("zone", Value::string("z"))])
        .change([("name", Value::string("b")), ("zone", Value::string("z"))])
        .change([("name", Value::string("b")), ("zone", Value::string("y"))])
        .import_by("id");
    let sample = match fault {
        Fault::BadSchema => {
            let count = ("Count", Value::string("x"));
            Sample::new("thing", [("name", Value::string("a")), count])
        }
        _ => sample,
    };
    check(&InProcess::new(bad, &[]).await, &[sample]).await
}

#[tokio::test]
async fn every_fault_is_found_by_its_rule() {
    let clean = judged(Fault::None).await;
    assert!(clean.findings.is_empty(), "{clean}");
    for (fault, rule) in [
        (Fault::BadSchema, "names are lower case words"),
        (Fault::BadSchema, "an attribute is required, optional, computed, or optional and computed"),
        (Fault::RefusesUnknown, "what is not known yet is valid"),
        (Fault::ChangesWhatWasWritten, "a plan is what was asked for"),
        (Fault::PlansAtRandom, "the same question gets the same plan"),
        (Fault::BreaksItsPromise, "a result is what was planned"),
        (Fault::LeavesUnknown, "a result is known"),
        (Fault::ReadsOtherwise, "what is read is what was made"),
        (Fault::NeverDone, "after a change nothing is left to do"),
        (Fault::ReplacesNothing, "a path that replaces leads somewhere"),
        (Fault::ImportsOtherwise, "what was made can be imported"),
        (Fault::DoesNotDelete, "what is gone reads as null"),
        (Fault::ForgetsOnUpgrade, "an upgrade from the current version changes nothing"),
    ] {
        let report = judged(fault).await;
        assert!(report.findings.iter().any(|f| f.rule == rule), "{rule:?} is not among:\n{report}");
    }
}

#[tokio::test]
async fn a_sample_of_no_type_is_a_finding() {
    let report = check(&InProcess::new(Notes::default(), &[]).await, &[Sample::new("no", [("a", Value::TRUE)])]).await;
    assert_eq!(report.findings.len(), 1);
}
