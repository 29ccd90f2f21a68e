//! Pipes, terminals, eventfds and files in virtual threads.

#[path = "../team/mod.rs"]
mod team;

mod devices;
mod disks;
mod pipes;
