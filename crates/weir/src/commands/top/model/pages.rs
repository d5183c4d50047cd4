//! Which page of a list is looked at? The server hands out pages in one direction only; how to go back is kept here.

/// Items of a page.
const PAGE: u64 = 100;

/// Items of a page on the way to the end of a list, the most that the server gives.
const LONG_PAGE: u64 = 1000;

/// Pages that can be gone back to at most: with pages of a thousand more items than a weir has.
const MAX_PAGES: usize = 1000;

/// Page, by how it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// Word of the server that asks for the page; `None` for the first one.
    pub(super) token: Option<String>,
    /// Items of the list in front of it.
    pub(super) before: u64,
    /// Items that are asked for.
    pub(super) limit: u64,
}

/// Place in a list: the pages in front of the one that is looked at, that one, and the next.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    before: Vec<Page>,
    current: Page,
    next: Option<String>,
}

impl Default for Pages {
    fn default() -> Self {
        Self { before: Vec::new(), current: Page { token: None, before: 0, limit: PAGE }, next: None }
    }
}

impl Pages {
    /// Page that is looked at.
    pub(super) fn current(&self) -> &Page {
        &self.current
    }

    /// Whether the page is the first one.
    pub(super) fn is_first(&self) -> bool {
        self.before.is_empty()
    }

    /// Whether another page follows that can be gone to.
    pub(super) fn has_next(&self) -> bool {
        self.next.is_some() && self.before.len() < MAX_PAGES
    }

    /// Takes what an answer says of the next page.
    pub(super) fn answered(&mut self, next: Option<String>) {
        self.next = next;
    }

    /// Goes to the next page, if there is one; `items` are on the current one. A long page is for the way to the end.
    pub(super) fn forward(&mut self, items: u64, long: bool) -> bool {
        if !self.has_next() {
            return false;
        }
        let token = self.next.take();
        let limit = if long { LONG_PAGE } else { PAGE };
        let next = Page { token, before: self.current.before + items, limit };
        self.before.push(std::mem::replace(&mut self.current, next));
        true
    }

    /// Goes to the page before, if there is one.
    pub(super) fn back(&mut self) -> bool {
        let Some(page) = self.before.pop() else { return false };
        self.current = page;
        self.next = None;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_forward_by_the_servers_words_and_back_by_ones_own() {
        let mut pages = Pages::default();
        assert!(!pages.forward(100, false) && !pages.back());
        pages.answered(Some("a".into()));
        assert!(pages.forward(100, false));
        pages.answered(Some("b".into()));
        assert!(pages.forward(100, true));
        assert_eq!(*pages.current(), Page { token: Some("b".into()), before: 200, limit: 1000 });
        assert!(!pages.has_next() && pages.back());
        assert_eq!(*pages.current(), Page { token: Some("a".into()), before: 100, limit: 100 });
        assert!(pages.back() && pages.is_first());
    }

    #[test]
    fn a_server_that_never_ends_a_list_fills_no_memory() {
        let mut pages = Pages::default();
        let mut count = 0;
        pages.answered(Some("x".into()));
        while pages.forward(1000, true) {
            pages.answered(Some("x".into()));
            count += 1;
        }
        assert_eq!(count, MAX_PAGES);
    }
}
