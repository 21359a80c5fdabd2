//! Reading: many objects in one transaction, and again until what is read can be true.

use super::session::Session;
use super::{id_of, kind_of, private, says, values, version_in};
use crate::clock::Millis;
use crate::error::{Refusal, StoreError};
use crate::model::{Claim, Id, Kind, Object};
use crate::store::{Caller, Listing, SETTLING, Seen, Tx, ZoneState};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use straddle_sdk::provider::{Diagnostics, Discovered, Discovery, Ownership, ReadAnswer, ReadRequest};

/// How long to wait before a stale read is repeated.
const AGAIN: Millis = 100;

/// An object to look at.
#[derive(Clone, Copy, Debug)]
struct Look {
    index: usize,
    id: Id,
    /// The version last known; an older one is stale.
    known: Option<i64>,
}

/// What a look gave.
enum Got {
    Answer(Result<ReadAnswer, Diagnostics>),
    /// Too many requests, or no reply: ask again.
    Retry(Refusal),
    /// Older than what is known.
    Stale,
}

/// Reads objects; each answer is sent once, when it is there.
pub(super) async fn read(
    session: &Arc<Session>,
    requests: Vec<ReadRequest>,
    mut send: impl FnMut(usize, Result<ReadAnswer, Diagnostics>) + Send,
) {
    let mut looks = Vec::with_capacity(requests.len());
    for (index, request) in requests.iter().enumerate() {
        match kind_of(&request.type_name).and_then(|kind| id_of(kind, &request.state)) {
            Ok(id) => looks.push(Look { index, id, known: version_in(&request.private) }),
            Err(problems) => send(index, Err(problems)),
        }
    }
    let settled_by = session.clock.now().saturating_add(SETTLING).saturating_add(2 * AGAIN);
    let mut fruitless = 0;
    while !looks.is_empty() {
        let round = looks.clone();
        let got = match session.read(move |session, tx| look_all(session, tx, &round)).await {
            Ok(got) => got,
            Err(error) => return looks.iter().for_each(|look| send(look.index, Err(says::broken(&error)))),
        };
        let (asked, mut left, mut why, mut stale) = (looks.len(), Vec::new(), None, false);
        for (look, got) in looks.into_iter().zip(got) {
            match got {
                Got::Answer(answer) => send(look.index, answer),
                Got::Retry(refusal) => {
                    why = Some(refusal.clone());
                    left.push((look, refusal));
                }
                Got::Stale => {
                    stale = true;
                    left.push((look, Refusal::Stale(look.id.to_string())));
                }
            }
        }
        fruitless = if left.len() < asked { 0 } else { fruitless + 1 };
        let go_on = match why {
            _ if left.is_empty() => true,
            _ if stale && session.clock.now() < settled_by => {
                session.clock.pause(AGAIN).await;
                true
            }
            Some(why) => session.wait(&why, fruitless).await,
            None => false,
        };
        if !go_on {
            return left.iter().for_each(|(look, refusal)| send(look.index, Err(says::refused(refusal).into())));
        }
        looks = left.into_iter().map(|(look, _)| look).collect();
    }
}

fn look_all(session: &Session, tx: &mut Tx<'_>, looks: &[Look]) -> Result<Vec<Got>, StoreError> {
    let who = &session.config.caller;
    let mut got = Vec::with_capacity(looks.len());
    for look in looks {
        // Once there are too many requests, the rest of the round would only be told the same.
        if let Some(full) = tx.full(who)? {
            got.resize_with(looks.len(), || Got::Retry(full.clone()));
            break;
        }
        got.push(match tx.read(who, look.id)? {
            Ok(Seen::Found(object)) if look.known.is_some_and(|known| object.version < known) => Got::Stale,
            Ok(Seen::Found(object)) => {
                Got::Answer(Ok(ReadAnswer::new(values::value_of(&object)).private(private(object.version))))
            }
            Ok(Seen::Gone) => Got::Answer(Ok(ReadAnswer::gone())),
            Ok(Seen::Unseen) => Got::Stale,
            Err(refusal) if refusal.is_passing() => Got::Retry(refusal),
            Err(refusal) => Got::Answer(Err(says::refused(&refusal).into())),
        });
    }
    Ok(got)
}

/// The zones of the cloud: one request of its API.
pub(super) async fn zones(session: &Arc<Session>) -> Result<BTreeMap<String, ZoneState>, Diagnostics> {
    Ok(listed(session, &[], |tx, who| Ok(tx.zones(&who.cloud))).await?.1)
}

/// Objects that are claimed. A token of an object that does not show, in a zone that does not answer, is no token that made nothing.
pub(super) async fn discover(session: &Arc<Session>, asked: Discovery) -> Result<Vec<Discovered>, Diagnostics> {
    let kinds: Vec<Kind> = asked.types.iter().filter_map(|name| Kind::of_type(name)).collect();
    if kinds.is_empty() && !asked.types.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = |claim: &Claim| {
        asked.owner.as_ref().is_none_or(|owner| *owner == claim.owner)
            && (asked.tokens.is_empty() || asked.tokens.contains(&claim.token))
    };
    let settled_by = session.clock.now().saturating_add(SETTLING).saturating_add(2 * AGAIN);
    loop {
        let (owner, tokens) = (asked.owner.clone(), asked.tokens.clone());
        let made = move |tx: &Tx<'_>, who: &Caller| tx.made_by(who, owner.as_deref(), &tokens);
        let (listing, made) = listed(session, &kinds, made).await?;
        let found: Vec<Discovered> = listing.objects.iter().filter_map(|object| discovered(object, &wanted)).collect();
        let shown: BTreeSet<&str> = found.iter().map(|found| found.ownership.token.as_str()).collect();
        let all_show = made.iter().all(|token| shown.contains(token.as_str()));
        match listing.complaint {
            Some(refusal @ Refusal::Partial(_)) if !all_show || asked.tokens.is_empty() => {
                return Err(says::refused(&refusal).into());
            }
            Some(refusal) if !all_show => {
                let mut problem = says::refused(&refusal);
                problem
                    .detail
                    .push_str(" Some of the objects looked for stand there, and what they are like cannot be told.");
                return Err(problem.into());
            }
            // Made a moment ago: it will show.
            None if !all_show && session.clock.now() < settled_by => session.clock.pause(AGAIN).await,
            // Of another type than was asked for.
            _ => return Ok(found),
        }
    }
}

fn discovered(object: &Object, wanted: &dyn Fn(&Claim) -> bool) -> Option<Discovered> {
    let claim = object.claim.as_ref().filter(|claim| wanted(claim))?;
    Some(Discovered {
        type_name: object.id.kind.type_name().into(),
        id: object.id.to_string(),
        ownership: Ownership { owner: claim.owner.clone(), address: claim.address.clone(), token: claim.token.clone() },
        state: Some(values::value_of(object)),
        private: private(object.version),
    })
}

/// One list request, repeated while it is throttled or unanswered, with something else seen in the same moment.
async fn listed<B: Send + 'static>(
    session: &Arc<Session>,
    kinds: &[Kind],
    beside: impl Fn(&Tx<'_>, &Caller) -> Result<B, StoreError> + Clone + Send + 'static,
) -> Result<(Listing, B), Diagnostics> {
    let mut fruitless = 0;
    loop {
        let (kinds, beside) = (kinds.to_vec(), beside.clone());
        let look = move |session: &Session, tx: &mut Tx<'_>| {
            let who = &session.config.caller;
            let listing = tx.list(who, &kinds)?;
            Ok((listing, beside(tx, who)?))
        };
        match session.read(look).await.map_err(|error| says::broken(&error))? {
            (Ok(listing), beside) => return Ok((listing, beside)),
            (Err(refusal), _) if refusal.is_passing() => {
                fruitless += 1;
                if !session.wait(&refusal, fruitless).await {
                    return Err(says::refused(&refusal).into());
                }
            }
            (Err(refusal), _) => return Err(says::refused(&refusal).into()),
        }
    }
}
