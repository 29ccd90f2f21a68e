//! futex(2): what locks, channels and parks wait for.
