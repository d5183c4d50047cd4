//! What belongs to one item? What the server says of it, and lists of what is connected with it.

use super::{
    kind::{Kind, service_port},
    list::List,
};
use crate::{client::Query, output::part::Part};
use serde_json::Value;

/// View of one item.
#[derive(Clone, Debug)]
pub(in crate::commands::top) struct Detail {
    pub(in crate::commands::top) kind: Kind,
    key: String,
    item: Value,
    is_gone: bool,
    /// Lists below the item, if any.
    pub(in crate::commands::top) lists: Vec<List>,
    /// List that keys move in.
    pub(in crate::commands::top) focus: usize,
    /// First line that is shown of an item without lists.
    pub(in crate::commands::top) scroll: usize,
}

impl Detail {
    /// View of an item of a list.
    pub(super) fn new(kind: Kind, item: Part<'_>) -> Self {
        let value = |name: &'static str| item.text(name).map(|value| (name, value.to_owned()));
        let port = [value("namespace"), value("service"), value("port")];
        let with = |more: &[Option<(&'static str, String)>]| -> Vec<_> {
            port.iter().chain(more).flatten().cloned().collect()
        };
        let connections = if item.text("protocol") == Some("UDP") { Kind::Flows } else { Kind::Live };
        let lists = match kind {
            Kind::Services => {
                let endpoints = List::new(Kind::Endpoints, with(&[value("protocol")]));
                vec![endpoints, List::new(connections, with(&[]))]
            }
            Kind::Endpoints => vec![List::new(connections, with(&[value("endpoint")]))],
            Kind::Live | Kind::Closed | Kind::Flows | Kind::Events => Vec::new(),
        };
        let (key, item) = (kind.key(item), item.document());
        Self { kind, key, item, is_gone: false, lists, focus: 0, scroll: 0 }
    }

    /// Question for the item as it is now; `None` for what does not change.
    pub(super) fn query(&self, detail: bool) -> Option<Query> {
        let item = self.item();
        let mut query = Query::of(self.kind.route());
        let names: &[&str] = match self.kind {
            Kind::Services => &["namespace", "service", "protocol"],
            Kind::Endpoints => &["namespace", "service", "port", "protocol", "endpoint"],
            Kind::Live | Kind::Closed | Kind::Flows => &["id"],
            Kind::Events => return None,
        };
        for name in names {
            query = query.with_some(name, item.text(name));
        }
        if self.kind == Kind::Closed {
            query = query.with("state", "closed");
        }
        if detail && matches!(self.kind, Kind::Endpoints | Kind::Live) {
            query = query.with("detail", true);
        }
        Some(query.with("limit", 1000))
    }

    /// Takes the answer. A connection that is no longer open is looked for among the closed ones.
    pub(super) fn answer(&mut self, answer: &Value) {
        let found = Part::of(answer).items("items").find(|item| self.kind.key(*item) == self.key);
        match found {
            Some(item) => (self.item, self.is_gone) = (item.document(), false),
            None if self.kind == Kind::Live => self.kind = Kind::Closed,
            None => self.is_gone = true,
        }
    }

    /// What the server says of the item.
    pub(in crate::commands::top) fn item(&self) -> Part<'_> {
        Part::of(&self.item)
    }

    /// Whether the server no longer knows the item: it is shown as it was.
    pub(in crate::commands::top) fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Name for people.
    pub(in crate::commands::top) fn title(&self) -> String {
        let item = self.item();
        match self.kind {
            Kind::Services => service_port(item),
            Kind::Endpoints => item.text_or_dash("endpoint").to_owned(),
            Kind::Live | Kind::Closed => format!("connection {}", item.text_or_dash("id")),
            Kind::Flows => format!("flow {}", item.text_or_dash("id")),
            Kind::Events => format!("event {}", item.count_or_dash("id")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_port_has_its_endpoints_and_connections_and_an_endpoint_its_connections() {
        let item = json!({"namespace": "a", "service": "web", "port": "http", "protocol": "TCP", "endpoint": "10.0.0.1:1"});
        let asked = |detail: &Detail| -> Vec<String> {
            detail.lists.iter().map(|list| list.query(true).as_str().to_owned()).collect()
        };
        let service = Detail::new(Kind::Services, Part::of(&item));
        assert_eq!(
            asked(&service),
            [
                "/api/v1/endpoints?namespace=a&service=web&port=http&protocol=TCP&sort=state&detail=true&limit=100",
                "/api/v1/connections?namespace=a&service=web&port=http&sort=opened&detail=true&limit=100",
            ]
        );
        let endpoint = Detail::new(Kind::Endpoints, Part::of(&item));
        assert!(asked(&endpoint)[0].contains("endpoint=10.0.0.1:1"));
        let udp = json!({"namespace": "a", "service": "dns", "protocol": "UDP"});
        assert_eq!(Detail::new(Kind::Services, Part::of(&udp)).lists[1].kind, Kind::Flows);
    }

    #[test]
    fn a_connection_that_ends_while_it_is_looked_at_is_shown_closed() {
        let mut detail = Detail::new(Kind::Live, Part::of(&json!({"id": "0-7", "state": "open"})));
        assert_eq!(detail.query(true).unwrap().as_str(), "/api/v1/connections?id=0-7&detail=true&limit=1000");
        detail.answer(&json!({"items": []}));
        assert_eq!(
            detail.query(true).unwrap().as_str(),
            "/api/v1/connections?id=0-7&state=closed&limit=1000"
        );
        detail.answer(&json!({"items": [{"id": "0-8"}, {"id": "0-7", "reason": "finished"}]}));
        assert_eq!((detail.item().text("reason"), detail.is_gone()), (Some("finished"), false));
        detail.answer(&json!({"items": []}));
        assert_eq!((detail.item().text("reason"), detail.is_gone()), (Some("finished"), true));
    }
}
