//! One configured way to AWS: clients, patience, and what this process knows that the API may not show yet.

use crate::api::{self, Api};
use crate::config::Settings;
use crate::kinds::instance::Walk;
use crate::problem::{Nature, Problem};
use crate::shortage::Shortages;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The first pause before something is asked again, and the longest; each is half as long again as the one before.
const PAUSE: (Duration, Duration) = (Duration::from_millis(150), Duration::from_secs(8));
/// How long the API may hide what was just made.
pub const SETTLING: Duration = Duration::from_secs(30);

/// Clients and memory of one provider configuration.
pub struct Session {
    /// What was configured.
    pub settings: Settings,
    /// EC2; asks again by itself.
    pub ec2: aws_sdk_ec2::Client,
    /// EC2 for creations that have no token: never asks twice by itself.
    pub ec2_once: aws_sdk_ec2::Client,
    /// Load balancing.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// Load balancing for creations: never asks twice by itself.
    pub elb_once: aws_sdk_elasticloadbalancingv2::Client,
    /// Scaling groups.
    pub groups: aws_sdk_autoscaling::Client,
    /// Names.
    pub dns: aws_sdk_route53::Client,
    /// Identity.
    pub sts: aws_sdk_sts::Client,
    /// Quotas.
    pub quotas: aws_sdk_servicequotas::Client,
    /// Zonal shifts.
    pub shifts: aws_sdk_arczonalshift::Client,
    stopped: AtomicBool,
    changes: AtomicU64,
    /// The last walk over all instances.
    pub walk: tokio::sync::Mutex<Option<Walk>>,
    /// Names of hosted zones by id.
    pub zones: tokio::sync::Mutex<BTreeMap<String, String>>,
    deleted: Mutex<BTreeSet<String>>,
    shortages: Shortages,
    account: tokio::sync::OnceCell<(String, String, String)>,
}

/// Growing pauses until a deadline.
pub struct Pauses<'s> {
    session: &'s Session,
    next: Duration,
    until: Instant,
}

impl Pauses<'_> {
    /// Waits; `false`: the time is up, or the run is to stop.
    pub async fn wait(&mut self) -> bool {
        if self.session.is_stopped() || Instant::now() + self.next > self.until {
            return false;
        }
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 3 / 2).min(PAUSE.1);
        true
    }
}

impl Session {
    /// Clients for these settings.
    pub async fn new(mut settings: Settings) -> Session {
        let clients = settings.clients().await;
        settings.region.clone_from(&clients.region);
        Session {
            ec2: clients.ec2,
            ec2_once: clients.ec2_once,
            elb: clients.elb,
            elb_once: clients.elb_once,
            groups: clients.groups,
            dns: clients.dns,
            sts: clients.sts,
            quotas: clients.quotas,
            shifts: clients.shifts,
            settings,
            stopped: AtomicBool::new(false),
            changes: AtomicU64::new(0),
            walk: tokio::sync::Mutex::new(None),
            zones: tokio::sync::Mutex::default(),
            deleted: Mutex::default(),
            shortages: Shortages::here(),
            account: tokio::sync::OnceCell::new(),
        }
    }

    /// From now on nothing is waited for.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// Whether the run is to stop.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// How many changing calls have been made so far.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Pauses for at most this long in all.
    pub fn pauses(&self, at_most: Duration) -> Pauses<'_> {
        Pauses { session: self, next: PAUSE.0, until: Instant::now() + at_most }
    }

    /// Makes a call; what goes wrong says which call it was. A refusal for lack of permission is decoded where that is allowed.
    pub async fn ask<T, E>(
        &self,
        api: &'static Api,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Problem>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        if api.changes {
            self.changes.fetch_add(1, Ordering::SeqCst);
        }
        // The SDK's futures are large.
        match Box::pin(call).await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let mut problem = Problem::of(api, &error);
                if problem.nature == Nature::Denied {
                    self.decode(&mut problem).await;
                }
                Err(problem)
            }
        }
    }

    async fn decode(&self, problem: &mut Problem) {
        const MARK: &str = "Encoded authorization failure message:";
        let Some((words, encoded)) = problem.message.split_once(MARK) else { return };
        let encoded = encoded.trim().to_owned();
        problem.message = words.trim().into();
        let call = self.sts.decode_authorization_message().encoded_message(encoded).send();
        if let Ok(answer) = Box::pin(call).await {
            problem.decoded = answer.decoded_message.map(Into::into);
        }
    }

    /// Asks until there is an answer, with pauses, for at most so long; `None` when the time is up.
    pub async fn until<T, F, Fut>(&self, at_most: Duration, mut look: F) -> Result<Option<T>, Problem>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Option<T>, Problem>>,
    {
        let mut pauses = self.pauses(at_most);
        loop {
            if let Some(found) = look().await? {
                return Ok(Some(found));
            }
            if !pauses.wait().await {
                return Ok(None);
            }
        }
    }

    /// Makes a change again while something that will pass stands in its way.
    pub async fn persist<T, F, Fut>(&self, at_most: Duration, mut change: F) -> Result<T, Problem>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Problem>>,
    {
        let mut pauses = self.pauses(at_most);
        loop {
            match change().await {
                Err(problem) if matches!(problem.nature, Nature::Busy | Nature::Throttled) => {
                    if !pauses.wait().await {
                        return Err(problem);
                    }
                }
                end => return end,
            }
        }
    }

    /// Makes a creation again, after an answer that never came, that AWS makes once only by its token or its name.
    pub async fn again<T, F, Fut>(&self, mut create: F) -> Result<T, Problem>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Problem>>,
    {
        let mut pauses = self.pauses(Duration::from_secs(120));
        loop {
            match create().await {
                Err(problem)
                    if matches!(problem.nature, Nature::InDoubt | Nature::Throttled) && pauses.wait().await => {}
                end => return end,
            }
        }
    }

    /// Creates what has no token of its own to make it once only: after an answer that never came, what carries the attempt's tag is
    /// looked for before anything is asked again.
    pub async fn once<F, Fut, G, Gut>(&self, token: Option<&str>, mut create: F, find: G) -> Result<String, Problem>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<String, Problem>>,
        G: Fn(String) -> Gut,
        Gut: Future<Output = Result<Option<String>, Problem>>,
    {
        let mut pauses = self.pauses(Duration::from_secs(120));
        loop {
            let problem = match create().await {
                Ok(id) => return Ok(id),
                Err(problem) => problem,
            };
            match (problem.nature, token) {
                (Nature::Throttled, _) => {}
                (Nature::InDoubt, Some(token)) => {
                    let seen = self.until(Duration::from_secs(4), || find(token.to_owned())).await?;
                    if let Some(id) = seen {
                        return Ok(id);
                    }
                }
                _ => return Err(problem),
            }
            if !pauses.wait().await {
                return Err(problem);
            }
        }
    }

    /// This process deleted it.
    pub fn note_deleted(&self, id: String) {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// Whether this process deleted it: then nobody need wait for it to be seen.
    pub fn is_deleted(&self, id: &str) -> bool {
        self.deleted.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// A place had no room.
    pub fn ran_short(&self, zone: &str, why: &str) {
        self.shortages.note(&self.settings.region, zone, why);
    }

    /// Why a place has no room, if it had none lately.
    pub fn short_of(&self, zone: &str) -> Option<String> {
        self.shortages.of(&self.settings.region, zone)
    }

    /// The account, the caller's ARN and the caller's id.
    pub async fn caller(&self) -> Result<&(String, String, String), Problem> {
        self.account
            .get_or_try_init(|| async {
                let answer = self.ask(&api::GET_CALLER, self.sts.get_caller_identity().send()).await?;
                let text = |t: Option<String>| t.unwrap_or_default();
                Ok((text(answer.account), text(answer.arn), text(answer.user_id)))
            })
            .await
    }
}
