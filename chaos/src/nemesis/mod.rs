//! The nemesis: rounds of faults drawn from a seed, and the injector that applies and undoes each of them.

mod disk;
mod fault;
mod injector;
mod load;
mod rounds;
mod scenario;
mod slow;

pub use fault::{Ailment, Clock, Fault, Round, Shape, Whom};
pub use injector::Injector;
pub use rounds::Rounds;
pub use scenario::{SCENARIOS, Scenario};
