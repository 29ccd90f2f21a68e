//! Waits for signals.
