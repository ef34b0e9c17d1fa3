//! The linearizability check of histories, and the findings where a history is not linearizable.
//!
//! A key's history is linearizable if its calls have an order that agrees with every answer and with real time. The search
//! is Wing and Gong's with Lowe's cache of visited configurations ("Testing for linearizability", 2017), as in Porcupine.
//! Keys are independent, so each is searched alone. A call with an unknown outcome stays open until the end of the
//! history. A query without an answer is left out, because it constrains no order.
//!
//! The checker does no IO. It returns [`Verdict::Undecided`] when its step budget is spent.

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
