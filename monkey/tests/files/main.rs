//! Pipes, terminals, eventfds and files in virtual threads.

#[path = "../both/mod.rs"]
mod both;

mod devices;
mod disks;
mod pipes;
