//! A value that is no greenlet is joined.
//!
//! Cure: `?` gives the greenlet
//! Cure: `[a.any(), b.any()]`

fn main() {
    let _ = gevent::joinall([gevent::pool::Pool::new(2).spawn(|| 1)]);
    let thread = std::thread::spawn(|| ());
    let _ = gevent::joinall([&thread]);
}
