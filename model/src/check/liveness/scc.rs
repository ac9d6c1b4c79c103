//! Strongly connected components of a part of a graph, without recursion (Tarjan).

use super::graph::Node;

const UNSEEN: u32 = u32::MAX;

/// Room for the search, used again for every part.
pub(super) struct Search {
    /// When a node was first seen.
    seen: Vec<u32>,
    /// The earliest node on the stack that it leads back to.
    low: Vec<u32>,
    on_stack: Vec<bool>,
}

impl Search {
    /// At most so many a node: three numbers here, and a place on both stacks.
    pub(super) const BYTES: usize = 9 + size_of::<Node>() + size_of::<(Node, usize)>();

    pub(super) fn new(nodes: usize) -> Self {
        Search {
            seen: vec![UNSEEN; nodes],
            low: vec![0; nodes],
            on_stack: vec![false; nodes],
        }
    }

    /// Hands out every component of the part that `members` span, each node once. `next` gives the `n`-th node that one
    /// leads to within the part: `None` when there are no more, `Some(None)` for a step that leads out of it.
    pub(super) fn components(
        &mut self,
        members: &[Node],
        next: impl Fn(Node, usize) -> Option<Option<Node>>,
        mut each: impl FnMut(&[Node]),
    ) {
        for &n in members {
            self.seen[n as usize] = UNSEEN;
        }
        let mut count = 0;
        let mut stack: Vec<Node> = Vec::new();
        // Nodes being looked at, each with its next step.
        let mut path: Vec<(Node, usize)> = Vec::new();
        for &root in members {
            if self.seen[root as usize] != UNSEEN {
                continue;
            }
            self.enter(root, &mut count, &mut stack);
            path.push((root, 0));
            while let Some((n, step)) = path.last_mut() {
                let here = *n as usize;
                match next(*n, *step) {
                    Some(to) => {
                        *step += 1;
                        let Some(to) = to else { continue };
                        if self.seen[to as usize] == UNSEEN {
                            self.enter(to, &mut count, &mut stack);
                            path.push((to, 0));
                        } else if self.on_stack[to as usize] {
                            self.low[here] = self.low[here].min(self.seen[to as usize]);
                        }
                    }
                    None => {
                        path.pop();
                        if let Some((above, _)) = path.last() {
                            let above = *above as usize;
                            self.low[above] = self.low[above].min(self.low[here]);
                        }
                        if self.low[here] == self.seen[here] {
                            let from = stack
                                .iter()
                                .rposition(|m| *m as usize == here)
                                .unwrap_or_default();
                            for m in &stack[from..] {
                                self.on_stack[*m as usize] = false;
                            }
                            each(&stack[from..]);
                            stack.truncate(from);
                        }
                    }
                }
            }
        }
    }

    fn enter(&mut self, n: Node, count: &mut u32, stack: &mut Vec<Node>) {
        self.seen[n as usize] = *count;
        self.low[n as usize] = *count;
        *count += 1;
        self.on_stack[n as usize] = true;
        stack.push(n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use petgraph::algo::kosaraju_scc;
    use petgraph::graph::DiGraph;

    /// Random graphs: the same components as petgraph's.
    #[test]
    fn the_same_components_as_petgraph_finds() {
        let mut x = 1_u64;
        let mut random = |below: u32| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (x >> 33) as u32 % below
        };
        let mut several = 0;
        for nodes in 1..60_u32 {
            let steps: Vec<(u32, u32)> = (0..nodes + nodes / 3)
                .map(|_| (random(nodes), random(nodes)))
                .collect();
            let out =
                |n: u32| -> Vec<u32> { steps.iter().filter(|s| s.0 == n).map(|s| s.1).collect() };
            let members: Vec<u32> = (0..nodes).collect();
            let mut ours: Vec<Vec<u32>> = Vec::new();
            Search::new(nodes as usize).components(
                &members,
                |n, step| out(n).get(step).map(|to| Some(*to)),
                |c| ours.push(sorted(c)),
            );
            let mut g = DiGraph::<(), ()>::new();
            let named: Vec<_> = (0..nodes).map(|_| g.add_node(())).collect();
            for (a, b) in &steps {
                g.add_edge(named[*a as usize], named[*b as usize], ());
            }
            let mut theirs: Vec<Vec<u32>> = kosaraju_scc(&g)
                .iter()
                .map(|c| sorted(&c.iter().map(|n| n.index() as u32).collect::<Vec<_>>()))
                .collect();
            ours.sort();
            theirs.sort();
            assert_eq!(ours, theirs);
            several += usize::from(ours.iter().any(|c| c.len() > 2) && ours.len() > 2);
        }
        assert!(several > 10, "the graphs are too simple: {several}");
    }

    fn sorted(c: &[u32]) -> Vec<u32> {
        let mut c = c.to_vec();
        c.sort_unstable();
        c
    }
}
