//! Between the nodes: every pair has a line of its own, whose weather can be changed while it is in use.
//!
//! Each node is told that its peers are where the lines begin. The weather acts on bytes of TCP connections, so it is not
//! that of packets: what is lost arrives one retransmission later and holds up what is behind it, a cut holds everything
//! until it heals, and what is reordered, doubled or damaged is so above TCP, where nothing but the mesh's own TLS can
//! notice.

mod line;
mod lines;
mod weather;

pub use lines::Lines;
pub use weather::Weather;
