//! `taint` and `untaint` as functions from a state to the journal entries that do it.

use super::edit::{EditError, idle, nearest};
use super::journal::{Entry, How};
use super::model::{Object, ObjectId, State};
use crate::lang::address::{Address, Mode};
use std::sync::Arc;

/// Marks an object as half made, so that the next plan replaces it, or takes the mark away.
///
/// # Errors
/// No address of an instance, nothing there, a data source, or an object in doubt; when taking away, one that has no mark.
pub fn mark(state: &State, name: &str, tainted: bool) -> Result<(ObjectId, Vec<Entry>), EditError> {
    let address: Address = name.parse().map_err(|_| EditError::NoAddress { text: name.into() })?;
    if address.mode == Mode::Data {
        return Err(EditError::NotManaged { address: Box::new(address) });
    }
    let id = ObjectId::current(address);
    let Some(object) = state.objects.get(&id) else {
        let near = nearest(state, &id.to_string());
        return Err(EditError::Nothing { target: id.to_string(), near });
    };
    idle(state, &id)?;
    match (object.tainted, tainted) {
        (true, true) => return Ok((id, Vec::new())),
        (false, false) => return Err(EditError::NotTainted { object: Box::new(id) }),
        _ => {}
    }
    let object = Arc::new(Object { tainted, ..(**object).clone() });
    let entry = Entry::Known { id: id.clone(), object: Some(object), how: How::Edited };
    Ok((id, vec![entry]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Json, ProviderRef};

    fn state() -> State {
        let mut state = State::default();
        let object = Object::new(ProviderRef::new("h/n/p", None), 0, Json::new("{}").unwrap());
        state.objects.insert(ObjectId::current("t_x.a[0]".parse().unwrap()), Arc::new(object));
        state
    }

    #[test]
    fn a_mark_is_set_once_and_taken_away_once() {
        let mut state = state();
        let (id, entries) = mark(&state, "t_x.a[0]", true).unwrap();
        let [Entry::Known { object: Some(object), .. }] = entries.as_slice() else { panic!("{entries:?}") };
        assert!(object.tainted);
        assert!(matches!(mark(&state, "t_x.a[0]", false), Err(EditError::NotTainted { .. })));
        state.objects.insert(id, object.clone());
        assert_eq!(mark(&state, "t_x.a[0]", true).unwrap().1, []);
        assert_eq!(mark(&state, "t_x.a[0]", false).unwrap().1.len(), 1);
    }

    #[test]
    fn only_a_managed_instance_can_be_marked() {
        assert!(matches!(mark(&state(), "t_x.a", true), Err(EditError::Nothing { .. })));
        assert!(matches!(mark(&state(), "data.t_x.a", true), Err(EditError::NotManaged { .. })));
        assert!(matches!(mark(&state(), "module.x", true), Err(EditError::NoAddress { .. })));
    }
}
