//! A TCP proxy between the nodes: each ordered pair of nodes has a link, and its conditions can change at run time.
//!
//! Each node dials its peers through the links. The conditions act on bytes of TCP connections, not on packets. A lost
//! piece arrives one retransmission later and delays the bytes behind it. A cut holds all bytes until it heals. Reordering,
//! duplication and corruption happen above TCP, where only the mesh's own TLS can detect them.

mod conditions;
mod link;
mod links;

pub use conditions::LinkConditions;
pub use links::Links;
