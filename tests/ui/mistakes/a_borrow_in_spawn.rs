//! A greenlet borrows a local variable.
//!
//! Cure: use the `move` keyword
//! Cure: to borrow, spawn in a `gevent::scope`

fn main() {
    let names = vec![String::from("a")];
    gevent::spawn(|| println!("{names:?}"));
    let first = &names[0];
    gevent::spawn(move || println!("{first}"));
}
