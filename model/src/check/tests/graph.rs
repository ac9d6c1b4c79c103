//! Small spaces to explore, and a naive exploration of them to compare with.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;

use super::random;
use crate::check::{End, Outcome};
use crate::space::{Plain, Space, fingerprint};

/// A numbered state. Its bytes differ in length, and what lies beyond them is junk.
#[derive(Clone, Copy, Debug)]
pub(in crate::check) struct Node {
    pub(in crate::check) id: u64,
    bytes: [u8; 40],
}

/// The state of that number.
pub(in crate::check) fn node(id: u64) -> Node {
    Node::new(id, 3)
}

impl Node {
    fn new(id: u64, junk: u8) -> Self {
        let mut bytes = [junk; 40];
        bytes[..Self::len(id)].fill(0);
        bytes[..8].copy_from_slice(&id.to_le_bytes());
        Node { id, bytes }
    }

    fn len(id: u64) -> usize {
        8 + (id % 17) as usize
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Node {}

impl Plain for Node {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..Self::len(self.id)]
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let id = u64::from_le_bytes(*bytes.first_chunk()?);
        let node = Node::new(id, 2);
        (node.bytes() == bytes).then_some(node)
    }
}

/// A space given by functions on numbers.
pub(in crate::check) struct Graph {
    pub(super) initial: Vec<u64>,
    pub(super) next: Box<dyn Fn(u64) -> Vec<u64> + Send + Sync>,
    pub(super) bad: Box<dyn Fn(u64) -> u32 + Send + Sync>,
}

impl Graph {
    pub(in crate::check) fn new(
        initial: &[u64],
        next: impl Fn(u64) -> Vec<u64> + Send + Sync + 'static,
    ) -> Self {
        Graph {
            initial: initial.to_vec(),
            next: Box::new(next),
            bad: Box::new(|_| 0),
        }
    }

    pub(in crate::check) fn with_bad(
        mut self,
        bad: impl Fn(u64) -> u32 + Send + Sync + 'static,
    ) -> Arc<Self> {
        self.bad = Box::new(bad);
        Arc::new(self)
    }

    /// `dims` coordinates from 0 up to `side`, one step up or down at a time.
    pub(in crate::check) fn grid(side: u64, dims: u32) -> Self {
        Self::new(&[0], move |id| {
            let unit = (0..dims).map(|dim| side.pow(dim));
            unit.flat_map(|unit| {
                let at = id / unit % side;
                [
                    (at > 0).then(|| id - unit),
                    (at + 1 < side).then(|| id + unit),
                ]
            })
            .flatten()
            .collect()
        })
    }

    /// Up to `degree` edges from each of `size` nodes, self-loops and repeated edges included.
    pub(super) fn random(seed: u64, size: u64, degree: u64) -> Self {
        Self::new(&[1, 2, 3, 2], move |id| {
            let mut random = random(seed ^ id.wrapping_mul(0x1234_5678_9abc_def1));
            let edges = random() % (degree + 1);
            let mut to: Vec<u64> = (0..edges).map(|_| random() % size).collect();
            to.push((id * 7 + 1) % size);
            if random().is_multiple_of(3) {
                to.extend([id, to[0]]);
            }
            to
        })
    }

    /// A random graph of 3,000 nodes: a few are bad for seeds below 3, and more for others.
    pub(super) fn random_with_bad(seed: u64) -> Arc<Self> {
        let one_in = if seed < 3 { 700 } else { 40 };
        let bad = move |id: u64| u32::from(id > 10 && id % one_in == seed) << (id % 5);
        Self::random(seed, 3000, seed % 4 + 1).with_bad(bad)
    }

    /// A binary tree too large for any test to see the end of, and yet no danger to the machine if one does.
    pub(super) fn vast() -> Self {
        Self::new(&[0], |id| {
            if id < 1 << 23 {
                vec![2 * id + 1, 2 * id + 2]
            } else {
                vec![]
            }
        })
    }

    /// A single file of states.
    pub(super) fn line(length: u64) -> Self {
        Self::new(&[0], move |id| {
            if id + 1 < length {
                vec![id + 1]
            } else {
                vec![]
            }
        })
    }
}

impl Space for Graph {
    type State = Node;

    fn initial(&self) -> Vec<Node> {
        self.initial.iter().map(|&id| Node::new(id, 1)).collect()
    }

    fn successors(&self, state: &Node, each: &mut impl FnMut(&Node)) {
        for id in (self.next)(state.id) {
            each(&Node::new(id, state.id as u8));
        }
    }

    fn violations(&self, state: &Node) -> u32 {
        (self.bad)(state.id)
    }

    fn bound_hit(&self) -> bool {
        self.initial[0] == 77
    }
}

/// The numbers of the states on the way to what was found.
pub(super) fn ids(outcome: &Outcome<Node>) -> Vec<u64> {
    outcome.trace.iter().map(|node| node.id).collect()
}

/// What a naive exploration finds.
#[derive(Debug)]
pub(super) struct Naive {
    pub(super) unique: u64,
    pub(super) successors: u64,
    pub(super) depth: u32,
    /// Ids on the way to the violation; every choice is of the least fingerprint.
    pub(super) trace: Vec<u64>,
    pub(super) violations: u32,
}

impl Naive {
    /// How an engine ends that finds the same.
    pub(super) fn end(&self) -> End {
        match self.violations {
            0 => End::Exhausted,
            violations => End::Violated { violations },
        }
    }

    /// Panics unless an engine found the same: states, steps, depth, and the way to the violation.
    pub(super) fn assert_found(&self, found: &Outcome<Node>, by: impl Display) {
        assert_eq!(
            (found.end, ids(found)),
            (self.end(), self.trace.clone()),
            "{by}"
        );
        assert_eq!(
            (found.unique, found.successors, found.depth),
            (self.unique, self.successors, self.depth),
            "{by}"
        );
    }
}

/// Explores level by level with a map of everything; stops after the first level with a violation.
pub(super) fn naive(graph: &Graph) -> Naive {
    let print = |id: u64| fingerprint(&Node::new(id, 0));
    let mut levels: HashMap<u64, u32> = HashMap::new();
    let mut level: Vec<u64> = graph.initial.clone();
    let (mut depth, mut successors) = (0, 0);
    let (mut trace, mut violations) = (Vec::new(), 0);
    loop {
        level.retain(|&id| {
            levels
                .insert(id, depth)
                .is_none_or(|before| (levels.insert(id, before), false).1)
        });
        let worst = level
            .iter()
            .copied()
            .filter(|&id| (graph.bad)(id) != 0)
            .min_by_key(|&id| print(id));
        if let Some(worst) = worst {
            violations = (graph.bad)(worst);
            trace.push(worst);
            for above in (0..depth).rev() {
                let leads = |id: u64| (graph.next)(id).contains(&trace[trace.len() - 1]);
                let from = levels.iter().filter(|&(&id, &at)| at == above && leads(id));
                let parent = from
                    .map(|(&id, _)| id)
                    .min_by_key(|&id| print(id))
                    .expect("a parent");
                trace.push(parent);
            }
            trace.reverse();
            break;
        }
        let next: Vec<u64> = level.iter().flat_map(|&id| (graph.next)(id)).collect();
        successors += next.len() as u64;
        if next.iter().all(|id| levels.contains_key(id)) {
            break;
        }
        level = next;
        depth += 1;
    }
    Naive {
        unique: levels.len() as u64,
        successors,
        depth,
        trace,
        violations,
    }
}
