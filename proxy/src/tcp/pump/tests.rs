//! Does one direction deliver every byte, whatever the two sides accept and give at a time?

use super::{Half, MAX_BURST_BYTES, MAX_BURST_READS, Pump, PumpError, Sink, Source};
use crate::{
    buffers::{buffer_budget::BufferBudget, pipe_pool::PipePool},
    limits::descriptor_budget::DescriptorBudget,
    sys::{
        pipe::{LARGE_PIPE_BYTES, Pipe},
        tcp::Rest,
    },
};
use proptest::prelude::*;
use std::{
    io,
    rc::Rc,
    task::{Context, Poll, Waker},
};

mod header;
mod resets;

/// Bytes that a side gives or takes at its next calls; 0 means that it is not ready.
type Schedule = std::vec::IntoIter<usize>;

struct TestSource {
    bytes: Vec<u8>,
    sent: usize,
    spliced: usize,
    /// Bytes that were peeked at and must be there when they are read.
    seen: usize,
    schedule: Schedule,
    /// Bytes after which the side resets.
    resets_at: usize,
    /// Positions of urgent bytes: no call goes past one before it has begun there, and none is spliced.
    urgent: Vec<usize>,
    /// Whether the end is known with the last bytes.
    tells_end: bool,
}

impl TestSource {
    fn new(bytes: Vec<u8>, schedule: Vec<usize>) -> Self {
        let schedule = schedule.into_iter();
        let urgent = Vec::new();
        Self {
            bytes,
            sent: 0,
            spliced: 0,
            seen: 0,
            schedule,
            resets_at: usize::MAX,
            urgent,
            tells_end: false,
        }
    }

    fn reset(&self) -> io::Result<()> {
        if self.sent >= self.resets_at { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }

    fn next(&mut self) -> Option<&[u8]> {
        let most = match self.schedule.next() {
            Some(0) => return None,
            Some(most) => most,
            None => usize::MAX,
        };
        let mark = self.urgent.iter().copied().filter(|&at| at > self.sent).min().unwrap_or(usize::MAX);
        let rest = &self.bytes[self.sent..self.bytes.len().min(self.resets_at).min(mark)];
        Some(&rest[..most.min(rest.len())])
    }
}

impl Source for TestSource {
    fn poll_read(&mut self, buffer: &mut [u8], _: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.reset()?;
        let next = match std::mem::take(&mut self.seen) {
            0 => self.next(),
            seen => Some(&self.bytes[self.sent..self.sent + seen]),
        };
        let Some(next) = next else { return Poll::Pending };
        let count = next.len().min(buffer.len());
        buffer[..count].copy_from_slice(&next[..count]);
        self.sent += count;
        Poll::Ready(Ok(count))
    }

    fn rest(&mut self, _: &mut Context<'_>) -> Rest {
        match self.urgent.contains(&self.sent) {
            true => Rest::Unknown,
            false if self.tells_end && self.sent == self.bytes.len() => Rest::End,
            false => Rest::Nothing,
        }
    }

    fn poll_peek(&mut self, buffer: &mut [u8], _: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(next) = self.next() else { return Poll::Pending };
        let count = next.len().min(buffer.len());
        buffer[..count].copy_from_slice(&next[..count]);
        self.seen = count;
        Poll::Ready(Ok(count))
    }

    fn poll_fill(&mut self, pipe: &mut Pipe, _: &mut Context<'_>) -> Poll<io::Result<Option<usize>>> {
        self.reset()?;
        if self.urgent.contains(&self.sent) {
            return Poll::Ready(Ok(None));
        }
        let Some(next) = self.next() else { return Poll::Pending };
        let count = pipe.put(next);
        self.sent += count;
        self.spliced += count;
        Poll::Ready(Ok(Some(count)))
    }
}

struct TestSink {
    bytes: Vec<u8>,
    writes: usize,
    shut_down: bool,
    /// Whether the end comes right after what was written.
    ends_next: bool,
    schedule: Schedule,
    /// Bytes after which the side resets.
    resets_at: usize,
}

impl Default for TestSink {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl TestSink {
    fn new(schedule: Vec<usize>) -> Self {
        let schedule = schedule.into_iter();
        Self {
            bytes: Vec::new(),
            writes: 0,
            shut_down: false,
            ends_next: false,
            schedule,
            resets_at: usize::MAX,
        }
    }

    fn reset(&self) -> io::Result<()> {
        if self.bytes.len() >= self.resets_at { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn room(&mut self) -> Option<usize> {
        assert!(!self.shut_down, "written after the end");
        match self.schedule.next() {
            Some(0) => None,
            Some(most) => Some(most),
            None => Some(usize::MAX),
        }
    }
}

impl Sink for TestSink {
    fn poll_write(&mut self, bytes: &[u8], ends: bool, _: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.reset()?;
        assert!(!self.ends_next, "written after the last bytes");
        let Some(room) = self.room() else { return Poll::Pending };
        let count = room.min(bytes.len()).min(self.resets_at - self.bytes.len());
        self.writes += 1;
        self.bytes.extend_from_slice(&bytes[..count]);
        self.ends_next = ends && count == bytes.len();
        Poll::Ready(Ok(count))
    }

    fn shut_down(&mut self) {
        self.shut_down = true;
    }

    fn poll_drain(&mut self, pipe: &mut Pipe, _: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.reset()?;
        let Some(room) = self.room() else { return Poll::Pending };
        let bytes = pipe.take(room.min(self.resets_at - self.bytes.len()));
        self.bytes.extend_from_slice(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }
}

fn some_pipes() -> Rc<PipePool> {
    PipePool::new(DescriptorBudget::new(1024))
}

fn much_memory() -> Rc<BufferBudget> {
    BufferBudget::new(1 << 20)
}

/// What a direction is relayed with, beside its sides.
struct Setup {
    /// Bytes of the header in front of what the source says.
    header: usize,
    scratch: usize,
    last: bool,
    pipes: Rc<PipePool>,
    buffers: Rc<BufferBudget>,
}

/// Relaying with all that a worker has.
fn setup(last: bool) -> Setup {
    Setup { header: 0, scratch: 65_536, last, pipes: some_pipes(), buffers: much_memory() }
}

/// Looks at a direction until it has ended or a side resets; checks after each look that the count follows what was
/// written.
fn relay(
    mut half: Half,
    from: &mut TestSource,
    to: &mut TestSink,
    Setup { header, scratch, last, pipes, buffers }: &Setup,
) -> Result<(), PumpError> {
    let mut context = Context::from_waker(Waker::noop());
    let mut counted = 0;
    for _ in 0..20_000 {
        // A new buffer at each look: nothing may be left in the worker's between two.
        let scratch = &mut vec![0; *scratch];
        let mut pump = Pump { from, to, scratch, pipes, buffers, last: *last, moved: 0 };
        let ended = pump.poll(&mut half, &mut context);
        counted += pump.moved;
        assert!(buffers.has_room(0), "{} bytes are held", buffers.held());
        let relayed = to.bytes.len().saturating_sub(*header);
        assert_eq!(counted, relayed as u64, "the count follows what was written");
        if let Poll::Ready(result) = ended {
            assert!(result.is_err() || half.is_ended());
            assert!(
                result.is_err() || matches!(half.pending, super::Pending::Nothing),
                "nothing is pending at the end"
            );
            drop(half);
            assert_eq!(buffers.held(), 0, "no memory is held at the end");
            return result;
        }
    }
    panic!("never ends");
}

/// Schedules of calls that are not ready, small or large.
fn schedules() -> impl Strategy<Value = Vec<usize>> {
    let step = prop_oneof![Just(0), 1usize..300, 32_000usize..70_000];
    prop::collection::vec(step, 0..100)
}

proptest! {
    #[test]
    fn every_byte_arrives_in_order_and_then_the_end(
        length in prop_oneof![0usize..5_000, 0usize..2_000_000],
        given in schedules(),
        taken in schedules(),
        scratch in prop_oneof![1_000usize..5_000, Just(65_536)],
        last in any::<bool>(),
        memory in prop_oneof![Just(0), 0usize..100_000, Just(1 << 20)],
        urgent in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
        tells_end in any::<bool>(),
    ) {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let (mut from, mut to) = (TestSource::new(bytes.clone(), given), TestSink::new(taken));
        from.tells_end = tells_end;
        from.urgent = urgent.into_iter().map(|at| at.index(length.max(1))).collect();
        let setup = Setup { scratch, buffers: BufferBudget::new(memory), ..setup(last) };
        relay(Half::default(), &mut from, &mut to, &setup).unwrap();
        prop_assert_eq!(to.shut_down, !last, "the end is passed on, by closing if nothing comes the other way");
        prop_assert!(to.bytes == bytes);
        let (free, open) = setup.pipes.count();
        prop_assert_eq!(free, open, "every pipe is back");
    }
}

#[test]
fn the_end_leaves_with_the_last_bytes_where_it_is_known_with_them() {
    for (tells_end, taken) in [(true, vec![]), (false, vec![]), (true, vec![2])] {
        let (mut from, mut to) = (TestSource::new(b"reply".to_vec(), vec![]), TestSink::new(taken.clone()));
        from.tells_end = tells_end;
        relay(Half::default(), &mut from, &mut to, &setup(false)).unwrap();
        assert_eq!(
            (to.ends_next, to.shut_down),
            (tells_end && taken.is_empty(), true),
            "{tells_end}, {taken:?}"
        );
    }
}

#[test]
fn a_stream_of_large_reads_goes_through_one_pipe() {
    let bytes: Vec<u8> = (0..4_000_000).map(|at| (at % 251) as u8).collect();
    let (mut from, mut to) = (TestSource::new(bytes.clone(), Vec::new()), TestSink::default());
    let setup = setup(false);
    relay(Half::default(), &mut from, &mut to, &setup).unwrap();
    assert!(to.bytes == bytes && to.shut_down);
    assert!(from.spliced > bytes.len() * 9 / 10, "only {} bytes were spliced", from.spliced);
    assert_eq!(setup.pipes.count(), (1, 1));
}

#[test]
fn one_look_at_an_endless_stream_is_bounded() {
    let buffers = much_memory();
    let pipes = some_pipes();
    let mut context = Context::from_waker(Waker::noop());
    // Large reads, and single bytes: neither may hold up the other connections of a worker.
    for (given, most) in
        [(usize::MAX, MAX_BURST_BYTES + LARGE_PIPE_BYTES as u64), (1, MAX_BURST_READS as u64)]
    {
        let mut from = TestSource::new(vec![7; 40 << 20], vec![given; 10_000]);
        let (mut to, mut half) = (TestSink::default(), Half::default());
        for _ in 0..50 {
            let scratch = &mut vec![0; 65_536];
            let (from, to, pipes, buffers) = (&mut from, &mut to, &pipes, &buffers);
            let mut pump = Pump { from, to, scratch, pipes, buffers, last: false, moved: 0 };
            assert!(pump.poll(&mut half, &mut context).is_pending());
            assert!((1..=most).contains(&pump.moved), "{} bytes in one look", pump.moved);
        }
    }
}
