//! Deliveries in a world without nodes: definitions, histories, and the life of executions.

mod definitions;
mod deliveries;
mod executions;
mod fixtures;
mod histories;
mod stages;
mod traffic;
mod world;
