//! Does every datagram leave once, as it was, and in order within its flow?

use super::*;
use crate::udp::datagrams::by_flow::ByFlow;
use proptest::{collection::vec, prelude::*};

/// One datagram: where its bytes are, and how they are marked.
type Datagram = (Range<usize>, u8);

/// The datagrams of a train, cut up as the kernel does.
fn datagrams(train: Train) -> Vec<Datagram> {
    let end = train.start + train.length;
    let cut = |index| {
        let start = train.start + index * train.segment;
        (start..end.min(start + train.segment), train.tos)
    };
    (0..train.datagrams()).map(cut).collect()
}

/// What arrives when trains are sent, where a run leaves as a whole and an error costs a datagram.
fn send(trains: &mut [Train], mut lost: impl Iterator<Item = bool>) -> (Vec<Datagram>, Vec<Datagram>) {
    let (mut arrived, mut dropped) = (Vec::new(), Vec::new());
    let mut unsent = Unsent::new(trains);
    while !unsent.is_empty() {
        let run = Run::first_of(unsent.trains());
        let sent: Vec<_> = unsent.trains()[..run.trains].iter().copied().flat_map(datagrams).collect();
        assert!(can_leave_in_one_send(&run, &sent), "{run:?}: {sent:?}");
        if lost.next() == Some(true) {
            dropped.push(sent[0].clone());
            assert_eq!(unsent.pass(1), sent[0].0.len());
        } else {
            assert_eq!(unsent.pass(run.datagrams), run.bytes);
            arrived.extend(sent);
        }
    }
    (arrived, dropped)
}

fn can_leave_in_one_send(run: &Run, sent: &[Datagram]) -> bool {
    let Some(((last, mark), others)) = sent.split_last() else { return false };
    let bytes = sent.iter().map(|(bytes, _)| bytes.len()).sum::<usize>();
    let whole = others.iter().all(|(bytes, tos)| bytes.len() == run.segment && tos == mark);
    let tail = last.len() <= run.segment && (others.is_empty() || !last.is_empty());
    let fits = sent.len() == 1 || (sent.len() <= MOST_SEGMENTS && bytes <= MOST_BYTES);
    whole && tail && fits && (sent.len(), bytes) == (run.datagrams, run.bytes)
}

/// Trains of a few sizes, so that some fit together, with the number of their flow.
fn batches() -> impl Strategy<Value = Vec<(usize, Train)>> {
    let sizes = prop_oneof![4 => prop::sample::select(vec![0, 1, 64, 700, 1400]), 1 => 0..65_508usize];
    let train = (0..5usize, sizes, 1..70usize, 0..1400usize, prop::sample::select(vec![0, 0, 0, 2, 184]));
    vec(train, 0..64).prop_map(|messages| {
        let mut start = 0;
        let mut place = |(flow, segment, count, tail, tos): (usize, usize, usize, usize, u8)| {
            let whole = (segment * count).min(65_535 - 1400) / segment.max(1) * segment;
            let length = if count % 3 == 0 { whole + tail.min(segment) } else { segment };
            let train = Train { start, length, segment, tos };
            // A gap, so that empty datagrams differ, too.
            start += length + 1;
            train.cut().map(move |train| (flow, train)).collect::<Vec<_>>()
        };
        messages.into_iter().flat_map(&mut place).collect()
    })
}

proptest! {
    #[test]
    fn each_datagram_leaves_once_unchanged_and_in_order_within_its_flow(
        batch in batches(),
        lost in vec(prop::bool::weighted(0.1), 0..64),
    ) {
        let mut by_flow = ByFlow::default();
        by_flow.sort(&batch, 5);
        for flow in 0..5 {
            let came: Vec<_> =
                batch.iter().filter(|(of, _)| *of == flow).flat_map(|&(_, train)| datagrams(train)).collect();
            let (arrived, dropped) = send(by_flow.of(flow), lost.iter().copied());
            let mut both = [arrived.clone(), dropped].concat();
            prop_assert!(arrived.is_sorted_by_key(|(bytes, _)| bytes.start));
            both.sort_by_key(|(bytes, _)| (bytes.start, bytes.end));
            prop_assert_eq!(both, came);
        }
    }

    #[test]
    fn a_train_is_cut_into_trains_that_one_send_can_carry(segment in 0..65_508usize, length in 0..65_536usize) {
        let train = Train { start: 7, length: if segment == 0 { 0 } else { length }, segment, tos: 3 };
        let cut: Vec<_> = train.cut().collect();
        prop_assert_eq!(cut.iter().copied().flat_map(datagrams).collect::<Vec<_>>(), datagrams(train));
        for train in cut {
            let one = train.datagrams() == 1;
            prop_assert!(one || (train.datagrams() <= MOST_SEGMENTS && train.length <= MOST_BYTES));
        }
    }
}

fn train(length: usize, tos: u8) -> Train {
    Train { start: 0, length, segment: length, tos }
}

#[test]
fn datagrams_of_equal_size_and_a_shorter_last_one_leave_together() {
    let trains = [train(100, 0), train(100, 0), train(40, 0), train(40, 0)];
    assert_eq!(Run::first_of(&trains), Run { trains: 3, datagrams: 3, bytes: 240, segment: 100 });
}

#[test]
fn an_empty_datagram_or_another_mark_ends_a_run() {
    for next in [train(0, 0), train(100, 1), train(101, 0)] {
        assert_eq!(Run::first_of(&[train(100, 0), next]).datagrams, 1, "{next:?}");
    }
    assert_eq!(Run::first_of(&[train(0, 0), train(0, 0)]).datagrams, 1);
}
