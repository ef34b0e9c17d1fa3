//! Several nodes in one process, over the in-memory transport and disks in memory that survive their nodes.

mod deaths;
mod deliveries;
mod durability;
mod effects;
mod entities;
mod failover;
mod metadata;
mod placement;
mod rebuild;
mod timers;
mod toy;
mod workflows;
mod world;
