//! Locks and channels of std, parking_lot and crossbeam-channel: between virtual threads of one carrier, of three
//! carriers, and between those and real threads.

mod both;
mod stds;
mod strangers;
mod stress;
mod team;
