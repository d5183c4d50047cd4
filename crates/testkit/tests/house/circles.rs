//! Which nodes of a graph reach each other? Its strongly connected components (Tarjan).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

/// The components with more than one node, each sorted.
pub(crate) fn find<Node: Ord + Clone + Debug>(graph: &BTreeMap<Node, BTreeSet<Node>>) -> Vec<Vec<Node>> {
    let mut search =
        Search { graph, index: BTreeMap::new(), low: BTreeMap::new(), stack: Vec::new(), found: Vec::new() };
    for node in graph.keys() {
        if !search.index.contains_key(node) {
            search.visit(node);
        }
    }
    search.found
}

struct Search<'a, Node> {
    graph: &'a BTreeMap<Node, BTreeSet<Node>>,
    index: BTreeMap<&'a Node, usize>,
    low: BTreeMap<&'a Node, usize>,
    stack: Vec<&'a Node>,
    found: Vec<Vec<Node>>,
}

impl<'a, Node: Ord + Clone + Debug> Search<'a, Node> {
    fn visit(&mut self, node: &'a Node) {
        let number = self.index.len();
        self.index.insert(node, number);
        self.low.insert(node, number);
        self.stack.push(node);
        for next in self.graph.get(node).into_iter().flatten() {
            if !self.index.contains_key(next) {
                self.visit(next);
                self.lower(node, self.low[next]);
            } else if self.stack.contains(&next) {
                self.lower(node, self.index[next]);
            }
        }
        if self.low[node] == number {
            let start = self.stack.iter().position(|&other| other == node).expect("it was pushed above");
            let mut component: Vec<Node> = self.stack.split_off(start).into_iter().cloned().collect();
            component.sort();
            if component.len() > 1 {
                self.found.push(component);
            }
        }
    }

    fn lower(&mut self, node: &'a Node, to: usize) {
        let low = self.low.entry(node).or_insert(to);
        *low = (*low).min(to);
    }
}
