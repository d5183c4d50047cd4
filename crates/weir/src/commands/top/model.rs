//! What is on the screen, what does a key change, and what must the server be asked? A state machine that knows no terminal
//! and no socket.

mod detail;
mod filter;
mod key;
mod kind;
mod list;
mod node;
mod pages;
mod press;
mod rates;

pub(super) use detail::Detail;
pub(super) use key::{Key, help};
pub(super) use kind::{DETAIL_WIDTH, Kind, cluster_address, service_port};
pub(super) use list::List;
pub(super) use node::{Node, clock};

use crate::client::Query;
use serde_json::Value;
use std::time::Duration;

/// Time for which details are not asked for after the server has refused them: its leases last as long.
const DETAILS_REFUSED: Duration = Duration::from_secs(30);

/// Time for which a notice is shown.
const NOTICE: Duration = Duration::from_secs(5);

/// Everything that is known and shown.
#[derive(Clone, Debug)]
pub(super) struct Model {
    panes: [List; 4],
    pane: usize,
    /// Items that were looked into, each within the one before.
    details: Vec<Detail>,
    node: Node,
    shows_help: bool,
    /// Filter that is being typed.
    typed: Option<String>,
    notice: Option<(String, Duration)>,
    /// Time until which details are not asked for.
    details_refused: Duration,
    /// Size of the terminal, in cells.
    size: (u16, u16),
    now: Duration,
}

/// What the shell shall do after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing but to draw.
    Nothing,
    /// Ask at once: something else is shown.
    Ask,
    /// Copy a text to the clipboard of the terminal.
    Copy(String),
    /// Draw everything anew.
    Redraw,
    /// Stop the process, as the shell's job control does.
    Suspend,
    /// End.
    End,
}

/// Question for the server, and what its answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    subject: Subject,
    /// Question in the words of the admin API.
    pub(super) query: Query,
}

impl Question {
    /// Whether it is about the node as a whole.
    pub(super) fn is_of_node(&self) -> bool {
        self.subject == Subject::Summary
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Summary,
    /// Item that is looked into.
    Item,
    /// List of the pane or of the item, by its number.
    List(usize),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server refuses this question.
    Refused(String),
    /// Too many others look at details.
    TooMany(String),
    /// There is no server, or it does not answer.
    Gone(String),
}

impl Model {
    /// Start, with the Services of one namespace or of all.
    pub(super) fn new(namespace: Option<&str>) -> Self {
        let scope: Vec<_> =
            namespace.map(|namespace| ("namespace", namespace.to_owned())).into_iter().collect();
        let kinds = [Kind::Services, Kind::Endpoints, Kind::Live, Kind::Events];
        Self {
            panes: kinds.map(|kind| List::new(kind, scope.clone())),
            pane: 0,
            details: Vec::new(),
            node: Node::default(),
            shows_help: false,
            typed: None,
            notice: None,
            details_refused: Duration::ZERO,
            size: (80, 24),
            now: Duration::ZERO,
        }
    }

    /// Tells the time, since the start of this program.
    pub(super) fn at(&mut self, now: Duration) {
        self.now = now;
        self.notice.take_if(|(_, until)| *until <= now);
    }

    /// Tells the size of the terminal; returns whether something else must be asked for.
    pub(super) fn resize(&mut self, size: (u16, u16)) -> bool {
        let before = self.questions();
        self.size = size;
        before != self.questions()
    }

    /// Questions for what is on the screen.
    pub(super) fn questions(&self) -> Vec<Question> {
        let summary = Question { subject: Subject::Summary, query: Query::of("summary") };
        let may_detail = self.now >= self.details_refused;
        let item = self.details.last().and_then(|detail| detail.query(may_detail));
        let item = item.map(|query| Question { subject: Subject::Item, query });
        let lists = self.lists().iter().enumerate().map(|(index, list)| Question {
            subject: Subject::List(index),
            query: list.query(may_detail && list.kind.shows_detail(self.size.0)),
        });
        [Some(summary), item].into_iter().flatten().chain(lists).collect()
    }

    /// Takes an answer; returns whether it leads to another question at once.
    pub(super) fn answer(&mut self, question: &Question, answer: Result<Value, Trouble>) -> bool {
        // Of a screen that has been left, or a page.
        if !self.questions().contains(question) {
            return false;
        }
        match answer {
            Ok(answer) => self.answered(question, answer),
            Err(Trouble::Gone(why)) => {
                self.node.is_gone(why);
                return false;
            }
            Err(Trouble::TooMany(why)) => {
                self.details_refused = self.now + DETAILS_REFUSED;
                self.notify(why);
                return true;
            }
            Err(Trouble::Refused(why)) => match question.subject {
                Subject::List(index) => {
                    if let Some(list) = self.lists_mut().get_mut(index) {
                        list.refused(why);
                    }
                }
                Subject::Summary => self.node.is_gone(why),
                Subject::Item => self.notify(why),
            },
        }
        // Another page of the same list; what changed with time is asked for with the next round.
        matches!(question.subject, Subject::List(_) | Subject::Item)
            && !self.questions().contains(question)
            && !self.is_events()
    }

    fn answered(&mut self, question: &Question, answer: Value) {
        self.node.is_there(self.now);
        match question.subject {
            Subject::Summary => {
                let is_another = self.node.answer(answer, self.now);
                if is_another {
                    let within = self.details.iter_mut().flat_map(|detail| &mut detail.lists);
                    self.panes.iter_mut().chain(within).for_each(List::forget);
                    self.notify("another weir answers: it has begun since".to_owned());
                }
            }
            Subject::Item => {
                if let Some(detail) = self.details.last_mut() {
                    detail.answer(&answer);
                }
            }
            Subject::List(index) => {
                if let Some(list) = self.lists_mut().get_mut(index) {
                    list.answer(answer);
                }
            }
        }
    }

    fn is_events(&self) -> bool {
        self.details.is_empty() && self.list().is_some_and(|list| list.kind == Kind::Events)
    }

    /// Lists on the screen: that of the pane, or those of the item that is looked into.
    fn lists(&self) -> &[List] {
        match self.details.last() {
            Some(detail) => &detail.lists,
            None => self.panes.get(self.pane).map_or(&[], std::slice::from_ref),
        }
    }

    fn lists_mut(&mut self) -> &mut [List] {
        match self.details.last_mut() {
            Some(detail) => &mut detail.lists,
            None => self.panes.get_mut(self.pane).map_or(&mut [], std::slice::from_mut),
        }
    }

    /// List that keys move in; none for an item without lists.
    pub(super) fn list(&self) -> Option<&List> {
        self.lists().get(self.details.last().map_or(0, |detail| detail.focus))
    }

    fn list_mut(&mut self) -> Option<&mut List> {
        let focus = self.details.last().map_or(0, |detail| detail.focus);
        self.lists_mut().get_mut(focus)
    }

    fn notify(&mut self, text: String) {
        self.notice = Some((text, self.now + NOTICE));
    }

    /// The node.
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// Since when nothing new is known, and why.
    pub(super) fn stale(&self) -> Option<String> {
        self.node.stale(self.now)
    }

    /// Panes, and which of them is shown.
    pub(super) fn panes(&self) -> (&[List; 4], usize) {
        (&self.panes, self.pane)
    }

    /// List of the pane, if no item is looked into.
    pub(super) fn pane_mut(&mut self) -> Option<&mut List> {
        if self.details.is_empty() { self.panes.get_mut(self.pane) } else { None }
    }

    /// Item that is looked into.
    pub(super) fn detail_mut(&mut self) -> Option<&mut Detail> {
        self.details.last_mut()
    }

    /// Names of the items that were looked into, the outermost first.
    pub(super) fn path(&self) -> Vec<String> {
        self.details.iter().map(Detail::title).collect()
    }

    /// Whether the help is shown.
    pub(super) fn shows_help(&self) -> bool {
        self.shows_help
    }

    /// Filter that is being typed.
    pub(super) fn typed(&self) -> Option<&str> {
        self.typed.as_deref()
    }

    /// What there is to say for a moment.
    pub(super) fn notice(&self) -> Option<&str> {
        self.notice.as_ref().map(|(text, _)| text.as_str())
    }
}

#[cfg(test)]
mod tests;
