//! Does every datagram leave once, as it was, and in order within its flow?

use super::*;
use crate::udp::datagrams::by_flow::ByFlow;
use proptest::{collection::vec, prelude::*};

/// One datagram: where its bytes are, and how they are marked.
type Datagram = (Range<usize>, u8);

/// The datagrams of a GRO batch, cut up as the kernel does.
fn datagrams(gro_batch: GroBatch) -> Vec<Datagram> {
    let end = gro_batch.start + gro_batch.length;
    let cut = |index| {
        let start = gro_batch.start + index * gro_batch.segment;
        (start..end.min(start + gro_batch.segment), gro_batch.tos)
    };
    (0..gro_batch.datagrams()).map(cut).collect()
}

/// The datagrams that arrive and that are lost when GRO batches are sent, where a GSO batch leaves as a whole and an
/// error costs a datagram.
fn send(
    gro_batches: &mut [GroBatch],
    mut lost: impl Iterator<Item = bool>,
) -> (Vec<Datagram>, Vec<Datagram>) {
    let (mut arrived, mut dropped) = (Vec::new(), Vec::new());
    let mut unsent = Unsent::new(gro_batches);
    while !unsent.is_empty() {
        let gso_batch = GsoBatch::first_of(unsent.gro_batches());
        let sent: Vec<_> =
            unsent.gro_batches()[..gso_batch.gro_batches].iter().copied().flat_map(datagrams).collect();
        assert!(can_leave_in_one_send(&gso_batch, &sent), "{gso_batch:?}: {sent:?}");
        if lost.next() == Some(true) {
            dropped.push(sent[0].clone());
            assert_eq!(unsent.pass(1), sent[0].0.len());
        } else {
            assert_eq!(unsent.pass(gso_batch.datagrams), gso_batch.bytes);
            arrived.extend(sent);
        }
    }
    (arrived, dropped)
}

fn can_leave_in_one_send(gso_batch: &GsoBatch, sent: &[Datagram]) -> bool {
    let Some(((last, mark), others)) = sent.split_last() else { return false };
    let bytes = sent.iter().map(|(bytes, _)| bytes.len()).sum::<usize>();
    let whole = others.iter().all(|(bytes, tos)| bytes.len() == gso_batch.segment && tos == mark);
    let tail = last.len() <= gso_batch.segment && (others.is_empty() || !last.is_empty());
    let fits = sent.len() == 1 || (sent.len() <= MAX_SEGMENTS && bytes <= MAX_SEND_BYTES);
    whole && tail && fits && (sent.len(), bytes) == (gso_batch.datagrams, gso_batch.bytes)
}

/// GRO batches of a few sizes, so that some fit together, with the index of their flow.
fn batches() -> impl Strategy<Value = Vec<(usize, GroBatch)>> {
    let sizes = prop_oneof![4 => prop::sample::select(vec![0, 1, 64, 700, 1400]), 1 => 0..65_508usize];
    let gro_batch = (0..5usize, sizes, 1..70usize, 0..1400usize, prop::sample::select(vec![0, 0, 0, 2, 184]));
    vec(gro_batch, 0..64).prop_map(|messages| {
        let mut start = 0;
        let mut index = |(flow, segment, count, tail, tos): (usize, usize, usize, usize, u8)| {
            let whole = (segment * count).min(65_535 - 1400) / segment.max(1) * segment;
            let length = if count % 3 == 0 { whole + tail.min(segment) } else { segment };
            let gro_batch = GroBatch { start, length, segment, tos, hop_limit: None };
            // A gap, so that empty datagrams differ, too.
            start += length + 1;
            gro_batch.cut().map(move |gro_batch| (flow, gro_batch)).collect::<Vec<_>>()
        };
        messages.into_iter().flat_map(&mut index).collect()
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
                batch.iter().filter(|(of, _)| *of == flow).flat_map(|&(_, gro_batch)| datagrams(gro_batch)).collect();
            let (arrived, dropped) = send(by_flow.of(flow), lost.iter().copied());
            let mut both = [arrived.clone(), dropped].concat();
            prop_assert!(arrived.is_sorted_by_key(|(bytes, _)| bytes.start));
            both.sort_by_key(|(bytes, _)| (bytes.start, bytes.end));
            prop_assert_eq!(both, came);
        }
    }

    #[test]
    fn a_gro_batch_is_cut_into_batches_that_one_send_can_carry(segment in 0..65_508usize, length in 0..65_536usize) {
        let gro_batch = GroBatch {
            start: 7,
            length: if segment == 0 { 0 } else { length },
            segment,
            tos: 3,
            hop_limit: Some(64),
        };
        let cut: Vec<_> = gro_batch.cut().collect();
        prop_assert_eq!(cut.iter().copied().flat_map(datagrams).collect::<Vec<_>>(), datagrams(gro_batch));
        for gro_batch in cut {
            let one = gro_batch.datagrams() == 1;
            prop_assert!(one || (gro_batch.datagrams() <= MAX_SEGMENTS && gro_batch.length <= MAX_SEND_BYTES));
        }
    }
}

fn gro_batch(length: usize, tos: u8) -> GroBatch {
    GroBatch { start: 0, length, segment: length, tos, hop_limit: None }
}

#[test]
fn datagrams_of_equal_size_and_a_shorter_last_one_leave_together() {
    let gro_batches = [gro_batch(100, 0), gro_batch(100, 0), gro_batch(40, 0), gro_batch(40, 0)];
    assert_eq!(
        GsoBatch::first_of(&gro_batches),
        GsoBatch { gro_batches: 3, datagrams: 3, bytes: 240, segment: 100 }
    );
}

#[test]
fn an_empty_datagram_or_another_mark_ends_a_gso_batch() {
    for next in [gro_batch(0, 0), gro_batch(100, 1), gro_batch(101, 0)] {
        assert_eq!(GsoBatch::first_of(&[gro_batch(100, 0), next]).datagrams, 1, "{next:?}");
    }
    assert_eq!(GsoBatch::first_of(&[gro_batch(0, 0), gro_batch(0, 0)]).datagrams, 1);
}

#[test]
fn datagrams_go_on_with_one_hop_less_than_any_of_them_had() {
    let arrived = |hop_limit| GroBatch { hop_limit, ..gro_batch(100, 0) };
    let of = |hops: &[Option<u8>]| {
        let mut gro_batches: Vec<_> = hops.iter().copied().map(arrived).collect();
        Unsent::new(&mut gro_batches).hop_limit().map(HopLimit::get)
    };
    assert_eq!(of(&[Some(64), Some(3), None]), Some(2));
    assert_eq!(of(&[None]), None);
    assert!(arrived(Some(2)).has_hops() && arrived(None).has_hops());
    assert!(!arrived(Some(1)).has_hops() && !arrived(Some(0)).has_hops());
}
