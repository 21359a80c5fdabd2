//! The built-in clouds' provider as a process would be: with a clock, a stream that can break, and an end.

use crate::judge::{Cause, Judge};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Poller, Poll};
use std::time::Duration;
use straddle::plugin::Door;
use straddle_provider_sim::{Clock, Millis, SimProvider};
use straddle_sdk::provider::{
    Answers, ApplyAnswer, ApplyRequest, Capabilities, Context, DataAnswer, DataRequest, Diagnostics, Discovered,
    Discovery, ImportAnswer, ImportRequest, LocationReport, PlanAnswer, PlanRequest, Provider, ReadAnswer, ReadRequest,
    Schemas, ValidateRequest,
};
use straddle_sdk::value::{Str, Value};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::Instant;

/// The simulation's time: the runtime's clock, from some moment on.
#[derive(Clone, Copy)]
pub struct Time {
    base: Millis,
    began: Instant,
}

impl Time {
    /// Goes on from `base`. Within a runtime whose clock is paused.
    pub fn from(base: Millis) -> Time {
        Time { base, began: Instant::now() }
    }

    pub fn now(self) -> Millis {
        self.base + Millis::try_from(self.began.elapsed().as_millis()).unwrap()
    }
}

/// The plugins of one run of straddle.
pub type Plugins = Arc<Mutex<Vec<Arc<Life>>>>;

/// A plugin's life: while it lasts its stream is there and its clock runs.
pub struct Life {
    lives: AtomicBool,
    stream: Mutex<Option<DuplexStream>>,
}

impl Life {
    /// Nothing of it happens after this: whoever talks to it finds the line dead.
    pub fn end(&self) {
        self.lives.store(false, Ordering::SeqCst);
        self.stream.lock().unwrap().take();
    }
}

/// The plugin's end of the line.
struct Line(Arc<Life>);

impl Line {
    fn with<T>(
        &self,
        none: T,
        work: impl FnOnce(Pin<&mut DuplexStream>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match self.0.stream.lock().unwrap().as_mut() {
            Some(stream) => work(Pin::new(stream)),
            None => Poll::Ready(Ok(none)),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Poller<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.with((), |stream| stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Poller<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(0, |stream| stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Poller<'_>) -> Poll<io::Result<()>> {
        self.with((), |stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Poller<'_>) -> Poll<io::Result<()>> {
        self.with((), |stream| stream.poll_shutdown(cx))
    }
}

/// A plugin's clock. Each request waits on it before it reaches the clouds, so that those of a dead plugin never do; and each tells
/// the judge to look before it changes anything.
struct PluginClock {
    time: Time,
    life: Arc<Life>,
    judge: Arc<Mutex<Judge>>,
}

impl Clock for PluginClock {
    fn now(&self) -> Millis {
        let now = self.time.now();
        self.judge.lock().unwrap().look(now, Cause::Straddle);
        now
    }

    fn pause(&self, length: Millis) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(u64::try_from(length).unwrap())).await;
            if !self.life.lives.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// Opens plugin after plugin, as often as straddle starts one.
pub fn door(time: Time, judge: Arc<Mutex<Judge>>, plugins: Plugins) -> Door {
    Door::new(move || {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let life = Arc::new(Life { lives: AtomicBool::new(true), stream: Mutex::new(Some(theirs)) });
        plugins.lock().unwrap().push(life.clone());
        let clock = PluginClock { time, life: life.clone(), judge: judge.clone() };
        let provider = Seen { inner: Arc::new(SimProvider::with_clock(Arc::new(clock))), time, judge: judge.clone() };
        tokio::spawn(async move { straddle_sdk::server::serve_stream(provider, Line(life)).await });
        ours
    })
}

/// The provider, with the judge looking at what it is asked to change.
struct Seen {
    inner: Arc<SimProvider>,
    time: Time,
    judge: Arc<Mutex<Judge>>,
}

impl Seen {
    fn attempted(&self, request: &ApplyRequest) {
        let object = if request.is_delete() { &request.prior } else { &request.planned };
        let zone = object.get("zone").and_then(Value::as_str);
        self.judge.lock().unwrap().attempted(self.time.now(), &request.type_name, zone);
    }
}

impl Provider for Seen {
    fn schemas(&self) -> Schemas {
        self.inner.schemas()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn validate_provider(&self, config: Value) -> Result<Diagnostics, Diagnostics> {
        self.inner.validate_provider(config).await
    }

    async fn configure(&self, config: Value, context: Context) -> Result<Diagnostics, Diagnostics> {
        self.inner.configure(config, context).await
    }

    async fn validate(&self, request: ValidateRequest) -> Result<Diagnostics, Diagnostics> {
        self.inner.validate(request).await
    }

    async fn read(&self, request: ReadRequest) -> Result<ReadAnswer, Diagnostics> {
        self.inner.read(request).await
    }

    async fn plan(&self, request: PlanRequest) -> Result<PlanAnswer, Diagnostics> {
        self.inner.plan(request).await
    }

    async fn apply(&self, request: ApplyRequest) -> Result<ApplyAnswer, Diagnostics> {
        self.attempted(&request);
        self.inner.apply(request).await
    }

    async fn import(&self, request: ImportRequest) -> Result<ImportAnswer, Diagnostics> {
        self.inner.import(request).await
    }

    async fn read_data(&self, request: DataRequest) -> Result<DataAnswer, Diagnostics> {
        self.inner.read_data(request).await
    }

    async fn stop(&self) -> Result<(), String> {
        self.inner.stop().await
    }

    async fn locations(&self, asked: Vec<BTreeMap<Str, Str>>) -> Result<Vec<LocationReport>, Diagnostics> {
        self.inner.locations(asked).await
    }

    async fn discover(&self, request: Discovery) -> Result<Vec<Discovered>, Diagnostics> {
        self.inner.discover(request).await
    }

    async fn read_many(self: Arc<Self>, requests: Vec<ReadRequest>, answers: Answers<ReadAnswer>) {
        self.inner.clone().read_many(requests, answers).await;
    }

    async fn plan_many(self: Arc<Self>, requests: Vec<PlanRequest>, answers: Answers<PlanAnswer>) {
        self.inner.clone().plan_many(requests, answers).await;
    }

    async fn apply_many(self: Arc<Self>, requests: Vec<ApplyRequest>, answers: Answers<ApplyAnswer>) {
        requests.iter().for_each(|request| self.attempted(request));
        self.inner.clone().apply_many(requests, answers).await;
    }
}
