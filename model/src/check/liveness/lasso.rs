//! A counterexample: a way into a fair part, and a way round in it that grants whatever is asked for.

use std::collections::{HashMap, VecDeque};

use super::graph::{Edge, Graph, Node};
use super::streett::Part;

/// Steps from node to node: each from the node before, the first from a node to begin with.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    pub(super) begins: Node,
    pub(super) steps: Vec<Edge>,
    /// The step with which the part begins that is repeated for ever.
    pub(super) again_from: usize,
}

pub(super) fn lasso(g: &Graph, part: &Part) -> Way {
    let entry = part.nodes[0]; // the shallowest
    let mut way = way_to(g, entry);
    way.again_from = way.steps.len();
    let inside: HashMap<Node, ()> = part.nodes.iter().map(|n| (*n, ())).collect();
    let usable = |e: &Edge| {
        inside.contains_key(&e.to)
            && !g.labels[e.label as usize]
                .asks
                .iter()
                .any(|a| part.banned.has(*a))
    };
    let mut owed: Vec<u16> = part.asked.iter().collect();
    let mut at = entry;
    while !owed.is_empty() {
        let grants = |e: &Edge| {
            g.labels[e.label as usize]
                .grants
                .is_some_and(|d| owed.contains(&d))
        };
        let leg = nearest(g, at, usable, grants);
        if leg.is_empty() {
            break; // not of a fair part
        }
        at = leg[leg.len() - 1].to;
        for e in &leg {
            if let Some(d) = g.labels[e.label as usize].grants {
                owed.retain(|o| *o != d);
            }
        }
        way.steps.extend(leg);
    }
    if at != entry {
        way.steps.extend(nearest(g, at, usable, |e| e.to == entry));
    }
    way
}

/// The shortest way that ends with a step that is `wanted`.
fn nearest(
    g: &Graph,
    from: Node,
    usable: impl Fn(&Edge) -> bool,
    wanted: impl Fn(&Edge) -> bool,
) -> Vec<Edge> {
    let mut came: HashMap<Node, (Node, Edge)> = HashMap::new();
    let mut todo = VecDeque::from([from]);
    while let Some(n) = todo.pop_front() {
        for e in g.edges(n).iter().filter(|e| usable(e)) {
            if wanted(e) {
                let mut steps = vec![*e];
                let mut at = n;
                while at != from {
                    let (before, edge) = came[&at];
                    steps.push(edge);
                    at = before;
                }
                steps.reverse();
                return steps;
            }
            if e.to != from && !came.contains_key(&e.to) {
                came.insert(e.to, (n, *e));
                todo.push_back(e.to);
            }
        }
    }
    Vec::new()
}

/// The way on which a node was found: a shortest one.
pub(super) fn way_to(g: &Graph, to: Node) -> Way {
    let mut nodes = vec![to];
    let mut at = to;
    while g.parents[at as usize] != at {
        at = g.parents[at as usize];
        nodes.push(at);
    }
    nodes.reverse();
    let steps = nodes
        .windows(2)
        .filter_map(|w| g.edges(w[0]).iter().find(|e| e.to == w[1]));
    Way {
        begins: nodes[0],
        steps: steps.copied().collect(),
        again_from: 0,
    }
}
