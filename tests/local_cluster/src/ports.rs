//! Ports for nodes that are about to start.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

const FIRST: u32 = 10_000;
const COUNT: u32 = 20_000;

/// A free port below those that the system gives to outgoing connections: between this look and the node's start, one
/// of those can be taken by any connection on the machine.
///
/// # Panics
/// Never: every number in the range is a port.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Processes that run side by side begin in different places.
        let at = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(std::process::id().wrapping_mul(101));
        let port = u16::try_from(FIRST + at % COUNT).expect("the range lies within the ports");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
