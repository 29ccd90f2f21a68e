//! Futexes by `syscall`: waits of virtual threads and of real ones at the same words.

mod calls;
mod ends;
mod raw;
