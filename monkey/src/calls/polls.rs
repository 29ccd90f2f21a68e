//! Waits for several descriptors: poll(2) and select(2).
