//! Does one direction deliver every byte, whatever the two sides accept and give at a time?

use super::{Half, Lane};
use proptest::prelude::*;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes a side gives or takes at its next turns; 0 means that it is not ready.
type Schedule = std::vec::IntoIter<usize>;

struct Sender {
    bytes: Vec<u8>,
    sent: usize,
    schedule: Schedule,
}

impl AsyncRead for Sender {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = match self.schedule.next() {
            Some(0) => return Poll::Pending,
            Some(most) => most,
            None => usize::MAX,
        };
        let count = most.min(buffer.remaining()).min(self.bytes.len() - self.sent);
        buffer.put_slice(&self.bytes[self.sent..self.sent + count]);
        self.sent += count;
        Poll::Ready(Ok(()))
    }
}

struct Receiver {
    bytes: Vec<u8>,
    shut_down: bool,
    schedule: Schedule,
}

impl AsyncWrite for Receiver {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        assert!(!self.shut_down, "written after the end");
        let count = match self.schedule.next() {
            Some(0) => return Poll::Pending,
            Some(most) => most.min(bytes.len()),
            None => bytes.len(),
        };
        self.bytes.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down = true;
        Poll::Ready(Ok(()))
    }
}

proptest! {
    #[test]
    fn every_byte_arrives_in_order_and_then_the_end(
        bytes in prop::collection::vec(any::<u8>(), 0..5000),
        given in prop::collection::vec(0usize..300, 0..200),
        taken in prop::collection::vec(0usize..300, 0..200),
        scratch in 1usize..400,
    ) {
        let mut from = Sender { bytes: bytes.clone(), sent: 0, schedule: given.into_iter() };
        let mut to = Receiver { bytes: Vec::new(), shut_down: false, schedule: taken.into_iter() };
        let mut half = Half::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut counted = 0;
        let mut looks = 0;
        loop {
            // A new buffer at each look: nothing may be left in the worker's between two.
            let mut lane = Lane { from: &mut from, to: &mut to, scratch: &mut vec![0; scratch], moved: 0 };
            let ended = lane.poll(&mut half, &mut context).is_ready();
            counted += lane.moved;
            prop_assert_eq!(counted, to.bytes.len() as u64, "the count follows what was written");
            if ended {
                break;
            }
            looks += 1;
            prop_assert!(looks < 20_000, "never ends");
        }
        prop_assert!(half.is_ended() && to.shut_down);
        prop_assert_eq!(to.bytes, bytes);
        prop_assert_eq!(half.pending.capacity(), 0, "no memory is held at the end");
    }
}
