//! The keys of a selector: register, modify, unregister, get_key, get_map, close, and their errors.

use std::collections::HashMap;

use gevent::Exception;
use gevent::core::{BadFd, Events, IllegalEvents};
use gevent::selectors::{
    AlreadyRegistered, EVENT_READ, EVENT_WRITE, GeventSelector, NotRegistered, SelectorClosed, SelectorKey,
};
use gevent::socket::socketpair;

use super::common::TestResult;

type Key = SelectorKey<&'static str>;

pub(crate) fn main() -> TestResult {
    let (a, b) = socketpair()?;
    let s = GeventSelector::new();
    let names = HashMap::from([(a.fileno(), "a"), (b.fileno(), "b")]);
    let show = |key: Key| println!("{} {} {}", names[&key.fd], key.events.bits(), key.data);
    let attempt = |got: Result<Key, Exception>| match got {
        Ok(key) => show(key),
        Err(error) if error.is::<AlreadyRegistered>() || error.is::<NotRegistered>() => println!("KeyError"),
        Err(error) if error.is::<BadFd>() || error.is::<IllegalEvents>() => println!("ValueError"),
        Err(error) if error.is::<SelectorClosed>() => println!("RuntimeError"),
        Err(error) => println!("{error:?}"),
    };
    let keys = || {
        let fds = s.get_map().expect("it is open").keys();
        println!("{}", fds.iter().map(|fd| names[fd]).collect::<Vec<_>>().join(" "));
    };

    attempt(s.register(&a, EVENT_READ, "one"));
    attempt(s.register(&a, EVENT_WRITE, "two"));
    attempt(s.register(&a.fileno(), EVENT_READ, "three"));
    attempt(s.register(&b, Events::NONE, "four"));
    attempt(s.register(&b, Events::from_bits(4), "five"));
    attempt(s.register(&b, Events::from_bits(7), "six"));
    attempt(s.register(&-1, EVENT_READ, "seven"));
    attempt(s.get_key(&b));
    attempt(s.unregister(&b));
    attempt(s.modify(&b, EVENT_READ, "eight"));
    attempt(s.register(&b, EVENT_READ | EVENT_WRITE, "nine"));
    keys();
    attempt(s.modify(&a, EVENT_READ, "ten"));
    keys();
    attempt(s.modify(&a, EVENT_WRITE, "eleven"));
    keys();
    attempt(s.get_key(&a));
    attempt(s.get_key(&a.fileno()));
    attempt(s.unregister(&a));
    attempt(s.unregister(&a));
    keys();
    let m = s.get_map().expect("it is open");
    println!("{} {} {}", m.len(), m.contains(&a), m.contains(&b));
    s.close();
    println!("{} {}", m.len(), s.get_map().is_none());
    attempt(s.get_key(&b));
    Ok(())
}
