//! Is there a fair cycle? Streett emptiness by nested removal.
//!
//! A cycle is fair if whatever is asked for in it again and again is granted in it again and again. A strongly connected
//! part in which every demand that is asked for is also granted holds one: go through all of it. If a demand is asked for
//! and never granted, no fair cycle in the part may ask for it: the steps that do are taken out (for a standing demand the
//! nodes), and what is left falls into smaller parts.

use super::graph::{Graph, Node};
use super::scc::Search;

/// A set of demands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Set(Vec<u64>);

impl Set {
    pub(super) fn insert(&mut self, n: u16) {
        let (word, bit) = (usize::from(n) / 64, n % 64);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << bit;
    }

    pub(super) fn has(&self, n: u16) -> bool {
        let word = self.0.get(usize::from(n) / 64).copied().unwrap_or(0);
        word >> (n % 64) & 1 != 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        let words = self.0.iter().enumerate();
        words.flat_map(|(w, bits)| {
            (0..64).filter_map(move |b| (bits >> b & 1 != 0).then_some((w * 64 + b) as u16))
        })
    }
}

/// A part of the graph that holds a fair cycle: strongly connected by the steps that ask for nothing `banned`.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// Its nodes, in order.
    pub(super) nodes: Vec<Node>,
    /// What no step in it asks for.
    pub(super) banned: Set,
    /// What is asked for in it.
    pub(super) asked: Set,
}

/// The search for fair parts of one graph.
pub(super) struct Streett<'a> {
    g: &'a Graph,
    search: Search,
    /// Which piece of work a node belongs to; 0 for none.
    owner: Vec<u32>,
    last: u32,
}

impl<'a> Streett<'a> {
    pub(super) fn new(g: &'a Graph) -> Self {
        Streett {
            g,
            search: Search::new(g.len()),
            owner: vec![0; g.len()],
            last: 0,
        }
    }

    /// Fair parts among `nodes` without steps that ask for anything `banned`: all that are largest, or the first.
    pub(super) fn fair_parts(&mut self, nodes: Vec<Node>, banned: Set, first: bool) -> Vec<Part> {
        let mut found = Vec::new();
        let mut work = vec![(nodes, banned)];
        while let Some((nodes, banned)) = work.pop() {
            self.last += 1;
            let me = self.last;
            for &n in &nodes {
                self.owner[n as usize] = me;
            }
            let (g, owner) = (self.g, &self.owner);
            let out: Vec<bool> = g
                .labels
                .iter()
                .map(|l| l.asks.iter().any(|a| banned.has(*a)))
                .collect();
            let next = |n: Node, step: usize| {
                let e = g.edges(n).get(step)?;
                let inside = owner[e.to as usize] == me && !out[e.label as usize];
                Some(inside.then_some(e.to))
            };
            let mut parts: Vec<Vec<Node>> = Vec::new();
            self.search.components(&nodes, next, |c| {
                let has_step =
                    || (0..g.edges(c[0]).len()).any(|s| next(c[0], s) == Some(Some(c[0])));
                if c.len() > 1 || has_step() {
                    parts.push(c.to_vec());
                }
            });
            drop(nodes);
            for part in parts {
                self.last += 1;
                let me = self.last;
                for &n in &part {
                    self.owner[n as usize] = me;
                }
                let (asked, granted) = self.balance(&part, me, &out);
                let mut refused = Set::default();
                asked
                    .iter()
                    .filter(|a| !granted.has(*a))
                    .for_each(|a| refused.insert(a));
                if refused == Set::default() {
                    let mut nodes = part;
                    nodes.sort_unstable();
                    let banned = banned.clone();
                    found.push(Part {
                        nodes,
                        banned,
                        asked,
                    });
                    if first {
                        return found;
                    }
                    continue;
                }
                let mut banned = banned.clone();
                refused.iter().for_each(|a| banned.insert(a));
                let left: Vec<Node> = part
                    .into_iter()
                    .filter(|n| !self.stands(*n, &refused))
                    .collect();
                if !left.is_empty() {
                    work.push((left, banned));
                }
            }
        }
        found
    }

    /// What is asked for and what is granted within a part.
    fn balance(&self, part: &[Node], me: u32, out: &[bool]) -> (Set, Set) {
        let (mut asked, mut granted) = (Set::default(), Set::default());
        let mut used = vec![false; self.g.labels.len()];
        let mut standing = vec![false; self.g.demands.len()];
        for &n in part {
            for e in self.g.edges(n) {
                if let Some(d) = self.g.labels[e.label as usize].grants
                    && self.g.demands[usize::from(d)].is_standing()
                {
                    standing[usize::from(d)] = true;
                }
                if self.owner[e.to as usize] == me && !out[e.label as usize] {
                    used[e.label as usize] = true;
                }
            }
        }
        for (label, _) in self.g.labels.iter().zip(&used).filter(|(_, used)| **used) {
            label.asks.iter().for_each(|a| asked.insert(*a));
            label.grants.iter().for_each(|d| granted.insert(*d));
        }
        for (d, _) in (0_u16..).zip(&standing).filter(|(_, stands)| **stands) {
            asked.insert(d);
        }
        (asked, granted)
    }

    /// Whether a standing demand that is `refused` is asked for at a node.
    fn stands(&self, n: Node, refused: &Set) -> bool {
        self.g.edges(n).iter().any(|e| {
            self.g.labels[e.label as usize]
                .grants
                .is_some_and(|d| refused.has(d) && self.g.demands[usize::from(d)].is_standing())
        })
    }

    /// A smaller fair part of a fair part: one that asks for as little as it can.
    pub(super) fn least(&mut self, mut part: Part) -> Part {
        let asked: Vec<u16> = part.asked.iter().collect();
        for d in asked {
            let mut banned = part.banned.clone();
            banned.insert(d);
            let mut one = Set::default();
            one.insert(d);
            let nodes: Vec<Node> = part
                .nodes
                .iter()
                .copied()
                .filter(|n| !self.stands(*n, &one))
                .collect();
            if let Some(less) = self.fair_parts(nodes, banned, true).pop() {
                part = less;
            }
        }
        part
    }
}
