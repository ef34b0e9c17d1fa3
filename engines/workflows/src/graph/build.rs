//! The graph of a list of steps.

use std::collections::{HashMap, HashSet};

use crate::definition::{FailureMode, Step};
use crate::tree::{Problem, Problems};

/// A way from one step to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The step that it leads to, by its place in the list.
    pub to: usize,
    /// The expression that says whether it is taken.
    pub condition: String,
}

/// Steps by their places in the list that defines them, with the ways between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    ids: Vec<String>,
    places: HashMap<String, usize>,
    successors: Vec<Vec<Edge>>,
    predecessors: Vec<Vec<usize>>,
    /// For each predecessor: which of its ways leads here.
    ways: Vec<Vec<usize>>,
    modes: Vec<FailureMode>,
    /// Those before others first.
    order: Vec<usize>,
}

impl Graph {
    /// The graph of a list.
    ///
    /// # Errors
    /// If an id comes twice, a way leads nowhere, or the ways go round in circles.
    pub fn of(steps: &[Step]) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let mut places = HashMap::with_capacity(steps.len());
        for (place, step) in steps.iter().enumerate() {
            if places.insert(step.id.clone(), place).is_some() {
                let what = format!("the id {:?} comes twice", step.id);
                problems.push(problem(format!("steps[{place}].id"), what, "give each step its own id"));
            }
        }
        let mut successors = vec![Vec::new(); steps.len()];
        let mut predecessors = vec![Vec::new(); steps.len()];
        let mut ways = vec![Vec::new(); steps.len()];
        for (place, step) in steps.iter().enumerate() {
            for (id, condition) in &step.transition.successors {
                let Some(&to) = places.get(id) else {
                    let path = format!("steps[{place}].transition.successors.{id}");
                    let fix = "name a step of the same list";
                    problems.push(problem(path, format!("there is no step {id:?} here"), fix));
                    continue;
                };
                ways[to].push(successors[place].len());
                predecessors[to].push(place);
                successors[place].push(Edge { to, condition: condition.clone() });
            }
        }
        let ids = steps.iter().map(|step| step.id.clone()).collect();
        let modes = steps.iter().map(Step::failure_mode_or_default).collect();
        let mut graph = Self { ids, places, successors, predecessors, ways, modes, order: Vec::new() };
        graph.order = graph.ordered();
        if let Some(circle) = graph.circle() {
            let names: Vec<&str> = circle.iter().map(|place| graph.id(*place)).collect();
            let path = format!("steps[{}].transition.successors", circle[0]);
            let what = format!("the ways go round in a circle: {} -> {}", names.join(" -> "), names[0]);
            problems.push(problem(path, what, "take out one of these ways, or use a while"));
        }
        if problems.is_empty() { Ok(graph) } else { Err(Problems(problems)) }
    }

    /// How many steps there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The id of the step at a place.
    ///
    /// # Panics
    /// If there is no such place.
    #[must_use]
    pub fn id(&self, place: usize) -> &str {
        &self.ids[place]
    }

    /// The place of a step.
    #[must_use]
    pub fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// The ways that lead on from a step, in the order of the definition.
    #[must_use]
    pub fn successors(&self, place: usize) -> &[Edge] {
        self.successors.get(place).map_or(&[], Vec::as_slice)
    }

    /// The steps whose ways lead to a step.
    #[must_use]
    pub fn predecessors(&self, place: usize) -> &[usize] {
        self.predecessors.get(place).map_or(&[], Vec::as_slice)
    }

    /// Steps that nothing leads to: they start first.
    #[must_use]
    pub fn roots(&self) -> Vec<usize> {
        (0..self.len()).filter(|place| self.predecessors[*place].is_empty()).collect()
    }

    /// What a step's failure does to the instance.
    #[must_use]
    pub fn mode(&self, place: usize) -> FailureMode {
        self.modes.get(place).copied().unwrap_or(FailureMode::FailAfterRunning)
    }

    /// Everything that ways from a step lead to, however far.
    #[must_use]
    pub fn descendants(&self, place: usize) -> HashSet<usize> {
        let mut found = HashSet::new();
        let mut open = vec![place];
        while let Some(at) = open.pop() {
            for edge in self.successors(at) {
                if found.insert(edge.to) {
                    open.push(edge.to);
                }
            }
        }
        found
    }

    /// For each predecessor of a step: which of its ways leads here.
    pub(super) fn ways(&self, place: usize) -> &[usize] {
        self.ways.get(place).map_or(&[], Vec::as_slice)
    }

    /// Every step, those before others first.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Only what goes round in circles is left out.
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

    /// One circle, if there is any.
    fn circle(&self) -> Option<Vec<usize>> {
        let ordered: HashSet<usize> = self.order.iter().copied().collect();
        let stuck = (0..self.len()).find(|place| !ordered.contains(place))?;
        // Each step that is stuck has a stuck one before it: going back meets one twice.
        let mut way = vec![stuck];
        loop {
            let at = way[way.len() - 1];
            let before = self.predecessors[at].iter().find(|place| !ordered.contains(place))?;
            if let Some(start) = way.iter().position(|seen| seen == before) {
                let mut circle = way.split_off(start);
                circle.reverse();
                let least = (0..circle.len()).min_by_key(|at| circle[*at]).unwrap_or(0);
                circle.rotate_left(least);
                return Some(circle);
            }
            way.push(*before);
        }
    }
}

fn problem(path: String, what: String, fix: &str) -> Problem {
    Problem { path, what, fix: fix.to_owned() }
}
