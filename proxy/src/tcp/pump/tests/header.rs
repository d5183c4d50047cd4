//! Does a header reach the endpoint once, first, whole and uncounted, whatever the two sides do?

use super::*;

const HEADER: &[u8] = b"PROXY TCP4 192.0.2.1 10.96.0.10 40000 80\r\n";

/// Looks at a direction once; returns the number of bytes that count as relayed.
fn look(half: &mut Half, from: &mut TestSource, to: &mut TestSink) -> u64 {
    let pipes = some_pipes();
    let scratch = &mut vec![0; 65_536];
    let mut pump = Pump { from, to, scratch, pipes: &pipes, buffers: &much_memory(), last: false, moved: 0 };
    let _ = pump.poll(half, &mut Context::from_waker(Waker::noop()));
    pump.moved
}

proptest! {
    #[test]
    fn the_header_comes_first_and_then_every_byte_in_order(
        length in prop_oneof![0usize..500, 0usize..500_000],
        given in schedules(),
        taken in schedules(),
        last in any::<bool>(),
    ) {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let (mut from, mut to) = (TestSource::new(bytes.clone(), given), TestSink::new(taken));
        let half = Half::default().with_header(HEADER, &much_memory());
        relay(half, &mut from, &mut to, &Setup { header: HEADER.len(), ..setup(last) }).unwrap();
        prop_assert!(to.bytes == [HEADER, &bytes].concat());
        prop_assert_eq!(to.shut_down, !last);
    }

    #[test]
    fn another_endpoint_gets_the_header_again_and_all_that_the_client_said(
        length in 0usize..500,
        accepted in 0..=HEADER.len(),
    ) {
        let bytes = vec![7; length];
        // The first endpoint takes a part of the header, then resets.
        let (mut from, mut first) = (TestSource::new(bytes.clone(), vec![]), TestSink::new(vec![accepted, 0]));
        let mut half = Half::default().with_header(HEADER, &much_memory());
        prop_assert_eq!(look(&mut half, &mut from, &mut first), 0);
        let mut second = TestSink::default();
        let half = half.for_another_endpoint().with_header(HEADER, &much_memory());
        relay(half, &mut from, &mut second, &Setup { header: HEADER.len(), ..setup(false) }).unwrap();
        prop_assert!(second.bytes == [HEADER, &bytes].concat());
    }
}

#[test]
fn the_header_does_not_wait_for_a_silent_client() {
    let (mut from, mut to) = (TestSource::new(b"hello".to_vec(), vec![0, 0]), TestSink::default());
    let mut half = Half::default().with_header(HEADER, &much_memory());
    assert_eq!(look(&mut half, &mut from, &mut to), 0);
    assert_eq!(to.bytes, HEADER);
    assert_eq!(look(&mut half, &mut from, &mut to), 5);
}

#[test]
fn the_header_and_what_the_client_has_said_leave_in_one_call() {
    let (mut from, mut to) = (TestSource::new(b"hello".to_vec(), vec![5, 0]), TestSink::default());
    let mut half = Half::default().with_header(HEADER, &much_memory());
    assert_eq!(look(&mut half, &mut from, &mut to), 5);
    assert_eq!((to.bytes, to.writes), ([HEADER, b"hello"].concat(), 1));
}
