//! The graph of all states and of every step, those that change nothing included.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::Ordering;

use super::scc::Search;
use super::{Demand, Fair, LivenessError, Mark};
use crate::check::{Limits, Progress};
use crate::space::fingerprint;

/// A node: its place in breadth-first order.
pub(super) type Node = u32;

/// Bytes a state in a map from fingerprints to nodes.
const KNOWN: usize = size_of::<(u64, Node)>() + 1;

/// One step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) to: Node,
    /// Its place in [`Graph::labels`].
    pub(super) label: u32,
}

/// What a step does for fairness: places in [`Graph::demands`].
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(super) struct Label {
    pub(super) grants: Option<u16>,
    pub(super) asks: Box<[u16]>,
}

/// All of it, or what is known of it so far. A node that marks an end has no edges.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// Where the edges of each node begin; one more than there are nodes.
    starts: Vec<u64>,
    edges: Vec<Edge>,
    pub(super) labels: Vec<Label>,
    pub(super) demands: Vec<Demand>,
    pub(super) marks: Vec<Mark>,
    /// The node that each was found from; itself for those to begin with.
    pub(super) parents: Vec<Node>,
    pub(super) prints: Vec<u64>,
    /// The most bytes that building it took, what is known of states and those that wait included.
    built_in: usize,
}

/// A graph while it grows, breadth first.
pub(super) struct Builder<'a, S: Fair> {
    space: &'a S,
    limits: &'a Limits,
    pub(super) g: Graph,
    books: Books<S::State>,
}

/// What is needed to find nodes, labels and demands again, and who waits to be expanded.
struct Books<S> {
    known: Known,
    labels: HashMap<Label, u32>,
    demands: HashMap<Demand, u16>,
    waiting: VecDeque<S>,
}

impl<'a, S: Fair> Builder<'a, S> {
    pub(super) fn new(space: &'a S, limits: &'a Limits) -> Result<Self, LivenessError> {
        let mut builder = Builder {
            space,
            limits,
            g: Graph {
                starts: vec![0],
                ..Graph::default()
            },
            books: Books {
                known: Known::default(),
                labels: HashMap::new(),
                demands: HashMap::new(),
                waiting: VecDeque::new(),
            },
        };
        for s in space.initial() {
            let n = builder.g.marks.len() as Node;
            builder.g.find(space, &s, n, &mut builder.books)?;
        }
        if builder.g.marks.is_empty() {
            return Err(LivenessError::NoInitialState);
        }
        Ok(builder)
    }

    /// Expands nodes until there are none to expand, or `enough` are. Says whether there are none.
    pub(super) fn grow(
        &mut self,
        enough: usize,
        progress: &dyn Fn(&Progress),
    ) -> Result<bool, LivenessError> {
        let Builder {
            space,
            limits,
            g,
            books,
        } = self;
        while g.expanded() < enough {
            let Some(s) = books.waiting.pop_front() else {
                break;
            };
            let here = g.expanded() as Node;
            if !g.marks[here as usize].is_end() {
                let mut full = None;
                space.every_step(&s, &mut |taken, next| {
                    if full.is_some() {
                        return;
                    }
                    match g.edge(*space, taken, next, here, books) {
                        Ok(e) => g.push(e),
                        Err(e) => full = Some(e),
                    }
                });
                if let Some(e) = full {
                    return Err(e);
                }
            }
            g.starts.push(g.edges.len() as u64);
            if g.expanded().is_multiple_of(1024) {
                if limits.stop.load(Ordering::Relaxed) {
                    return Err(LivenessError::Interrupted);
                }
                g.note_bytes(books);
                let bytes = g.most_bytes();
                progress(&Progress {
                    unique: g.marks.len() as u64,
                    successors: g.edges.len() as u64,
                    frontier: books.waiting.len() as u64,
                    memory: bytes as u64,
                    ..Progress::default()
                });
                if bytes as u64 > limits.memory {
                    return Err(LivenessError::MemoryLimit(g.marks.len() as u64));
                }
            }
        }
        g.note_bytes(books);
        let whole = books.waiting.is_empty();
        if whole {
            g.shrink();
        }
        Ok(whole)
    }
}

impl Graph {
    fn push(&mut self, e: Edge) {
        if self.edges.len() == self.edges.capacity() {
            // By a quarter, not to twice: it is what takes most room.
            self.edges.reserve_exact(self.edges.len() / 4 + 1024);
        }
        self.edges.push(e);
    }

    /// It grows no more.
    fn shrink(&mut self) {
        self.starts.shrink_to_fit();
        self.edges.shrink_to_fit();
        self.marks.shrink_to_fit();
        self.parents.shrink_to_fit();
        self.prints.shrink_to_fit();
    }

    fn note_bytes<S>(&mut self, books: &Books<S>) {
        let waiting = books.waiting.capacity() * size_of::<S>();
        let now = self.bytes() + books.known.capacity() * KNOWN + waiting;
        self.built_in = self.built_in.max(now);
    }

    fn edge<S: Fair>(
        &mut self,
        space: &S,
        taken: super::Taken<'_>,
        next: &S::State,
        from: Node,
        books: &mut Books<S::State>,
    ) -> Result<Edge, LivenessError> {
        let to = self.find(space, next, from, books)?;
        let all = &mut self.demands;
        let mut number = |d: Demand| -> Result<u16, LivenessError> {
            if let Some(&n) = books.demands.get(&d) {
                return Ok(n);
            }
            let n = u16::try_from(all.len()).map_err(|_| LivenessError::TooManyDemands)?;
            all.push(d);
            books.demands.insert(d, n);
            Ok(n)
        };
        let grants = taken.grants.map(&mut number).transpose()?;
        let asks: Result<Vec<u16>, _> = taken.asks.iter().map(|&d| number(d)).collect();
        let mut asks = asks?;
        asks.sort_unstable();
        asks.dedup();
        let label = Label {
            grants,
            asks: asks.into(),
        };
        let label = match books.labels.get(&label) {
            Some(&n) => n,
            None => {
                let n = self.labels.len() as u32;
                self.labels.push(label.clone());
                books.labels.insert(label, n);
                n
            }
        };
        Ok(Edge { to, label })
    }

    /// The node of a state, which is new or not.
    fn find<S: Fair>(
        &mut self,
        space: &S,
        s: &S::State,
        from: Node,
        books: &mut Books<S::State>,
    ) -> Result<Node, LivenessError> {
        let print = fingerprint(s);
        let new = Node::try_from(self.marks.len()).map_err(|_| LivenessError::TooLarge)?;
        let node = *books.known.entry(print).or_insert(new);
        if node == new {
            self.marks.push(space.mark(s));
            self.parents.push(from);
            self.prints.push(print);
            books.waiting.push_back(*s);
        }
        Ok(node)
    }

    /// Nodes whose edges are there: the first so many.
    pub(super) fn expanded(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn len(&self) -> usize {
        self.marks.len()
    }

    pub(super) fn transitions(&self) -> u64 {
        self.edges.len() as u64
    }

    pub(super) fn edges(&self, n: Node) -> &[Edge] {
        match self.starts.get(n as usize..n as usize + 2) {
            Some(&[from, to]) => &self.edges[from as usize..to as usize],
            _ => &[],
        }
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.starts.capacity() * size_of::<u64>()
            + self.edges.capacity() * size_of::<Edge>()
            + self.marks.capacity() * size_of::<Mark>()
            + self.parents.capacity() * size_of::<Node>()
            + self.prints.capacity() * size_of::<u64>()
    }

    /// The most bytes that building it and deciding on it took.
    pub(super) fn most_bytes(&self) -> usize {
        self.built_in.max(self.bytes_to_decide())
    }

    /// Bytes that it takes with all that deciding on it takes.
    pub(super) fn bytes_to_decide(&self) -> usize {
        let (nodes, edges) = (self.len(), self.edges.len());
        // Who leads to a node: an edge backwards, where they begin, and what is reached.
        let backwards =
            edges * size_of::<Node>() + nodes * (2 * size_of::<u64>() + 2 + size_of::<Node>());
        let parts = nodes * (Search::BYTES + 3 * size_of::<Node>());
        self.bytes() + backwards.max(parts)
    }

    /// From which nodes one that is `wanted` can be reached, or one of which nothing is known yet.
    pub(super) fn can_reach(&self, wanted: impl Fn(Mark) -> bool) -> Vec<bool> {
        // Who leads to whom, backwards, in the same layout.
        let mut starts = vec![0_u64; self.len() + 1];
        for e in &self.edges {
            starts[e.to as usize + 1] += 1;
        }
        for n in 0..self.len() {
            starts[n + 1] += starts[n];
        }
        let mut next = starts.clone();
        let mut from = vec![0 as Node; self.edges.len()];
        for n in 0..self.len() as Node {
            for e in self.edges(n) {
                let place = &mut next[e.to as usize];
                from[*place as usize] = n;
                *place += 1;
            }
        }
        let is_known = |n: usize| n < self.expanded();
        let mut can: Vec<bool> = (0..self.len())
            .map(|n| wanted(self.marks[n]) || !is_known(n))
            .collect();
        let mut todo: Vec<Node> = (0..self.len() as Node)
            .filter(|n| can[*n as usize])
            .collect();
        while let Some(n) = todo.pop() {
            let n = n as usize;
            for &m in &from[starts[n] as usize..starts[n + 1] as usize] {
                if !std::mem::replace(&mut can[m as usize], true) {
                    todo.push(m);
                }
            }
        }
        can
    }
}

type Known = HashMap<u64, Node, BuildHasherDefault<AsItIs>>;

/// Fingerprints are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}
