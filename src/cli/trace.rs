//! What a run spent its time on: spans for a profile, for a log, and for whoever collects traces (OTLP over HTTP, in JSON).
//!
//! Spans hold names, addresses and numbers, never values: nothing in them can be secret.

use super::print::{Printer, stamp};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Spans that are kept; a run of a hundred thousand objects has many.
const MOST: usize = 20_000;
/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

struct Done {
    name: &'static str,
    about: String,
    start: Duration,
    length: Duration,
}

static BEGAN: OnceLock<(Instant, SystemTime)> = OnceLock::new();
static SPANS: Mutex<Vec<Done>> = Mutex::new(Vec::new());

fn since() -> Duration {
    BEGAN.get_or_init(|| (Instant::now(), SystemTime::now())).0.elapsed()
}

/// The run begins.
pub fn begin() {
    since();
}

/// Something that takes time, until it is dropped.
pub struct Span {
    name: &'static str,
    about: String,
    start: Duration,
}

/// Begins a span.
pub fn span(name: &'static str) -> Span {
    about(name, String::new())
}

/// Begins a span about something: an address, a step.
pub fn about(name: &'static str, about: String) -> Span {
    Span { name, about, start: since() }
}

impl Drop for Span {
    fn drop(&mut self) {
        let length = since().saturating_sub(self.start);
        let mut spans = SPANS.lock().unwrap_or_else(PoisonError::into_inner);
        if spans.len() < MOST {
            spans.push(Done { name: self.name, about: std::mem::take(&mut self.about), start: self.start, length });
        }
    }
}

/// The run is over: its spans go where somebody wants them. What cannot be written or sent is said and changes nothing else.
pub fn end(command: &str, exit: u8, profile: Option<&Path>, printer: &Printer) {
    let whole = since();
    let spans = std::mem::take(&mut *SPANS.lock().unwrap_or_else(PoisonError::into_inner));
    if printer.logs() {
        for one in &spans {
            printer.log(
                "debug",
                one.name,
                &json!({ "type": "span", "about": one.about, "seconds": one.length.as_secs_f64() }),
            );
        }
        printer.log("info", command, &json!({ "type": "run", "exit": exit, "seconds": whole.as_secs_f64() }));
    }
    if let Some(file) = profile
        && let Err(problem) = std::fs::write(file, chrome(command, whole, &spans).to_string())
    {
        printer.error(&format!("{} could not be written: {problem}", file.display()));
    }
    if let Some(url) = endpoint() {
        let body = otlp(command, exit, whole, &spans);
        if let Err(problem) = send(&url, &body) {
            printer.error(&format!("the trace of this run was not taken: {problem}"));
        }
    }
}

/// As Chrome's tracing, Perfetto and speedscope read it.
fn chrome(command: &str, whole: Duration, spans: &[Done]) -> Json {
    let micro = |d: Duration| u64::try_from(d.as_micros()).unwrap_or(u64::MAX);
    let one = |name: &str, about: &str, start: Duration, length: Duration| json!({ "name": name, "ph": "X", "pid": 1, "tid": 1, "ts": micro(start), "dur": micro(length), "args": { "about": about } });
    let mut events = vec![one(command, "", Duration::ZERO, whole)];
    events.extend(spans.iter().map(|s| one(s.name, &s.about, s.start, s.length)));
    json!({ "displayTimeUnit": "ms", "traceEvents": events })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// Where traces go, as OpenTelemetry's variables say.
fn endpoint() -> Option<String> {
    if variable("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
        return None;
    }
    variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        .or_else(|| Some(format!("{}/v1/traces", variable("OTEL_EXPORTER_OTLP_ENDPOINT")?.trim_end_matches('/'))))
}

/// The trace and span this run is a part of (W3C trace context).
fn parent() -> Option<(String, String)> {
    let text = variable("TRACEPARENT")?;
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_hexdigit());
    match parts.as_slice() {
        [_, trace, span, _] if hex(trace, 32) && hex(span, 16) => Some(((*trace).to_owned(), (*span).to_owned())),
        _ => None,
    }
}

fn otlp(command: &str, exit: u8, whole: Duration, spans: &[Done]) -> Json {
    let began = BEGAN.get().and_then(|(_, at)| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let nano = |d: Duration| (began + d).as_nanos().to_string();
    let id = || uuid::Uuid::new_v4().simple().to_string();
    let parent = parent();
    let trace = parent.as_ref().map_or_else(id, |(trace, _)| trace.clone());
    let root = id()[..16].to_owned();
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    let number = |key: &str, value: i64| json!({ "key": key, "value": { "intValue": value.to_string() } });
    let mut all = vec![json!({
        "traceId": trace,
        "spanId": root,
        "parentSpanId": parent.map(|(_, span)| span).unwrap_or_default(),
        "name": format!("straddle {command}"),
        "kind": 1,
        "startTimeUnixNano": nano(Duration::ZERO),
        "endTimeUnixNano": nano(whole),
        "attributes": [number("process.exit.code", i64::from(exit))],
        "status": { "code": if matches!(exit, 0 | 2 | 4) { 1 } else { 2 } },
    })];
    all.extend(spans.iter().map(|span| {
        let attributes = if span.about.is_empty() { Vec::new() } else { vec![text("straddle.about", &span.about)] };
        json!({
            "traceId": trace,
            "spanId": id()[..16],
            "parentSpanId": root,
            "name": span.name,
            "kind": 1,
            "startTimeUnixNano": nano(span.start),
            "endTimeUnixNano": nano(span.start + span.length),
            "attributes": attributes,
        })
    }));
    let service = variable("OTEL_SERVICE_NAME").unwrap_or_else(|| "straddle".into());
    json!({ "resourceSpans": [{
        "resource": { "attributes": [text("service.name", &service), text("service.version", env!("CARGO_PKG_VERSION"))] },
        "scopeSpans": [{ "scope": { "name": "straddle" }, "spans": all }],
    }] })
}

fn send(url: &str, body: &Json) -> Result<(), String> {
    let headers = variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS").or_else(|| variable("OTEL_EXPORTER_OTLP_HEADERS"));
    let headers: Vec<(String, String)> = headers
        .iter()
        .flat_map(|text| text.split(','))
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    crate::install::post_json(url, &headers, &body.to_string(), PATIENCE).map_err(|e| e.to_string())
}

/// A line of the log.
pub fn line(level: &str, message: &str, more: &Json) -> String {
    let mut line = json!({ "@level": level, "@message": message, "@module": "straddle", "@timestamp": stamp() });
    if let (Some(line), Some(more)) = (line.as_object_mut(), more.as_object()) {
        line.extend(more.clone());
    }
    line.to_string()
}
