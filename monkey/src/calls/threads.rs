//! Threads that are made, joined, and give way.
