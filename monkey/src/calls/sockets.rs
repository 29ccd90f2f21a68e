//! Sockets: receiving, sending, accepting, connecting.
