//! Which items of a list are known, and which line is looked at? One page of the server's, never the whole list.

mod events;
mod walk;

use super::{filter, kind::Kind, pages::Pages, rates::Rates};
use crate::{
    client::Query,
    output::{part::Part, quantity::between},
};
use events::Ring;
use serde_json::Value;
use std::ops::Range;

/// Time that times are counted from, for differences only.
const EPOCH: &str = "2020-01-01T00:00:00Z";

/// Where to go once the page that was asked for is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    First,
    Last,
    /// End of the list, whatever pages are on the way.
    End,
}

/// List on the screen.
#[derive(Clone, Debug)]
pub(in crate::commands::top) struct List {
    pub(in crate::commands::top) kind: Kind,
    /// Parameters that every question of the list has.
    scope: Vec<(&'static str, String)>,
    filter: String,
    sort: usize,
    reversed: bool,
    pages: Pages,
    rows: Vec<Value>,
    ring: Ring,
    /// Items without and with the filter, as far as the server counts them.
    counts: (Option<u64>, Option<u64>),
    time: Option<String>,
    cursor: usize,
    /// First line on the screen, and how many lines there are.
    offset: usize,
    height: usize,
    goal: Option<Goal>,
    rates: Rates,
    refusal: Option<String>,
    is_known: bool,
}

impl List {
    /// List of all items that have the values of `scope`.
    pub(super) fn new(kind: Kind, scope: Vec<(&'static str, String)>) -> Self {
        Self {
            kind,
            scope,
            filter: String::new(),
            sort: 0,
            reversed: false,
            pages: Pages::default(),
            rows: Vec::new(),
            ring: Ring::default(),
            counts: (None, None),
            time: None,
            cursor: 0,
            offset: 0,
            height: 1,
            goal: None,
            rates: Rates::default(),
            refusal: None,
            is_known: false,
        }
    }

    /// Question whose answer the list shows.
    pub(super) fn query(&self, detail: bool) -> Query {
        let filters = filter::parameters(self.kind, &self.filter);
        let given: Vec<(String, String)> = filters
            .into_iter()
            .filter(|(name, _)| self.scope.iter().all(|(scope, _)| scope != name))
            .chain(self.scope.iter().map(|(name, value)| ((*name).to_owned(), value.clone())))
            .collect();
        let is_given = |name: &str| given.iter().any(|(given, _)| given == name);
        let mut query =
            given.iter().fold(Query::of(self.kind.route()), |query, (name, value)| query.with(name, value));
        if self.kind == Kind::Closed && !is_given("state") {
            query = query.with("state", "closed");
        }
        if self.kind.is_sorted_by_server() && !is_given("sort") {
            query = query.with("sort", self.order());
        }
        if self.kind == Kind::Events {
            return query.with("limit", 1000).with_some("since", self.ring.last());
        }
        if detail && !is_given("detail") {
            query = query.with("detail", true);
        }
        let page = self.pages.current();
        query.with("limit", page.limit).with_some("continue", page.token.as_ref())
    }

    /// Takes the answer to a question of this list.
    pub(super) fn answer(&mut self, answer: Value) {
        (self.refusal, self.is_known) = (None, true);
        let part = Part::of(&answer);
        self.counts = (part.count("metadata.total"), part.count("metadata.matched"));
        self.time = part.text("metadata.time").map(str::to_owned);
        let next = part.text("metadata.continue").map(str::to_owned);
        let at = between(Some(EPOCH), self.time.as_deref()).unwrap_or(0.0);
        let kind = self.kind;
        self.rates.update(at, part.items("items").map(|item| (kind.key(item), kind.totals(item))));
        let Value::Object(mut object) = answer else { return };
        let Some(Value::Array(items)) = object.remove("items") else { return self.show(Vec::new()) };
        if self.kind == Kind::Events {
            self.ring.push(items);
            return self.show(self.ring.rows(&self.filter, self.reversed));
        }
        self.pages.answered(next);
        let is_empty = items.is_empty();
        self.show(items);
        if self.goal == Some(Goal::End) && self.pages.forward(self.rows.len() as u64, true) {
            return;
        }
        match self.goal.take() {
            Some(Goal::First) => self.cursor = 0,
            Some(Goal::Last | Goal::End) => self.cursor = self.rows.len().saturating_sub(1),
            None => {}
        }
        // What was here has gone meanwhile.
        if is_empty && self.pages.back() {
            self.goal = Some(Goal::Last);
        }
    }

    /// Takes a refusal of the question: the filter is wrong, most likely.
    pub(super) fn refused(&mut self, message: String) {
        self.refusal = Some(message);
        // A word for a page that the server no longer knows.
        if !self.pages.is_first() {
            self.go_first();
        }
    }

    /// Replaces the lines; the cursor stays with its item.
    fn show(&mut self, mut rows: Vec<Value>) {
        rows.truncate(1024);
        let kind = self.kind;
        let selected = self.selected().map(|item| kind.key(item));
        self.rows = rows;
        let is_at_top = self.cursor == 0 && kind == Kind::Events;
        let same = |item: &Value| Some(kind.key(Part::of(item))) == selected;
        match self.rows.iter().position(same).filter(|_| !is_at_top) {
            Some(index) => self.cursor = index,
            None => self.cursor = self.cursor.min(self.rows.len().saturating_sub(1)),
        }
    }

    /// Item that the cursor is at.
    pub(in crate::commands::top) fn selected(&self) -> Option<Part<'_>> {
        self.rows.get(self.cursor).map(Part::of)
    }

    /// Line of the cursor, among those of the page.
    pub(in crate::commands::top) fn cursor(&self) -> usize {
        self.cursor
    }

    /// Number of lines on the page.
    pub(in crate::commands::top) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Items of the page.
    pub(in crate::commands::top) fn items(&self) -> impl ExactSizeIterator<Item = Part<'_>> {
        self.rows.iter().map(Part::of)
    }

    /// Lines that a screen of this height shows: the cursor is among them.
    pub(in crate::commands::top) fn window(&mut self, height: usize) -> Range<usize> {
        self.height = height.max(1);
        let latest = self.rows.len().saturating_sub(self.height);
        let first_with_cursor = (self.cursor + 1).saturating_sub(self.height);
        self.offset = self.offset.min(latest).clamp(first_with_cursor, self.cursor);
        self.offset..self.rows.len().min(self.offset + self.height)
    }

    /// Sorts by the next word.
    pub(super) fn sort_on(&mut self) {
        self.sort = (self.sort + 1) % self.kind.sorts().len();
        self.reversed = false;
        self.anew();
    }

    /// Sorts the other way round; returns whether that can be.
    pub(super) fn reverse(&mut self) -> bool {
        if self.kind == Kind::Flows {
            return false;
        }
        self.reversed = !self.reversed;
        self.anew();
        true
    }

    /// Order of the items, as the admin API writes it.
    pub(in crate::commands::top) fn order(&self) -> String {
        let word = self.kind.sorts().get(self.sort).copied().unwrap_or_default();
        format!("{}{word}", if self.reversed { "-" } else { "" })
    }

    /// Filter that a user wrote.
    pub(in crate::commands::top) fn filter(&self) -> &str {
        &self.filter
    }

    /// Sets the filter.
    pub(super) fn set_filter(&mut self, filter: String) {
        if filter != self.filter {
            self.filter = filter;
            self.ring = Ring::default();
            self.rows.clear();
            self.anew();
        }
    }

    /// Shows other items of the same scope.
    pub(super) fn set_kind(&mut self, kind: Kind) {
        let scope = std::mem::take(&mut self.scope);
        *self = Self { filter: std::mem::take(&mut self.filter), ..Self::new(kind, scope) };
    }

    /// Begins at the first page of another list: of another order, filter, or weir.
    fn anew(&mut self) {
        (self.pages, self.goal, self.cursor, self.offset) = (Pages::default(), Some(Goal::First), 0, 0);
        (self.refusal, self.is_known) = (None, false);
    }

    /// Forgets what an earlier process said.
    pub(super) fn forget(&mut self) {
        self.ring = Ring::default();
        self.rates = Rates::default();
        self.anew();
    }

    /// Growth of a counter of an item, a second.
    pub(in crate::commands::top) fn rate(&self, item: Part<'_>, counter: usize) -> Option<f64> {
        self.rates.of(&self.kind.key(item), counter)
    }

    /// Time of the answer, as the server says.
    pub(in crate::commands::top) fn time(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// Place in the list, as in `3 of 120`, or that it is on its way.
    pub(in crate::commands::top) fn place(&self) -> String {
        if !self.is_known {
            return "asking".to_owned();
        }
        let number = self.pages.current().before + self.cursor as u64 + u64::from(!self.rows.is_empty());
        let (total, matched) = self.counts;
        let shown = self.kind == Kind::Events || self.filter.is_empty();
        let all = if self.kind == Kind::Events { Some(self.rows.len() as u64) } else { matched };
        let all = all.or(total.filter(|_| shown)).map_or_else(|| "?".to_owned(), |all| all.to_string());
        format!("{number} of {all}")
    }

    /// Why there are no lines, or none any more.
    pub(in crate::commands::top) fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Whether the list was answered.
    pub(in crate::commands::top) fn is_known(&self) -> bool {
        self.is_known
    }
}

#[cfg(test)]
mod tests;
