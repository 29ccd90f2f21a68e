//! A value that is no greenlet is joined.
//!
//! Cure: `?` gives the greenlet
//! Cure: `[a.any(), b.any()]`

fn main() {
    let _ = gevent::joinall([gevent::spawn_later(1, || 1)], None);
    let thread = std::thread::spawn(|| ());
    let _ = gevent::joinall([&thread], None);
}
