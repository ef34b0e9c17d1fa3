//! The order of the faults. Pure: the same seed draws the same rounds.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::fault::{Ailment, Clock, Fault, Round, Shape, Whom};
use super::scenario::Scenario;
use crate::cluster::Build;
use crate::proxy::LinkConditions;

const SECOND: Duration = Duration::from_secs(1);

/// An endless sequence of rounds: each kind of fault once in a random order, then all again.
pub struct Rounds {
    scenario: Scenario,
    nodes: usize,
    /// Whether the nodes start with the previous build.
    previous: bool,
    dice: SmallRng,
    deck: Vec<Round>,
}

impl Rounds {
    /// Rounds of `scenario` for `nodes` nodes, drawn from `seed`.
    #[must_use]
    pub fn new(scenario: Scenario, seed: u64, nodes: usize) -> Self {
        Self { scenario, nodes, previous: false, dice: SmallRng::seed_from_u64(seed), deck: Vec::new() }
    }

    /// With the previous build at the start, a rolling restart is an upgrade and then a downgrade.
    #[must_use]
    pub fn with_previous(self, previous: bool) -> Self {
        Self { previous, ..self }
    }

    fn node(&mut self) -> usize {
        self.dice.random_range(0..self.nodes)
    }

    fn shuffled(&mut self) -> Vec<Round> {
        let mut deck = self.deal(self.scenario);
        if self.scenario == Scenario::ROLL && self.previous {
            // Only one order makes sense: upgrade, then downgrade. The deck is popped from its end.
            deck = [Build::Previous, Build::This].map(|build| round(Fault::RollTo(build), 2)).into();
            return deck;
        }
        deck.shuffle(&mut self.dice);
        deck
    }

    fn deal(&mut self, scenario: Scenario) -> Vec<Round> {
        match scenario {
            Scenario::KILL => self.kills(),
            Scenario::FREEZE => self.freezes(),
            Scenario::PARTITION => self.partitions(),
            Scenario::ODD_CUTS => self.odd_cuts(),
            Scenario::LINKS => link_conditions(),
            Scenario::CLOCK => self.clocks(),
            Scenario::DISK => self.disks(),
            Scenario::ROLL => vec![Round { fault: Fault::Roll, hold: Duration::ZERO }],
            Scenario::HEADLESS => vec![round(Fault::Headless, 60)],
            Scenario::CERTIFICATES => vec![Round { fault: Fault::Certificates, hold: 8 * SECOND }],
            Scenario::CHURN => {
                let first = self.node();
                (0..self.nodes)
                    .map(|at| Round { fault: Fault::Churn((first + at) % self.nodes), hold: SECOND })
                    .collect()
            }
            Scenario::LOAD => {
                [Fault::Overload, Fault::HotKey, Fault::SlowConsumers].map(|fault| round(fault, 8)).into()
            }
            _ => {
                let mut all = self.kills();
                for scenario in [Scenario::PARTITION, Scenario::ODD_CUTS, Scenario::LINKS, Scenario::CLOCK] {
                    all.extend(self.deal(scenario));
                }
                all.extend([Whom::Busiest, Whom::One(self.node())].map(|whom| round(Fault::Freeze(whom), 5)));
                all.push(Round { fault: Fault::Roll, hold: Duration::ZERO });
                all
            }
        }
    }

    fn kills(&mut self) -> Vec<Round> {
        [Whom::One(self.node()), Whom::ControlLeader, Whom::Busiest, Whom::Majority, Whom::All]
            .map(|whom| Round {
                fault: Fault::Kill(whom),
                hold: SECOND.mul_f64(self.dice.random_range(1.0..4.0)),
            })
            .into()
    }

    fn freezes(&mut self) -> Vec<Round> {
        let one = self.node();
        vec![
            round(Fault::Freeze(Whom::Busiest), 5),
            round(Fault::Freeze(Whom::One(one)), 5),
            round(Fault::Freeze(Whom::ControlLeader), 5),
            round(Fault::Freeze(Whom::Busiest), 30),
            round(Fault::Freeze(Whom::Majority), 5),
        ]
    }

    fn partitions(&mut self) -> Vec<Round> {
        let mut shapes = vec![Shape::Alone(self.node()), Shape::Alone(self.node()), Shape::Apart];
        if self.nodes > 3 {
            shapes.push(Shape::Split(self.nodes / 2));
        }
        shapes.into_iter().map(|shape| round(Fault::Cut(shape), self.dice.random_range(4..9))).collect()
    }

    fn odd_cuts(&mut self) -> Vec<Round> {
        let (mute, deaf, one) = (self.node(), self.node(), self.node());
        let other = (one + self.dice.random_range(1..self.nodes.max(2))) % self.nodes;
        [Shape::Mute(mute), Shape::Deaf(deaf), Shape::Strangers(one, other)]
            .map(|shape| round(Fault::Cut(shape), self.dice.random_range(4..9)))
            .into()
    }

    fn clocks(&mut self) -> Vec<Round> {
        let minutes = |minutes: i64| minutes * 60_000;
        [Clock::Jump(minutes(10)), Clock::Jump(minutes(-10)), Clock::Drift(500), Clock::Strobe(minutes(10))]
            .map(|clock| round(Fault::Clock(self.node(), clock), 5))
            .into()
    }

    fn disks(&mut self) -> Vec<Round> {
        [Ailment::Full, Ailment::SyncFails, Ailment::SyncSlow(100), Ailment::BitFlips(8)]
            .map(|ailment| round(Fault::Disk(self.node(), ailment), 5))
            .into()
    }
}

impl Iterator for Rounds {
    type Item = Round;

    fn next(&mut self) -> Option<Round> {
        if self.deck.is_empty() {
            self.deck = self.shuffled();
        }
        self.deck.pop()
    }
}

fn round(fault: Fault, seconds: u32) -> Round {
    Round { fault, hold: SECOND * seconds }
}

fn link_conditions() -> Vec<Round> {
    let calm = LinkConditions::default();
    let ms = Duration::from_millis;
    [
        LinkConditions { loss: 0.01, ..calm },
        LinkConditions { loss: 0.1, ..calm },
        LinkConditions { loss: 0.3, ..calm },
        LinkConditions { delay: ms(50), jitter: ms(50), ..calm },
        LinkConditions { reorder: 0.005, ..calm },
        LinkConditions { duplicate: 0.005, ..calm },
        LinkConditions { corrupt: 0.005, ..calm },
    ]
    .map(|conditions| round(Fault::Link(conditions), 6))
    .into()
}

#[cfg(test)]
mod tests {
    use super::super::scenario::SCENARIOS;
    use super::*;

    #[test]
    fn a_seed_draws_the_same_rounds_again_and_another_one_others() {
        for (scenario, _) in SCENARIOS {
            let draw = |seed| Rounds::new(scenario, seed, 3).take(40).collect::<Vec<Round>>();
            assert_eq!(draw(1), draw(1), "{scenario}");
            let differ = (2..10).any(|seed| draw(1) != draw(seed));
            assert!(
                differ || [Scenario::ROLL, Scenario::CERTIFICATES, Scenario::HEADLESS].contains(&scenario),
                "{scenario}"
            );
        }
    }

    #[test]
    fn with_a_build_before_this_one_a_rolling_restart_goes_there_and_back() {
        let drawn = Rounds::new(Scenario::ROLL, 1, 3).with_previous(true).map(|round| round.fault);
        let to = |build| Fault::RollTo(build);
        assert_eq!(
            drawn.take(3).collect::<Vec<_>>(),
            [to(Build::This), to(Build::Previous), to(Build::This)]
        );
    }

    #[test]
    fn every_kind_of_fault_comes_before_any_comes_again() {
        for seed in 0..20 {
            let first: Vec<Fault> =
                Rounds::new(Scenario::KILL, seed, 3).take(5).map(|round| round.fault).collect();
            for whom in [Whom::ControlLeader, Whom::Busiest, Whom::Majority, Whom::All] {
                assert!(first.contains(&Fault::Kill(whom)), "{seed}: {first:?}");
            }
            for round in Rounds::new(Scenario::ODD_CUTS, seed, 3).take(30) {
                let Fault::Cut(shape) = round.fault else { panic!("{round:?}") };
                assert!(!shape.cuts(3).is_empty(), "{seed}: {shape:?}");
            }
        }
    }
}
