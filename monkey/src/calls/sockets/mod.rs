//! Sockets: receiving, sending, accepting, connecting.
//!
//! Receiving and sending is tried with `MSG_DONTWAIT`.

mod accept;
mod connect;
pub(super) mod receive;
pub(super) mod send;
