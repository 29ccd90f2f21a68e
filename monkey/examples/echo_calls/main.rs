//! An echo server and its clients, in a program that does not have the patches: the test `system_calls` compares what
//! it asks the system for.

mod work;

fn main() {
    work::work(|| {});
}
