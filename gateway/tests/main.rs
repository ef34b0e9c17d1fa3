//! The edge over real HTTP on a loopback port, with entities in the same process.
#![cfg(test)]

mod http;
