//! In a signal handler, nobody parks.
