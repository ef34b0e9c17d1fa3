//! Judges histories: whether each key's calls can be put in an order that every answer agrees with and that never turns
//! back time (linearizability), and what is wrong where they cannot.
//!
//! The search is that of Wing and Gong with Lowe's memory of configurations seen ("Testing for linearizability", 2017),
//! as in Porcupine. Keys are independent, so each is searched alone. A call whose outcome is not known is open until the
//! end of time; one that nobody saw the value of is left out, because any order with it is an order without it.
//!
//! It never does IO, and says [`Verdict::Undecided`] rather than yes when its budget is spent.

mod findings;
mod list;
mod register;
mod search;
#[cfg(test)]
mod tests;

pub use findings::{Findings, Violation, examine};
pub use list::List;
pub use register::Register;
pub use search::{Model, Verdict, linearizable};
