//! Panics of entities: counted by their kind's policy, within bounded memory.

use std::collections::HashMap;

use crate::address::Address;
use crate::entity::FaultPolicy;
use crate::replication::Mono;
use crate::time::micros;

/// Entities with remembered faults at once; the least recently faulted are forgotten first.
const REMEMBERED_MAX: usize = 1_024;

/// Faults of the shard's entities, as this replica saw them.
#[derive(Debug, Default)]
pub(super) struct Faults {
    by_entity: HashMap<Address, Vec<Mono>>,
    pub(super) total: u64,
}

impl Faults {
    /// Counts a fault; true if it puts the entity into quarantine.
    pub(super) fn count(&mut self, of: &Address, policy: FaultPolicy, now: Mono) -> bool {
        self.total += 1;
        if self.by_entity.len() >= REMEMBERED_MAX
            && !self.by_entity.contains_key(of)
            && let Some(oldest) =
                self.by_entity.iter().min_by_key(|(_, times)| times.last()).map(|(at, _)| at.clone())
        {
            self.by_entity.remove(&oldest);
        }
        let times = self.by_entity.entry(of.clone()).or_default();
        times.push(now);
        retain_period(times, policy, now);
        times.len() >= policy.faults_max as usize
    }

    /// Forgets an entity's faults, which ends its quarantine.
    pub(super) fn forgive(&mut self, of: &Address) {
        self.by_entity.remove(of);
    }

    /// Faults within the policy's period, and whether the entity is quarantined.
    pub(super) fn state(&self, of: &Address, policy: FaultPolicy, now: Mono) -> (u32, bool) {
        if self.by_entity.is_empty() {
            return (0, false);
        }
        let Some(times) = self.by_entity.get(of) else { return (0, false) };
        let period = period_of(policy);
        let count = times.iter().filter(|at| now.saturating_sub(**at) < period).count();
        (u32::try_from(count).unwrap_or(u32::MAX), count >= policy.faults_max as usize)
    }
}

fn retain_period(times: &mut Vec<Mono>, policy: FaultPolicy, now: Mono) {
    let period = period_of(policy);
    times.retain(|at| now.saturating_sub(*at) < period);
    if times.len() > policy.faults_max as usize {
        times.remove(0);
    }
}

fn period_of(policy: FaultPolicy) -> Mono {
    micros(policy.period)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_entity_is_quarantined_after_too_many_faults_in_a_period_and_released_after_it() {
        let policy = FaultPolicy { faults_max: 3, period: Duration::from_secs(10) };
        let of = Address { kind: "k".into(), key: "a".into() };
        let mut faults = Faults::default();
        let second = 1_000_000;
        assert!(!faults.count(&of, policy, 0));
        assert!(!faults.count(&of, policy, 11 * second), "the first has aged out");
        assert!(!faults.count(&of, policy, 12 * second));
        assert!(faults.count(&of, policy, 13 * second));
        assert_eq!(faults.state(&of, policy, 14 * second), (3, true));
        assert_eq!(faults.state(&of, policy, 30 * second), (0, false));
    }

    #[test]
    fn memory_of_faults_is_bounded() {
        let mut faults = Faults::default();
        for n in 0..2 * REMEMBERED_MAX as u64 {
            faults.count(&Address { kind: "k".into(), key: n.to_string() }, FaultPolicy::default(), n);
        }
        assert_eq!(faults.by_entity.len(), REMEMBERED_MAX);
    }
}
