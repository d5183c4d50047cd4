//! Which step of a hand-over comes next? The older weir's side; pure.

use super::message::Message;

/// How far a newcomer's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nobody has greeted.
    Connected,
    /// The newcomer starts, and this weir serves.
    Greeted,
    /// Sockets are on their way, in this number of parts; this weir serves no new clients of theirs.
    Passing { left: usize },
    /// The newcomer has all sockets.
    Passed,
    /// The newcomer serves.
    TakenOver,
}

/// What the connection says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A message of the newcomer.
    Said(Message),
    /// Sockets were duplicated, in this number of parts, at least one.
    Duplicated { parts: usize },
    /// The connection has ended, says something that cannot be read, or the newcomer takes too long.
    Lost,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Greet in return.
    Greet,
    /// Duplicate the sockets.
    Duplicate,
    /// Send the next part.
    SendPart,
    /// Wait for what the newcomer says next.
    Wait,
    /// Let go of everything, and say so.
    GiveWay,
    /// Serve again through passed sockets, and close the connection.
    Resume,
    /// Close the connection.
    Close,
}

impl Step {
    /// Takes a step.
    pub(super) fn take(&mut self, event: Event) -> Action {
        let (next, action) = match (*self, event) {
            (Self::Connected, Event::Said(hello)) if hello.clone().peer().is_some() => {
                (Self::Greeted, Action::Greet)
            }
            (Self::Greeted, Event::Said(Message::Ask)) => (Self::Greeted, Action::Duplicate),
            (Self::Greeted, Event::Duplicated { parts }) => {
                (Self::Passing { left: parts.saturating_sub(1) }, Action::SendPart)
            }
            (Self::Passing { left: 0 }, Event::Said(Message::Received)) => (Self::Passed, Action::Wait),
            (Self::Passing { left }, Event::Said(Message::Received)) => {
                (Self::Passing { left: left.saturating_sub(1) }, Action::SendPart)
            }
            (Self::Passed, Event::Said(Message::Confirm)) => (Self::TakenOver, Action::GiveWay),
            (Self::Passing { .. } | Self::Passed, _) => (Self::Connected, Action::Resume),
            (step, _) => (step, Action::Close),
        };
        *self = next;
        action
    }

    /// Whether clients wait until the newcomer serves them.
    #[cfg(test)]
    fn is_urgent(self) -> bool {
        matches!(self, Self::Passing { .. } | Self::Passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: Message) -> Event {
        Event::Said(message)
    }

    /// A connection after these events.
    fn after(events: &[Event]) -> Step {
        let mut step = Step::Connected;
        for event in events {
            step.take(event.clone());
        }
        step
    }

    /// All that is said in a hand-over in two parts, in order, and what is to be done each time.
    fn whole() -> Vec<(Event, Action)> {
        vec![
            (said(Message::hello()), Action::Greet),
            (said(Message::Ask), Action::Duplicate),
            (Event::Duplicated { parts: 2 }, Action::SendPart),
            (said(Message::Received), Action::SendPart),
            (said(Message::Received), Action::Wait),
            (said(Message::Confirm), Action::GiveWay),
        ]
    }

    #[test]
    fn a_whole_hand_over_goes_step_by_step() {
        let mut step = Step::Connected;
        for (event, action) in whole() {
            assert_eq!(step.take(event.clone()), action, "{event:?}");
        }
        assert_eq!(step, Step::TakenOver);
    }

    #[test]
    fn wherever_the_newcomer_is_lost_before_it_confirms_the_older_one_serves_on() {
        let events: Vec<Event> = whole().into_iter().map(|(event, _)| event).collect();
        for count in 0..events.len() {
            let mut step = after(&events[..count]);
            let clients_wait = step.is_urgent();
            assert_eq!(clients_wait, count >= 3, "{count}");
            let expected = if clients_wait { Action::Resume } else { Action::Close };
            assert_eq!(step.take(Event::Lost), expected, "{count}");
            assert!(!step.is_urgent(), "{count}");
        }
    }

    #[test]
    fn what_comes_out_of_order_ends_the_connection_and_nothing_is_given_away() {
        let events: Vec<Event> = whole().into_iter().map(|(event, _)| event).collect();
        let all = [Message::hello(), Message::Ask, Message::Received, Message::Confirm, Message::Released];
        for count in 0..events.len() {
            for message in &all {
                if events.get(count) == Some(&said(message.clone())) {
                    continue;
                }
                // While sockets are being duplicated nothing is read.
                let mut step = after(&events[..count]);
                let expected = match (step, message) {
                    (Step::Greeted, Message::Ask) => Action::Duplicate,
                    _ if step.is_urgent() => Action::Resume,
                    _ => Action::Close,
                };
                assert_eq!(step.take(said(message.clone())), expected, "{count}: {message:?}");
            }
        }
    }
}
