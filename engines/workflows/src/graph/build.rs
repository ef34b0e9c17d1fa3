//! The graph of a list of steps.

use std::collections::{HashMap, HashSet};

use crate::definition::{FailureMode, Step};
use crate::tree::{Problem, Problems};

/// An edge from one step to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The index of its target step.
    pub to: usize,
    /// The condition for taking it.
    pub condition: String,
}

/// The steps of a list by index, with the edges between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    ids: Vec<String>,
    indices: HashMap<String, usize>,
    successors: Vec<Vec<Edge>>,
    predecessors: Vec<Vec<usize>>,
    /// For each predecessor: the number of its edge that leads here.
    incoming: Vec<Vec<usize>>,
    modes: Vec<FailureMode>,
    /// Topological order.
    order: Vec<usize>,
}

impl Graph {
    /// The graph of a list.
    ///
    /// # Errors
    /// If an id repeats, an edge has no target, or the edges form a cycle.
    pub fn of(steps: &[Step]) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let mut indices = HashMap::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            if indices.insert(step.id.clone(), index).is_some() {
                let what = format!("the id {:?} comes twice", step.id);
                problems.push(problem(format!("steps[{index}].id"), what, "give each step its own id"));
            }
        }
        let mut successors = vec![Vec::new(); steps.len()];
        let mut predecessors = vec![Vec::new(); steps.len()];
        let mut incoming = vec![Vec::new(); steps.len()];
        for (index, step) in steps.iter().enumerate() {
            for (id, condition) in &step.transition.successors {
                let Some(&to) = indices.get(id) else {
                    let path = format!("steps[{index}].transition.successors.{id}");
                    let fix = "name a step of the same list";
                    problems.push(problem(path, format!("step {id:?} does not exist here"), fix));
                    continue;
                };
                incoming[to].push(successors[index].len());
                predecessors[to].push(index);
                successors[index].push(Edge { to, condition: condition.clone() });
            }
        }
        let ids = steps.iter().map(|step| step.id.clone()).collect();
        let modes = steps.iter().map(Step::failure_mode_or_default).collect();
        let mut graph = Self { ids, indices, successors, predecessors, incoming, modes, order: Vec::new() };
        graph.order = graph.ordered();
        if let Some(cycle) = graph.cycle() {
            let names: Vec<&str> = cycle.iter().map(|index| graph.id(*index)).collect();
            let path = format!("steps[{}].transition.successors", cycle[0]);
            let what = format!("the edges form a cycle: {} -> {}", names.join(" -> "), names[0]);
            problems.push(problem(path, what, "remove one of these edges, or use a while"));
        }
        if problems.is_empty() { Ok(graph) } else { Err(Problems(problems)) }
    }

    /// The count of steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The id of a step.
    ///
    /// # Panics
    /// If the index is out of range.
    #[must_use]
    pub fn id(&self, index: usize) -> &str {
        &self.ids[index]
    }

    /// The index of a step by its id.
    #[must_use]
    pub fn index_of(&self, id: &str) -> Option<usize> {
        self.indices.get(id).copied()
    }

    /// The outgoing edges of a step, in the order of the definition.
    #[must_use]
    pub fn successors(&self, index: usize) -> &[Edge] {
        self.successors.get(index).map_or(&[], Vec::as_slice)
    }

    /// The steps with an edge to a step.
    #[must_use]
    pub fn predecessors(&self, index: usize) -> &[usize] {
        self.predecessors.get(index).map_or(&[], Vec::as_slice)
    }

    /// Steps without predecessors: they start first.
    #[must_use]
    pub fn roots(&self) -> Vec<usize> {
        (0..self.len()).filter(|index| self.predecessors[*index].is_empty()).collect()
    }

    /// The failure mode of a step.
    #[must_use]
    pub fn mode(&self, index: usize) -> FailureMode {
        self.modes.get(index).copied().unwrap_or(FailureMode::FailAfterRunning)
    }

    /// All steps that are reachable from a step.
    #[must_use]
    pub fn descendants(&self, index: usize) -> HashSet<usize> {
        let mut found = HashSet::new();
        let mut open = vec![index];
        while let Some(at) = open.pop() {
            for edge in self.successors(at) {
                if found.insert(edge.to) {
                    open.push(edge.to);
                }
            }
        }
        found
    }

    /// For each predecessor of a step: the number of its edge that leads here.
    pub(super) fn incoming(&self, index: usize) -> &[usize] {
        self.incoming.get(index).map_or(&[], Vec::as_slice)
    }

    /// All steps in topological order.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The topological order; steps on or behind a cycle are left out.
    fn ordered(&self) -> Vec<usize> {
        let mut waits: Vec<usize> = self.predecessors.iter().map(Vec::len).collect();
        let mut order = self.roots();
        let mut at = 0;
        while at < order.len() {
            for edge in &self.successors[order[at]] {
                waits[edge.to] -= 1;
                if waits[edge.to] == 0 {
                    order.push(edge.to);
                }
            }
            at += 1;
        }
        order
    }

    /// One cycle, if the graph has any.
    fn cycle(&self) -> Option<Vec<usize>> {
        let ordered: HashSet<usize> = self.order.iter().copied().collect();
        let stuck = (0..self.len()).find(|index| !ordered.contains(index))?;
        // Each unordered step has an unordered predecessor, so walking back reaches one twice.
        let mut way = vec![stuck];
        loop {
            let at = way[way.len() - 1];
            let before = self.predecessors[at].iter().find(|index| !ordered.contains(index))?;
            if let Some(start) = way.iter().position(|seen| seen == before) {
                let mut cycle = way.split_off(start);
                cycle.reverse();
                let least = (0..cycle.len()).min_by_key(|at| cycle[*at]).unwrap_or(0);
                cycle.rotate_left(least);
                return Some(cycle);
            }
            way.push(*before);
        }
    }
}

fn problem(path: String, what: String, fix: &str) -> Problem {
    Problem { path, what, fix: fix.to_owned() }
}
