//! What is done to a cluster: drawn from a seed, and done by hands that always undo it.

mod disk;
mod fault;
mod hands;
mod load;
mod rounds;
mod scenario;
mod slow;

pub use fault::{Ailment, Build, Clock, Fault, Round, Shape, Whom};
pub use hands::Hands;
pub use rounds::Rounds;
pub use scenario::{SCENARIOS, Scenario};
