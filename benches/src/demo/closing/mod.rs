//! The loop closed: the taste of members shifts, and what follows is the cluster's own doing. A monitor's alarm starts a
//! workflow, what it trained starts a canary, and the judge decides which version answers.

mod acts;
mod crowd;
mod recorded;
mod watching;
mod wiring;

pub(crate) use acts::Closing;
