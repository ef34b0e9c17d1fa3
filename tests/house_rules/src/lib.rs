//! Rules of the house that no other tool holds: what a file may contain, which folders may import each other, how large
//! a type may grow, and which words a reader can search for.
//!
//! Each rule is a function from sources to complaints; the tests hold the repository to them.

pub mod circles;
pub mod impls;
pub mod modules;
pub mod paths;
pub mod sources;
pub mod words;
