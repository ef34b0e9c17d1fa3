//! Loops: the iterations of a foreach, each found by its number alone, and what a while carries from one to the next.

mod foreach;
#[cfg(test)]
mod tests;
mod while_loop;

pub use foreach::{Combinations, LoopError};
pub use while_loop::{carry, first};
