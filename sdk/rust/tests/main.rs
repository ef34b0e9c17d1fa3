//! The client against servers that follow a script.
#![cfg(test)]

mod http;
