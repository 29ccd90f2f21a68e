//! The lookup of names in virtual threads.

use std::net::ToSocketAddrs;

use gevent_threading::spawn;

#[test]
fn names_are_found() {
    gevent_monkey::patch_all().unwrap();
    let lookups: Vec<_> = (0..20)
        .map(|_| spawn(|| ("localhost", 80).to_socket_addrs().map(|found| found.count() > 0)))
        .collect();
    let parked = gevent_monkey::stats().parked;
    for lookup in lookups {
        assert!(lookup.join().unwrap().unwrap());
    }
    assert!(gevent_monkey::stats().parked > parked);
}
