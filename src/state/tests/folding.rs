//! The fold: every prefix of a journal is a state, and nothing is lost or made twice.

use super::*;
use proptest::prelude::*;

fn records(entries: Vec<Entry>) -> Vec<Record> {
    entries.into_iter().zip(1..).map(|(entry, number)| Record { number, at: Time(number as i64), entry }).collect()
}

fn entry() -> impl Strategy<Value = Entry> {
    let id = (0..4u64, prop::option::of(1..3u32))
        .prop_map(|(n, deposed)| ObjectId { address: server(n).address, deposed: deposed.map(DeposedKey) });
    let kind = prop_oneof![Just(Kind::Create), Just(Kind::Update), Just(Kind::Delete)];
    let outcome = prop_oneof![
        (0..3u8).prop_map(|n| Outcome::Object(object(&n.to_string()))),
        Just(Outcome::Gone),
        Just(Outcome::Failed { object: None, message: "no".into() }),
        Just(Outcome::Failed { object: Some(Arc::new(full_object())), message: "half".into() }),
        Just(Outcome::InDoubt { why: "no answer".into() }),
    ];
    let some = prop::option::of((0..3u8).prop_map(|n| object(&n.to_string())));
    prop_oneof![
        1 => Just(run()),
        1 => Just(end_of_run()),
        8 => (1..3u64, 0..6u64, id.clone(), kind).prop_map(|(run, n, id, kind)| begin(run, n, id, kind)),
        8 => (1..3u64, 0..6u64, outcome).prop_map(|(run, n, outcome)| end(run, n, outcome)),
        2 => (id.clone(), some).prop_map(|(id, object)| Entry::Known { id, object, how: How::Read }),
        2 => (id.clone(), id).prop_map(|(from, to)| Entry::Moved { from, to }),
        1 => prop::sample::select(rich_entries()),
    ]
}

/// A journal of whatever can follow, and the state after each record.
fn journal() -> impl Strategy<Value = (Vec<Record>, Vec<State>)> {
    prop::collection::vec(entry(), 0..60).prop_map(|entries| {
        let (mut state, mut records, mut states) = (State::default(), Vec::new(), Vec::new());
        for entry in [run()].into_iter().chain(entries) {
            let before = state.clone();
            let record = Record { number: state.journal + 1, at: Time(1), entry };
            match fold(&mut state, &record) {
                Ok(_) => {
                    records.push(record);
                    states.push(state.clone());
                }
                Err(_) => assert_eq!(state, before, "a refused record changed the state"),
            }
        }
        (records, states)
    })
}

proptest! {
    #[test]
    fn replaying_is_idempotent((records, states) in journal()) {
        let last = states.last().unwrap();
        prop_assert_eq!(&replay(State::default(), &records).unwrap(), last);
        prop_assert_eq!(&replay(last.clone(), &records).unwrap(), last);
        for (i, state) in states.iter().enumerate() {
            // Any prefix, replayed over itself and then continued, comes to the same.
            prop_assert_eq!(&replay(state.clone(), &records[i / 2..]).unwrap(), last);
        }
    }

    #[test]
    fn every_prefix_is_a_state((_, states) in journal()) {
        let mut serial = 0;
        for state in &states {
            prop_assert!(state.serial >= serial);
            serial = state.serial;
            for open in state.open.iter() {
                let there = state.objects.contains_key(&open.begin.object);
                prop_assert_eq!(there, open.begin.kind != Kind::Create);
                prop_assert_eq!(state.open.on(&open.begin.object), Some(open));
                prop_assert!(open.begin.action.run <= state.runs);
            }
        }
    }

    #[test]
    fn the_serial_moves_with_what_pull_shows((_, states) in journal()) {
        for pair in states.windows(2) {
            let same = v4::write(&State { serial: 0, ..pair[0].clone() }) == v4::write(&State { serial: 0, ..pair[1].clone() });
            prop_assert_eq!(pair[0].serial == pair[1].serial, same);
        }
    }

    #[test]
    fn what_is_stored_is_the_fold((records, states) in journal(), batches in prop::collection::vec(1..7usize, 60)) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_write(dir.path(), &request()).unwrap();
        let mut rest = records.as_slice();
        for size in batches {
            let (batch, more) = rest.split_at(size.min(rest.len()));
            store.record(Time(1), batch.iter().map(|record| record.entry.clone())).unwrap();
            rest = more;
        }
        let mut expected = states.last().unwrap().clone();
        let state = store.state();
        expected.lineage = state.lineage.clone();
        prop_assert_eq!(&state, &expected);
        prop_assert_eq!(&load(dir.path()).unwrap().state, &expected);
        store.close().unwrap();
        prop_assert_eq!(&load(dir.path()).unwrap().state, &expected);
    }
}

#[test]
fn a_missing_record_is_noticed() {
    let mut state = State::default();
    let late = Record { number: 2, at: Time(0), entry: run() };
    assert_eq!(fold(&mut state, &late), Err(Illegal::Gap { expected: 1, found: 2 }));
}

#[test]
fn nothing_is_created_over_an_object_or_beside_an_open_action() {
    let mut journal = vec![run(), begin(1, 1, server(0), Kind::Create)];
    let busy = |journal: Vec<Entry>| replay(State::default(), &records(journal)).unwrap_err();
    let twice = [journal.clone(), vec![begin(1, 2, server(0), Kind::Create)]].concat();
    assert!(matches!(busy(twice), Illegal::Busy { .. }));
    // Not even in the next run, as long as nobody knows.
    let later = [journal.clone(), vec![run(), begin(2, 1, server(0), Kind::Create)]].concat();
    assert!(matches!(busy(later), Illegal::Busy { .. }));
    journal.push(end(1, 1, Outcome::Object(object("a"))));
    journal.push(begin(1, 2, server(0), Kind::Create));
    assert!(matches!(busy(journal), Illegal::Exists(_)));
}

#[test]
fn an_action_in_doubt_stays_open_until_it_is_resolved() {
    let entries = [
        run(),
        begin(1, 1, server(0), Kind::Create),
        end(1, 1, Outcome::InDoubt { why: "no answer".into() }),
        run(),
        end(1, 1, Outcome::Object(object("found"))),
    ];
    let states: Vec<State> =
        (0..=entries.len()).map(|n| replay(State::default(), &records(entries[..n].to_vec())).unwrap()).collect();
    assert_eq!(states[3].open.iter().next().unwrap().doubt.as_deref(), Some("no answer"));
    assert_eq!(states[4].open.len(), 1);
    assert!(states[5].open.is_empty());
    assert_eq!(states[5].get(&server(0).address), Some(&object("found")));
    assert_eq!(states[5].run.as_ref().unwrap().tally.created, 1);
}

#[test]
fn deposed_keys_do_not_collide() {
    let mut state = State::default();
    assert_eq!(state.free_deposed_key(&server(0).address), DeposedKey(1));
    for key in [1, 2, 4] {
        state.objects.insert(ObjectId::deposed(server(0).address, DeposedKey(key)), object("x"));
    }
    assert_eq!(state.free_deposed_key(&server(0).address), DeposedKey(3));
    assert_eq!(state.free_deposed_key(&server(1).address), DeposedKey(1));
    assert_eq!(DeposedKey::parse("0000000a").unwrap().to_string(), "0000000a");
    assert_eq!([DeposedKey::parse("a"), DeposedKey::parse("0000000A"), DeposedKey::parse("+0000001")], [None; 3]);
}

#[test]
fn dependencies_are_kept_sorted() {
    let (a, b) = (plain("a").address, plain("b").address);
    let messy = Object { dependencies: vec![b.clone(), a.clone(), b.clone()].into(), ..(*object("x")).clone() };
    let state = replay(State::default(), &records(vec![run(), known(server(0), Arc::new(messy))])).unwrap();
    assert_eq!(*state.get(&server(0).address).unwrap().dependencies, [a, b]);
}
