//! Is a state read as it was written, and is nothing else read?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod objects;

use objects::{NODE, about, any_lists, one_of_each};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use weir_control::{
    Event, State, Store,
    disk::{Identity, SCHEMA, StateError, decode, encode},
};

const HEADER: usize = 9 + 4 + 8 + 4;

fn store(events: impl IntoIterator<Item = Event>) -> Store {
    let mut store = Store::new(NODE);
    events.into_iter().for_each(|event| store.apply(event));
    store.commit();
    store
}

fn state(events: impl IntoIterator<Item = Event>) -> State {
    store(events).state()
}

/// The bytes with a header that is right for their body.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = (bytes.len() - HEADER) as u64;
    let checksum = crc32fast::hash(&bytes[HEADER..]);
    bytes[13..21].copy_from_slice(&length.to_le_bytes());
    bytes[21..HEADER].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/state/schema-{SCHEMA}"))
}

/// Whoever changes what is written has to count up [`SCHEMA`], or an upgrade would read the wrong thing. With
/// `WEIR_WRITE_GOLDEN` set the file of a new schema is written.
#[test]
fn what_is_written_is_what_this_schema_has_always_been() {
    let written = encode(&about(), &state(one_of_each()));
    if std::env::var_os("WEIR_WRITE_GOLDEN").is_some() && !golden().exists() {
        std::fs::write(golden(), &written).unwrap();
    }
    let golden = std::fs::read(golden()).unwrap();
    let (about_golden, events) = decode(&golden).unwrap();
    assert_eq!((about_golden, state(events)), (about(), state(one_of_each())));
    assert!(written == golden, "the format has changed: a new schema is needed");
}

#[test]
fn equal_names_hints_and_settings_are_one_value_in_the_store_that_takes_them() {
    let bytes = encode(&about(), &state(one_of_each()));
    let (_, events) = decode(&bytes).unwrap();
    let state = state(events);
    let [first, second] = &state.slices().flat_map(|slice| &slice.endpoints).collect::<Vec<_>>()[..] else {
        panic!()
    };
    assert!(std::sync::Arc::ptr_eq(&first.hints, &second.hints));
    let [first, second] = [first, second].map(|endpoint| endpoint.node.as_deref().unwrap());
    assert!(std::ptr::eq(first, second));
}

#[test]
fn other_files_and_other_schemas_are_named_as_such() {
    let bytes = encode(&about(), &state(one_of_each()));
    let with_schema = |schema: u32| {
        let mut bytes = bytes.clone();
        bytes[9..13].copy_from_slice(&schema.to_le_bytes());
        decode(&bytes).unwrap_err()
    };
    assert_eq!(with_schema(SCHEMA + 1), StateError::Newer(SCHEMA + 1));
    assert_eq!(with_schema(0), StateError::Older(0));
    assert_eq!(decode(b"apiVersion: v1\nkind: Config\n").unwrap_err(), StateError::NotState);
    let mut vast = bytes.clone();
    vast[13..21].copy_from_slice(&u64::MAX.to_le_bytes());
    assert_eq!(decode(&vast).unwrap_err(), StateError::TooLarge);
    let more = [&bytes[..], b"x"].concat();
    assert_eq!(decode(&more).unwrap_err(), StateError::Corrupt);
    assert!(matches!(decode(&sealed(more)), Err(StateError::Malformed)), "nothing may follow");
}

#[test]
fn a_state_of_another_weir_says_in_what_it_differs() {
    let ours = about().identity;
    assert_eq!(ours.check(&ours), Ok(()));
    let server = Identity { api_server: "https://192.0.2.2:6443".into(), ..ours.clone() };
    let node = Identity { node_name: "node-b".into(), ..ours.clone() };
    let all = Identity { service_proxy_name: None, ..ours.clone() };
    for (saved, words) in [
        (server, r#"another API server: "https://192.0.2.2:6443" where this is "https://192.0.2.1:6443""#),
        (node, r#"another node: "node-b" where this is "node-a""#),
        (all, r#"another --service-proxy-name: that of all Services where this is "weir""#),
    ] {
        let said = ours.check(&saved).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn every_truncation_and_every_flipped_bit_is_refused() {
    let bytes = encode(&about(), &state(one_of_each()));
    for length in 0..bytes.len() {
        let refused = decode(&bytes[..length]).unwrap_err();
        assert!(matches!(refused, StateError::Truncated { .. }), "{length}: {refused:?}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(decode(&flipped).is_err(), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn any_objects_are_read_as_they_were_written(lists in any_lists()) {
        let before = store(lists);
        let bytes = encode(&about(), &before.state());
        let (about_read, events) = decode(&bytes).unwrap();
        let mut after = store(events);
        prop_assert_eq!(about_read, about());
        prop_assert_eq!(after.state(), before.state());
        prop_assert!(after.is_ready());
        prop_assert_eq!(encode(&about(), &after.state()), bytes, "the order depends on names only");
        let mut before = before;
        prop_assert_eq!(after.commit().snapshot, before.commit().snapshot);
    }

    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&bytes).is_err());
        let mut forged = encode(&about(), &State::default());
        forged.truncate(HEADER);
        forged.extend(bytes);
        drop(decode(&sealed(forged)));
    }

    #[test]
    fn a_forged_body_does_no_harm(
        lists in any_lists(),
        forgeries in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in option_of_index(),
    ) {
        let mut bytes = encode(&about(), &state(lists));
        for (index, byte) in forgeries {
            let position = HEADER + index.index(bytes.len() - HEADER);
            bytes[position] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(HEADER + cut.index(bytes.len() - HEADER));
        }
        if let Ok((_, events)) = decode(&sealed(bytes)) {
            store(events);
        }
    }
}

fn option_of_index() -> impl Strategy<Value = Option<prop::sample::Index>> {
    proptest::option::of(any::<prop::sample::Index>())
}
