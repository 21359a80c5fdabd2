//! Changing: many objects in one transaction; what is throttled again, what is in doubt looked into.

use super::session::Session;
use super::{id_of, kind_of, private, says, values};
use crate::error::{Refusal, StoreError};
use crate::model::{Claim, Id, Object, Spec};
use crate::store::{Listing, Made, Seen, Tx};
use std::sync::Arc;
use straddle_sdk::provider::{ApplyAnswer, ApplyRequest, Diagnostic, Diagnostics, Failure, Ownership};
use straddle_sdk::value::Value;

/// One change.
#[derive(Clone, Debug)]
struct Job {
    index: usize,
    action: Action,
    /// As it was known before.
    prior: Value,
    /// A reply to it was lost.
    in_doubt: bool,
}

#[derive(Clone, Debug)]
enum Action {
    Create(Spec, Option<Claim>),
    Update(Id, Spec),
    Delete(Id),
}

/// Makes changes; each answer is sent once, when it is there.
pub(super) async fn apply(
    session: &Arc<Session>,
    requests: Vec<ApplyRequest>,
    mut send: impl FnMut(usize, Result<ApplyAnswer, Failure>) + Send,
) {
    let mut jobs = Vec::with_capacity(requests.len());
    for (index, request) in requests.into_iter().enumerate() {
        match action(&request) {
            Ok(action) => jobs.push(Job { index, action, prior: request.prior, in_doubt: false }),
            Err(problems) => send(index, Err(problems.into())),
        }
    }
    let mut fruitless = 0;
    let mut jobs = Arc::new(jobs);
    while !jobs.is_empty() {
        let round = jobs.clone();
        let results = match session.write(move |session, tx| run_all(session, tx, &round)).await {
            Ok(results) => results,
            Err(error) => return jobs.iter().for_each(|job| send(job.index, given_up(job, says::broken(&error)))),
        };
        let mut left = Vec::new();
        for (job, result) in jobs.iter().zip(results) {
            match result {
                Ok(answer) => send(job.index, answer),
                Err(refusal) => left.push((job.clone(), refusal)),
            }
        }
        fruitless = if left.len() < jobs.len() { 0 } else { fruitless + 1 };
        if let Some((_, why)) = left.first()
            && !session.wait(why, fruitless).await
        {
            for (job, refusal) in left {
                let doubt = if job.in_doubt { in_doubt(&job) } else { refusal };
                send(job.index, given_up(&job, says::refused(&doubt).into()));
            }
            return;
        }
        let left = left.into_iter().map(|(job, refusal)| Job { in_doubt: job.in_doubt || refusal.in_doubt(), ..job });
        jobs = Arc::new(left.collect());
    }
}

fn in_doubt(job: &Job) -> Refusal {
    use crate::model::Op;
    Refusal::ReplyLost(match job.action {
        Action::Create(..) => Op::Create,
        Action::Update(..) => Op::Update,
        Action::Delete(_) => Op::Delete,
    })
}

/// What is to be done, from the request.
fn action(request: &ApplyRequest) -> Result<Action, Diagnostics> {
    let kind = kind_of(&request.type_name)?;
    if request.is_delete() {
        return Ok(Action::Delete(id_of(kind, &request.prior)?));
    }
    let Some(spec) = values::spec_of(kind, &request.planned)? else {
        return Err(
            Diagnostic::error("Not known", "An argument is not known even now, when the change is made.").into()
        );
    };
    if !request.is_create() {
        return Ok(Action::Update(id_of(kind, &request.prior)?, spec));
    }
    let claim = request.ownership.clone();
    Ok(Action::Create(spec, claim.map(|Ownership { owner, address, token }| Claim { owner, address, token })))
}

/// The result of one job of a round: its answer, or why to ask again.
type Outcome = Result<Result<ApplyAnswer, Failure>, Refusal>;

fn run_all(session: &Session, tx: &mut Tx<'_>, jobs: &[Job]) -> Result<Vec<Outcome>, StoreError> {
    let who = &session.config.caller;
    let mut listing = None;
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        // Once there are too many requests, the rest of the round would only be told the same.
        if let Some(full) = tx.full(who)? {
            outcomes.resize_with(jobs.len(), || Err(full.clone()));
            break;
        }
        let mut outcome = None;
        if job.in_doubt {
            outcome = look(session, tx, job, &mut listing)?;
        }
        outcomes.push(match outcome {
            Some(answer) => Ok(answer),
            None => run(session, tx, job)?,
        });
    }
    Ok(outcomes)
}

fn run(session: &Session, tx: &mut Tx<'_>, job: &Job) -> Result<Outcome, StoreError> {
    let who = &session.config.caller;
    let result = match &job.action {
        Action::Create(spec, claim) => tx.create(who, spec, claim.as_ref())?,
        Action::Update(id, spec) => tx.update(who, *id, spec)?,
        Action::Delete(id) => tx.delete(who, *id)?,
    };
    Ok(match (result, &job.action) {
        (Ok(made), _) => Ok(Ok(answer(made))),
        (Err(Refusal::NotFound(..)), Action::Delete(_)) => Ok(Ok(ApplyAnswer::deleted())),
        // Without a token a second attempt would make a second object.
        (Err(refusal @ Refusal::ReplyLost(_)), Action::Create(_, claim)) if !has_token(claim) => {
            Ok(Err(Failure { diagnostics: says::refused(&refusal).into(), in_doubt: true }))
        }
        (Err(refusal), _) if refusal.is_passing() => Err(refusal),
        (Err(refusal), _) => Ok(Err(Diagnostics::from(says::refused(&refusal)).into())),
    })
}

fn has_token(claim: &Option<Claim>) -> bool {
    claim.as_ref().is_some_and(|claim| !claim.token.is_empty())
}

fn answer(made: Made) -> ApplyAnswer {
    let answer = match &made.object {
        Some(object) => ApplyAnswer::new(values::value_of(object)).private(private(object.version)),
        None => ApplyAnswer::deleted(),
    };
    match &made.complaint {
        Some(refusal) => answer.warn(says::refused(refusal)),
        None => answer,
    }
}

/// Whether a change whose reply was lost was carried out; `None`: it seems not, or cannot be told. All changes can be made twice:
/// a creation because of its token.
fn look(
    session: &Session,
    tx: &mut Tx<'_>,
    job: &Job,
    listing: &mut Option<Listing>,
) -> Result<Option<Result<ApplyAnswer, Failure>>, StoreError> {
    let who = &session.config.caller;
    let found = |object: &Object| {
        let mut answer = answer(Made { object: Some(object.clone()), complaint: None });
        answer = answer.warn(Diagnostic::warning(
            "Reply lost",
            format!("The reply to the request for {} was lost; looking showed that it was carried out.", object.id),
        ));
        Some(Ok(answer))
    };
    match &job.action {
        Action::Create(_, Some(claim)) => {
            if listing.is_none() {
                *listing = tx.list(who, &[])?.ok();
            }
            let mine = |object: &&Object| object.claim.as_ref().is_some_and(|c| c.token == claim.token);
            Ok(listing.iter().flat_map(|listing| &listing.objects).find(mine).and_then(found))
        }
        Action::Create(_, None) => Ok(None),
        Action::Update(id, spec) => Ok(match tx.read(who, *id)? {
            Ok(Seen::Found(object)) if object.spec == *spec => found(&object),
            _ => None,
        }),
        Action::Delete(id) => Ok(match tx.read(who, *id)? {
            Ok(Seen::Gone) => Some(Ok(ApplyAnswer::deleted())),
            _ => None,
        }),
    }
}

/// The answer when nothing more is tried. What is in doubt is said to be; where there was an object, the state known before goes
/// with it.
fn given_up(job: &Job, why: Diagnostics) -> Result<ApplyAnswer, Failure> {
    match job.action {
        Action::Update(..) | Action::Delete(_) if job.in_doubt => Ok(ApplyAnswer::partial(job.prior.clone(), why)),
        _ => Err(Failure { diagnostics: why, in_doubt: job.in_doubt }),
    }
}
