//! Waits for processes.
