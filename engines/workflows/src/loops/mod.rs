//! Loops: the iterations of a foreach by number, and the parameters that a while carries from one iteration to the
//! next.

mod foreach;
#[cfg(test)]
mod tests;
mod while_loop;

pub use foreach::{Combinations, LoopError};
pub use while_loop::{carry, first};
