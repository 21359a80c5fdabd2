//! The API of a cloud: create, read, update, delete, list.

use super::request::Struck;
use super::row::{Face, Row, Run};
use super::{Caller, SETTLING, Tx};
use crate::error::{Fail, Refusal, StoreError, answer};
use crate::model::{Claim, Id, Kind, Object, Op, Spec, Units};
use std::collections::BTreeSet;

/// The result of a request that was carried out, at least in part.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The object as it is now; `None`: it is gone.
    pub object: Option<Object>,
    /// What went wrong all the same.
    pub complaint: Option<Refusal>,
}

/// What a read sees.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// The object; perhaps an older version of it.
    Found(Box<Object>),
    /// It was deleted, or never existed.
    Gone,
    /// It is not visible yet: this read came too early to see its creation.
    Unseen,
}

/// What a list shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// In the order of their ids.
    pub objects: Vec<Object>,
    /// Why some may be missing.
    pub complaint: Option<Refusal>,
}

impl Tx<'_> {
    /// Makes an object. With the token of an object that exists already, that one is the answer and nothing is made.
    pub fn create(
        &mut self,
        who: &Caller,
        spec: &Spec,
        claim: Option<&Claim>,
    ) -> Result<Result<Made, Refusal>, StoreError> {
        answer(self.try_create(who, spec, claim))
    }

    fn try_create(&mut self, who: &Caller, spec: &Spec, claim: Option<&Claim>) -> Result<Made, Fail> {
        let struck = self.admit(who, Op::Create, spec.zone())?;
        if let Some(row) = self.row_of_token(who, claim)? {
            return self.created_before(&row, spec, claim, struck);
        }
        self.check_new(who, spec)?;
        let id = self.new_id(spec.kind())?;
        let half_made = struck == Struck::Partial;
        let mut run = Run { on: true, half_made, boot: who.boot, booting_since: self.now, units: Units::default() };
        run.resize(spec, self.now);
        let now = Face { version: 1, spec: spec.clone(), run };
        let mut row = Row {
            id,
            cloud: who.cloud.clone(),
            claim: claim.cloned(),
            now,
            written_at: self.now,
            hidden_until: self.now,
            before: None,
            deleted_at: None,
        };
        self.strike(&mut row, struck);
        self.put(&row)?;
        if let Some(zone) = spec.zone() {
            self.domains.count(&who.cloud, zone, 0, spec.units());
        }
        self.made(&row, Op::Create, struck)
    }

    /// What must hold before an object can be made: its arguments, what it refers to, its name, its quota.
    fn check_new(&mut self, who: &Caller, spec: &Spec) -> Result<(), Fail> {
        spec.check()?;
        for (attribute, text, kinds) in spec.references() {
            let id = text.parse::<Id>().ok().filter(|id| kinds.contains(&id.kind));
            let exists = id.map(|id| self.live_row(id)).transpose()?.flatten().is_some();
            if !exists {
                return Err(Refusal::Dangling { attribute, id: text.to_owned() }.into());
            }
        }
        if let Some(what) = spec.unique()
            && let Some(row) = self.one_row("cloud = ?1 AND unique_as = ?2", &who.cloud, &what)?
        {
            return Err(Refusal::Duplicate { what, id: row.id.to_string() }.into());
        }
        if let Some(zone) = spec.zone() {
            self.domains.mention(&who.cloud, zone);
            self.domains.room_for(&who.cloud, zone, spec.units())?;
        }
        Ok(())
    }

    fn row_of_token(&self, who: &Caller, claim: Option<&Claim>) -> Result<Option<Row>, StoreError> {
        let Some(token) = claim.map(|claim| claim.token.as_str()).filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        self.one_row("cloud = ?1 AND token = ?2", &who.cloud, token)
    }

    /// Which of these tokens have made something of this owner's that is still there. A cloud keeps its promise about tokens whatever
    /// becomes of its zones, so that it can tell this even of one that does not answer.
    pub fn made_by(
        &self,
        who: &Caller,
        owner: Option<&str>,
        tokens: &[String],
    ) -> Result<BTreeSet<String>, StoreError> {
        let mut made = BTreeSet::new();
        for token in tokens.iter().filter(|token| !token.is_empty()) {
            let row = self.one_row("cloud = ?1 AND token = ?2", &who.cloud, token)?;
            let claim = row.and_then(|row| row.claim);
            if claim.is_some_and(|claim| owner.is_none_or(|owner| claim.owner == owner)) {
                made.insert(token.clone());
            }
        }
        Ok(made)
    }

    fn one_row(&self, condition: &str, first: &str, second: &str) -> Result<Option<Row>, StoreError> {
        let sql = format!("SELECT key FROM object WHERE {condition} AND deleted_at IS NULL");
        let key = rusqlite::OptionalExtension::optional(
            self.c.prepare_cached(&sql)?.query_row([first, second], |row| row.get::<_, i64>(0)),
        )?;
        key.and_then(Id::of_key).map_or(Ok(None), |id| self.live_row(id))
    }

    /// The answer to a creation that was carried out before.
    fn created_before(&self, row: &Row, spec: &Spec, claim: Option<&Claim>, struck: Struck) -> Result<Made, Fail> {
        let other = row.id.kind != spec.kind() || row.now.spec.differences(spec).iter().any(|(_, in_place)| !in_place);
        if other {
            let token = claim.map(|claim| claim.token.clone()).unwrap_or_default();
            return Err(Refusal::TokenReused { token, id: row.id.to_string() }.into());
        }
        // Whether the creation was partial was decided when it was carried out.
        let struck = match struck {
            Struck::LostReply => Struck::LostReply,
            _ if row.now.run.half_made => Struck::Partial,
            _ => Struck::No,
        };
        self.made(row, Op::Create, struck)
    }

    /// Shows an object.
    pub fn read(&mut self, who: &Caller, id: Id) -> Result<Result<Seen, Refusal>, StoreError> {
        answer(self.try_read(who, id))
    }

    fn try_read(&mut self, who: &Caller, id: Id) -> Result<Seen, Fail> {
        let Some(row) = self.own_row(who, id)? else {
            self.admit(who, Op::Read, None)?;
            return Ok(Seen::Gone);
        };
        let stale = match self.admit(who, Op::Read, row.now.spec.zone())? {
            Struck::LostReply => return Err(Refusal::ReplyLost(Op::Read).into()),
            Struck::Partial => return Err(Refusal::Partial(Op::Read).into()),
            struck => struck == Struck::Stale,
        };
        self.see(&row, stale)
    }

    /// A row of the caller's cloud, also one deleted a moment ago.
    fn own_row(&self, who: &Caller, id: Id) -> Result<Option<Row>, Fail> {
        match self.row(id)? {
            Some(row) if row.cloud != who.cloud => {
                Err(Refusal::Elsewhere { id: id.to_string(), cloud: row.cloud, asked: who.cloud.clone() }.into())
            }
            row => Ok(row),
        }
    }

    /// What a read sees of a row.
    fn see(&self, row: &Row, stale: bool) -> Result<Seen, Fail> {
        let early = self.now < row.hidden_until || (stale && self.now < row.written_at.saturating_add(SETTLING));
        let found = |face| Ok(Seen::Found(Box::new(self.show(row, face)?)));
        match (&row.before, row.deleted_at) {
            (Some(before), _) if early => found(before),
            (None, _) if early => Ok(Seen::Unseen),
            (_, Some(_)) => Ok(Seen::Gone),
            _ => found(&row.now),
        }
    }

    /// Changes an object in place.
    pub fn update(&mut self, who: &Caller, id: Id, to: &Spec) -> Result<Result<Made, Refusal>, StoreError> {
        answer(self.try_update(who, id, to))
    }

    fn try_update(&mut self, who: &Caller, id: Id, to: &Spec) -> Result<Made, Fail> {
        let mut row = self.own_live_row(who, id)?;
        let struck = self.admit(who, Op::Update, row.now.spec.zone())?;
        row.now.run.boot = who.boot;
        match struck {
            Struck::Partial => {
                to.check()?;
                let half = row.now.spec.half_way(to);
                self.change(&mut row, &half)?;
            }
            _ => self.change(&mut row, to)?,
        }
        self.strike(&mut row, struck);
        self.put(&row)?;
        self.made(&row, Op::Update, struck)
    }

    /// Changes a row's arguments in place, with all that follows. The caller puts it.
    pub(super) fn change(&mut self, row: &mut Row, to: &Spec) -> Result<(), Fail> {
        let changed = row.now.spec.differences(to);
        if let Some((attribute, _)) = changed.iter().find(|(_, in_place)| !in_place) {
            let why = format!("cannot change in place on {}; delete it and create another", row.id);
            return Err(Refusal::Invalid { attribute, why }.into());
        }
        if row.id.kind != to.kind() {
            let why = format!("{} is a {}", row.id, row.id.kind.type_name());
            return Err(Refusal::Invalid { attribute: "type", why }.into());
        }
        to.check()?;
        let (before, after) = (row.now.spec.units(), to.units());
        if let Some(zone) = to.zone() {
            if after > before {
                self.domains.room_for(&row.cloud, zone, after - before)?;
            }
            self.domains.count(&row.cloud, zone, before, after);
        }
        if changed.is_empty() {
            return Ok(());
        }
        self.touch(row);
        row.now.spec = to.clone();
        row.now.run.resize(to, self.now);
        if changed.iter().any(|(attribute, _)| *attribute == "size") {
            row.now.run.reboot(self.now);
        }
        Ok(())
    }

    fn own_live_row(&self, who: &Caller, id: Id) -> Result<Row, Fail> {
        match self.own_row(who, id)? {
            Some(row) if row.deleted_at.is_none() => Ok(row),
            _ => Err(Refusal::NotFound(id.to_string(), who.cloud.clone()).into()),
        }
    }

    /// Removes an object that nothing refers to.
    pub fn delete(&mut self, who: &Caller, id: Id) -> Result<Result<Made, Refusal>, StoreError> {
        answer(self.try_delete(who, id))
    }

    fn try_delete(&mut self, who: &Caller, id: Id) -> Result<Made, Fail> {
        let mut row = match self.own_live_row(who, id) {
            Err(Fail::Refused(Refusal::NotFound(id, cloud))) => {
                self.admit(who, Op::Delete, None)?;
                return Err(Refusal::NotFound(id, cloud).into());
            }
            row => row?,
        };
        let struck = self.admit(who, Op::Delete, row.now.spec.zone())?;
        let by: Vec<String> = self.users_of(id)?.iter().take(10).map(Id::to_string).collect();
        if !by.is_empty() {
            return Err(Refusal::InUse { id: id.to_string(), by }.into());
        }
        if struck == Struck::Partial {
            self.touch(&mut row);
            row.now.run.on &= id.kind != Kind::Instance;
        } else {
            self.bury(&mut row);
        }
        self.strike(&mut row, struck);
        self.put(&row)?;
        self.made(&row, Op::Delete, struck)
    }

    /// Marks a row deleted; it stays for as long as a read may still show it. The caller puts it.
    pub(super) fn bury(&mut self, row: &mut Row) {
        self.touch(row);
        row.deleted_at = Some(self.now);
        if let Some(zone) = row.now.spec.zone() {
            self.domains.count(&row.cloud, zone, row.now.spec.units(), 0);
        }
    }

    /// The targets that refer to a load balancer, an instance or a group.
    pub(super) fn users_of(&self, id: Id) -> Result<Vec<Id>, StoreError> {
        let column = match id.kind {
            Kind::LoadBalancer => "balancer",
            Kind::Instance | Kind::Group => "member",
            Kind::Target | Kind::Record => return Ok(Vec::new()),
        };
        let sql = format!("SELECT key FROM object WHERE {column} = ?1 AND deleted_at IS NULL ORDER BY key");
        let mut statement = self.c.prepare_cached(&sql)?;
        let keys = statement.query_map([id.key()], |row| row.get::<_, i64>(0))?;
        keys.map(|key| Id::of_key(key?).ok_or_else(|| StoreError::Damaged("a target's key".into()))).collect()
    }

    /// Lists the objects of a cloud, of all kinds or of some. What lies in a zone that does not answer is missing, and the
    /// complaint says so.
    pub fn list(&mut self, who: &Caller, kinds: &[Kind]) -> Result<Result<Listing, Refusal>, StoreError> {
        answer(self.try_list(who, kinds))
    }

    fn try_list(&mut self, who: &Caller, kinds: &[Kind]) -> Result<Listing, Fail> {
        let struck = self.admit(who, Op::List, None)?;
        if struck == Struck::LostReply {
            return Err(Refusal::ReplyLost(Op::List).into());
        }
        let mut listing = Listing { objects: Vec::new(), complaint: None };
        for row in self.rows("cloud = ?1", &who.cloud)? {
            if !kinds.is_empty() && !kinds.contains(&row.id.kind) {
                continue;
            }
            if let Err(silent) = self.domains.answers(&who.cloud, row.now.spec.zone()) {
                listing.complaint.get_or_insert(silent);
            } else if let Seen::Found(object) = self.see(&row, struck == Struck::Stale)? {
                listing.objects.push(*object);
            }
        }
        if struck == Struck::Partial {
            listing.objects.truncate(listing.objects.len() / 2);
            listing.complaint = Some(Refusal::Partial(Op::List));
        }
        Ok(listing)
    }

    /// Hides a write from the reads that follow, if it was struck so.
    fn strike(&self, row: &mut Row, struck: Struck) {
        if struck == Struck::Stale {
            row.hidden_until = self.now.saturating_add(SETTLING);
        }
    }

    /// The answer to a write.
    fn made(&self, row: &Row, op: Op, struck: Struck) -> Result<Made, Fail> {
        if struck == Struck::LostReply {
            return Err(Refusal::ReplyLost(op).into());
        }
        let object = match row.deleted_at {
            Some(_) => None,
            None => Some(self.show(row, &row.now)?),
        };
        Ok(Made { object, complaint: (struck == Struck::Partial).then_some(Refusal::Partial(op)) })
    }
}
