//! What does the other side get of a direction whose one side resets, whatever the two accept and give at a time?

use super::*;

proptest! {
    #[test]
    fn after_a_reset_by_the_source_what_arrived_is_a_beginning_and_no_end_follows(
        length in prop_oneof![1usize..5_000, 1usize..400_000],
        at in any::<prop::sample::Index>(),
        given in schedules(),
        taken in schedules(),
        last in any::<bool>(),
    ) {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let (mut from, mut to) = (TestSource::new(bytes.clone(), given), TestSink::new(taken));
        from.resets_at = at.index(length + 1);
        let result = relay(Half::default(), &mut from, &mut to, &setup(last));
        prop_assert!(matches!(result, Err(PumpError::Reading(_))), "{result:?}");
        prop_assert!(!to.shut_down, "the end of a truncated transfer was passed on");
        prop_assert!(bytes.starts_with(&to.bytes));
        prop_assert_eq!(to.bytes.len(), from.resets_at, "what was read before the reset was delivered");
    }

    #[test]
    fn after_a_reset_by_the_sink_nothing_is_written_and_no_end_is_passed_on(
        length in prop_oneof![2usize..5_000, 2usize..400_000],
        at in any::<prop::sample::Index>(),
        given in schedules(),
        taken in schedules(),
        last in any::<bool>(),
    ) {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let (mut from, mut to) = (TestSource::new(bytes.clone(), given), TestSink::new(taken));
        to.resets_at = at.index(length);
        let result = relay(Half::default(), &mut from, &mut to, &setup(last));
        prop_assert!(matches!(result, Err(PumpError::Writing(_))), "{result:?}");
        prop_assert!(!to.shut_down);
        prop_assert!(bytes.starts_with(&to.bytes) && to.bytes.len() == to.resets_at);
    }
}
