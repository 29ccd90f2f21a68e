//! Reads and writes of pipes, terminals, and other descriptors.
