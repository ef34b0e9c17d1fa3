//! The draw of a client's next call. Pure: seed and time are arguments.

use std::collections::HashMap;
use std::time::Duration;

use rand::Rng as _;
use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use crate::history::{Answer, Call};

/// How long keys are in use. A longer history of a key makes the linearizability search slower.
pub const KEYS_LIVE: Duration = Duration::from_secs(20);
/// Registers and lists in use at once.
const REGISTERS: u32 = 12;
const LISTS: u32 = 8;

/// The next call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// The key.
    pub key: String,
    /// The call.
    pub call: Call,
    /// The key to which an append is forwarded as an effect.
    pub forward: Option<String>,
}

/// One client's random source and the register values it saw.
pub struct Draw {
    client: u32,
    dice: SmallRng,
    count: u64,
    /// The last seen value of each register.
    held: HashMap<String, u64>,
}

impl Draw {
    /// The draw of the client with this number.
    #[must_use]
    pub fn new(client: u32, seed: u64) -> Self {
        let dice = SmallRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(client));
        Self { client, dice, count: 0, held: HashMap::new() }
    }

    /// The next call, `since` the run's start.
    pub fn next(&mut self, since: Duration) -> Next {
        let life = since.as_millis() / KEYS_LIVE.as_millis();
        match self.dice.random_range(0..10) {
            0..5 => self.register(life),
            5..9 => self.list(life),
            _ => {
                // Each client has its own pair of lists for forwarded appends.
                let key = format!("from-{life}-{}", self.client);
                let to = format!("to-{life}-{}", self.client);
                Next { key, call: Call::Append(self.value()), forward: Some(to) }
            }
        }
    }

    fn register(&mut self, life: u128) -> Next {
        let key = format!("register-{life}-{}", self.dice.random_range(0..REGISTERS));
        let call = match self.dice.random_range(0..3) {
            0 => Call::Get,
            1 => Call::Put(self.value()),
            _ => Call::Cas { old: self.held.get(&key).copied().unwrap_or(0), new: self.value() },
        };
        Next { key, call, forward: None }
    }

    fn list(&mut self, life: u128) -> Next {
        let key = format!("list-{life}-{}", self.dice.random_range(0..LISTS));
        let call = if self.dice.random_bool(0.5) { Call::Read } else { Call::Append(self.value()) };
        Next { key, call, forward: None }
    }

    /// Keeps the value of a register; old keys are dropped.
    pub fn saw(&mut self, key: &str, answer: &Answer) {
        if let Answer::Register { value, .. } = answer {
            if self.held.len() > 4 * REGISTERS as usize {
                self.held.clear();
            }
            self.held.insert(key.to_owned(), *value);
        }
    }

    /// A random number of a range, for other draws of the client.
    pub fn pick(&mut self, range: std::ops::Range<u64>) -> u64 {
        self.dice.random_range(range)
    }

    /// A value that no client draws twice.
    fn value(&mut self) -> u64 {
        self.count += 1;
        (u64::from(self.client) + 1) << 32 | self.count
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn calls(client: u32, seed: u64) -> Vec<Next> {
        let mut draw = Draw::new(client, seed);
        (0..500).map(|at| draw.next(Duration::from_millis(at * 100))).collect()
    }

    #[test]
    fn a_seed_draws_the_same_calls_again_and_no_value_is_drawn_twice() {
        assert_eq!(calls(3, 7), calls(3, 7));
        assert_ne!(calls(3, 7), calls(3, 8));
        let all: Vec<u64> =
            (0..4).flat_map(|client| calls(client, 7)).filter_map(|next| next.call.written()).collect();
        assert!(all.len() > 500, "{}", all.len());
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    #[test]
    fn a_key_is_a_register_or_a_list_and_a_swap_expects_what_was_seen() {
        for next in calls(1, 7) {
            assert_eq!(next.key.starts_with("register"), !next.call.of_list(), "{next:?}");
        }
        let mut draw = Draw::new(1, 7);
        for slot in 0..REGISTERS {
            draw.saw(
                &format!("register-0-{slot}"),
                &Answer::Register { value: 99, version: 1, swapped: true },
            );
        }
        let swap = (0..100).map(|_| draw.next(Duration::ZERO).call).find_map(|call| match call {
            Call::Cas { old, .. } => Some(old),
            _ => None,
        });
        assert_eq!(swap, Some(99));
    }
}
