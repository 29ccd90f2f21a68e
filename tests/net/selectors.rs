//! Selectors. The counterparts of gevent's `test__selectors.py` and of CPython's `test_selectors.py` have their names.

use std::cell::Cell;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

use gevent::core::{BadFd, Events, IllegalEvents};
use gevent::exceptions::InvalidSeconds;
use gevent::selectors::{
    AlreadyRegistered, DefaultSelector, EVENT_READ, EVENT_WRITE, GeventSelector, NotRegistered, SelectorClosed,
    SelectorKey,
};
use gevent::socket::{Socket, socketpair};
use gevent::{Exception, Greenlet, GreenletExit, Timeout, get_hub, idle, sleep, spawn};

use super::select::{active, closed_fd, high};
use crate::support::{LONG, TestResult, bounded, outer_timeout_is_not_lost, returns_after_timeout};

const BOTH: Events = Events::READWRITE;

fn pair() -> (Socket, Socket) {
    socketpair().expect("there are descriptors")
}

/// gevent's SelectorTestMixin and GeventSelectorTest.
mod gevent_selector_test {
    use super::*;

    type Handler = fn(&GeventSelector<Data>, &SelectorKey<Data>) -> TestResult;
    struct Data(Socket, Handler);

    fn run_selector_once(selector: &GeventSelector<Data>, timeout: f64) -> TestResult {
        for (key, _events) in selector.select_timeout(timeout)? {
            (key.data.1)(selector, &key)?;
            sleep(0)?;
        }
        Ok(())
    }

    fn read_from_ready_socket_and_reply(selector: &GeventSelector<Data>, key: &SelectorKey<Data>) -> TestResult {
        let socket = &key.data.0;
        let data = socket.recv(100)?;
        if !data.is_empty() {
            socket.send(&data)?;
        }
        selector.unregister(socket)?;
        socket.close();
        Ok(())
    }

    #[test]
    fn test_select_using_socketpair() -> TestResult {
        let _bounded = bounded();
        let selector = GeventSelector::new();
        let (server, client) = pair();
        let data = Data(server.clone(), read_from_ready_socket_and_reply);
        selector.register(&server, EVENT_READ, data)?;
        let g = spawn({
            let selector = selector.clone();
            move || run_selector_once(&selector, 3.0)
        });
        client.send(b"abcdef")?;
        assert_eq!(client.recv(50)?, b"abcdef");
        selector.close();
        g.get()
    }

    #[test]
    fn test_select_many_sockets() -> TestResult {
        let _bounded = bounded();
        let pairs: Vec<_> = (0..10).map(|_| pair()).collect();
        let (servers, clients) = (GeventSelector::new(), GeventSelector::new());
        for (n, (server, client)) in pairs.iter().enumerate() {
            servers.register(
                server,
                EVENT_READ,
                Data(server.clone(), read_from_ready_socket_and_reply),
            )?;
            clients.register(client, EVENT_READ, (n, client.clone()))?;
            client.send(n.to_string().as_bytes())?;
        }
        idle(0)?;
        run_selector_once(&servers, -1.0)?;
        let mut found = 0;
        for (key, _) in clients.select_timeout(3)? {
            let (n, client) = &*key.data;
            assert_eq!(client.recv(50)?, n.to_string().as_bytes());
            found += 1;
        }
        assert_eq!(found, pairs.len());
        Ok(())
    }
}

/// gevent's TestPossibleCrashes.
mod test_possible_crashes {
    use super::*;

    #[test]
    fn test_closing_object_while_selecting() -> TestResult {
        let _bounded = bounded();
        let (socket, _other) = pair();
        let closer = spawn({
            let socket = socket.clone();
            move || socket.close()
        });
        let selector = GeventSelector::new();
        let key = selector.register(&socket, EVENT_READ, ())?;
        assert_eq!(selector.select()?, [(key, EVENT_READ)]);
        closer.join()
    }

    #[test]
    fn test_closing_fd_while_selecting() -> TestResult {
        let _bounded = bounded();
        let (socket, _other) = pair();
        let fd = socket.with_fd(|fd| high(&fd))?;
        let selector = GeventSelector::new();
        selector.register(&fd, EVENT_READ, ())?;
        let closer = spawn(move || drop(fd));
        // A selector that learns of it returns nothing, or the event.
        let _ = selector.select_timeout(0.01)?;
        closer.join()
    }

    #[test]
    fn test_closing_fd_before_selecting() {
        let selector = GeventSelector::new();
        let closed = closed_fd();
        let error = selector.register(&closed, EVENT_READ, ()).unwrap_err();
        assert_eq!(error.downcast_ref::<BadFd>().expect("it is one").fd, closed);
        // It is not registered.
        assert!(selector.get_key(&closed).unwrap_err().is::<NotRegistered>());
        assert!(selector.get_map().expect("it is open").is_empty());
    }
}

/// CPython's BaseSelectorTestCase, without what is about Python's objects.
mod base_selector_test_case {
    use super::*;

    #[test]
    fn test_register() -> TestResult {
        let selector = DefaultSelector::new();
        let (rd, _wr) = pair();
        let key = selector.register(&rd, EVENT_READ, "data")?;
        assert_eq!((key.fd, key.events, *key.data), (rd.fileno(), EVENT_READ, "data"));
        for events in [
            Events::NONE,
            Events::TIMER,
            BOTH | Events::TIMER,
            Events::IOFDSET,
            Events::from_bits(999_999),
        ] {
            let error = selector.register(&0, events, "").unwrap_err();
            assert_eq!(error.downcast_ref::<IllegalEvents>(), Some(&IllegalEvents(events)));
        }
        assert!(selector.register(&-10, EVENT_READ, "").unwrap_err().is::<BadFd>());
        let twice = [
            selector.register(&rd, EVENT_READ, ""),
            selector.register(&rd.fileno(), EVENT_READ, ""),
        ];
        for error in twice.map(Result::unwrap_err) {
            assert_eq!(error.downcast_ref(), Some(&AlreadyRegistered(rd.fileno())));
        }
        Ok(())
    }

    #[test]
    fn test_unregister() -> TestResult {
        let selector = DefaultSelector::new();
        let (rd, _wr) = pair();
        let key = selector.register(&rd, EVENT_READ, ())?;
        assert_eq!(selector.unregister(&rd)?, key);
        assert_eq!(
            selector.unregister(&999_999).unwrap_err().downcast_ref(),
            Some(&NotRegistered(999_999))
        );
        assert_eq!(
            selector.unregister(&rd).unwrap_err().downcast_ref(),
            Some(&NotRegistered(rd.fileno()))
        );
        Ok(())
    }

    #[test]
    fn test_unregister_after_fd_close() -> TestResult {
        let selector = DefaultSelector::new();
        let (rd, wr) = pair();
        let [r, w] = [&rd, &wr].map(AsRawFd::as_raw_fd);
        selector.register(&r, EVENT_READ, ())?;
        selector.register(&w, EVENT_WRITE, ())?;
        rd.close();
        wr.close();
        selector.unregister(&r)?;
        selector.unregister(&w)?;
        Ok(())
    }

    #[test]
    fn test_unregister_after_fd_close_and_reuse() -> TestResult {
        let _bounded = bounded();
        let selector = DefaultSelector::new();
        let (rd, wr) = pair();
        let mut r = rd.with_fd(|fd| high(&fd))?;
        selector.register(&r, BOTH, ())?;
        assert_eq!(selector.select()?.len(), 1);
        let (rd2, _wr2) = pair();
        rd2.with_fd(|fd| rustix::io::dup2(fd, &mut r))??;
        wr.close();
        selector.unregister(&r)?;
        selector.register(&r, BOTH, ())?;
        assert_eq!(selector.select()?[0].1, EVENT_WRITE);
        Ok(())
    }

    #[test]
    fn test_unregister_after_socket_close() -> TestResult {
        let selector = DefaultSelector::new();
        let (rd, wr) = pair();
        let keys = [
            selector.register(&rd, EVENT_READ, ())?,
            selector.register(&wr, EVENT_WRITE, ())?,
        ];
        rd.close();
        wr.close();
        assert!(selector.unregister(&rd).unwrap_err().is::<BadFd>());
        for key in keys {
            assert_eq!(selector.unregister(&key)?, key);
        }
        Ok(())
    }

    #[test]
    fn test_modify() -> TestResult {
        let selector = DefaultSelector::new();
        let (rd, _wr) = pair();
        let key = selector.register(&rd, EVENT_READ, 1)?;
        let key2 = selector.modify(&rd, EVENT_WRITE, 1)?;
        assert_ne!(key.events, key2.events);
        assert_eq!(key2, selector.get_key(&rd)?);
        selector.unregister(&rd)?;
        let key = selector.register(&rd, EVENT_READ, 1)?;
        let key2 = selector.modify(&rd, EVENT_READ, 2)?;
        assert_eq!((key.events, *key.data, *key2.data), (key2.events, 1, 2));
        assert_eq!(key2, selector.get_key(&rd)?);
        assert!(
            selector
                .modify(&999_999, EVENT_READ, 3)
                .unwrap_err()
                .is::<NotRegistered>()
        );
        assert!(selector.modify(&rd, Events::NONE, 3).unwrap_err().is::<IllegalEvents>());
        assert_eq!(key2, selector.get_key(&rd)?);
        Ok(())
    }

    #[test]
    fn test_modify_unregister() -> TestResult {
        let selector = DefaultSelector::new();
        let (rd, _wr) = pair();
        let fd = rd.with_fd(|fd| high(&fd))?;
        let number = fd.as_raw_fd();
        selector.register(&fd, EVENT_READ, ())?;
        drop(fd);
        assert!(selector.modify(&number, EVENT_WRITE, ()).unwrap_err().is::<BadFd>());
        assert!(selector.get_map().expect("it is open").is_empty());
        Ok(())
    }

    #[test]
    fn test_close() -> TestResult {
        let selector = DefaultSelector::new();
        let mapping = selector.get_map().expect("it is open");
        let (rd, wr) = pair();
        selector.register(&rd, EVENT_READ, ())?;
        selector.register(&wr, EVENT_WRITE, ())?;
        selector.close();
        selector.close();
        for error in [
            selector.get_key(&rd).unwrap_err(),
            selector.unregister(&rd).unwrap_err(),
            selector.register(&rd, EVENT_READ, ()).unwrap_err(),
            selector.modify(&rd, EVENT_WRITE, ()).unwrap_err(),
            selector.select().unwrap_err(),
            selector.select_timeout(0).unwrap_err(),
        ] {
            assert!(error.is::<SelectorClosed>(), "{error:?}");
        }
        assert!(selector.get_map().is_none());
        assert!(mapping.get(&rd).is_none() && !mapping.contains(&wr) && mapping.is_empty());
        Ok(())
    }

    #[test]
    fn test_get_key() -> TestResult {
        let selector = DefaultSelector::new();
        let (rd, _wr) = pair();
        let key = selector.register(&rd, EVENT_READ, "data")?;
        assert_eq!(key, selector.get_key(&rd)?);
        assert!(selector.get_key(&999_999).unwrap_err().is::<NotRegistered>());
        Ok(())
    }

    #[test]
    fn test_get_map() -> TestResult {
        let selector = DefaultSelector::new();
        let (rd, wr) = pair();
        let keys = selector.get_map().expect("it is open");
        assert!(keys.is_empty() && keys.keys().is_empty() && keys.get(&rd).is_none());
        let key = selector.register(&rd, EVENT_READ, "data")?;
        assert!(keys.contains(&rd) && keys.contains(&rd.fileno()));
        assert_eq!(keys.get(&rd), Some(key.clone()));
        assert_eq!(
            (keys.len(), keys.keys(), keys.values()),
            (1, vec![rd.fileno()], vec![key])
        );
        assert!(keys.get(&999_999).is_none());
        // The order is that of registration; new events are a new registration, new data are not.
        selector.register(&wr, EVENT_READ, "")?;
        assert_eq!(keys.keys(), [rd.fileno(), wr.fileno()]);
        selector.modify(&rd, EVENT_READ, "other")?;
        assert_eq!(keys.keys(), [rd.fileno(), wr.fileno()]);
        selector.modify(&rd, EVENT_WRITE, "other")?;
        assert_eq!(keys.keys(), [wr.fileno(), rd.fileno()]);
        Ok(())
    }

    #[test]
    fn test_select() -> TestResult {
        let _bounded = bounded();
        let selector = DefaultSelector::new();
        let (rd, wr) = pair();
        selector.register(&rd, EVENT_READ, ())?;
        let key = selector.register(&wr, EVENT_WRITE, ())?;
        assert_eq!(selector.select()?, [(key, EVENT_WRITE)]);
        Ok(())
    }

    #[test]
    fn test_select_read_write() -> TestResult {
        let _bounded = bounded();
        let selector = DefaultSelector::new();
        let (here, there) = pair();
        there.send(b"foo")?;
        let key = selector.register(&here, BOTH, ())?;
        for _ in 0..10 {
            assert_eq!(selector.select()?, [(key.clone(), BOTH)]);
        }
        Ok(())
    }

    #[test]
    fn test_context_manager() -> TestResult {
        let _bounded = bounded();
        let (rd, wr) = pair();
        let before = active();
        let selector = DefaultSelector::new();
        let copy = selector.clone();
        selector.register(&rd, BOTH, ())?;
        selector.register(&wr, EVENT_READ, ())?;
        selector.select()?;
        drop(selector);
        assert!(copy.get_key(&rd).is_ok());
        let map = copy.get_map().expect("it is open");
        assert!(active() > before);
        drop(copy);
        assert_eq!((active(), map.len()), (before, 0));
        Ok(())
    }

    #[test]
    fn test_selector() -> TestResult {
        let _bounded = bounded();
        let selector = DefaultSelector::new();
        let mut pairs = Vec::new();
        for _ in 0..12 {
            let (rd, wr) = pair();
            selector.register(&rd, EVENT_READ, ())?;
            selector.register(&wr, EVENT_WRITE, ())?;
            pairs.push((rd, wr));
        }
        let matching = |event: Events| -> Result<Vec<RawFd>, Exception> {
            let ready = selector.select()?;
            let matching = ready.iter().filter(|(_, events)| events.contains(event));
            Ok(matching.map(|(key, _)| key.fd).collect())
        };
        let mut random = 7_usize;
        while !pairs.is_empty() {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let writers = matching(EVENT_WRITE)?;
            assert_eq!(writers.len(), pairs.len());
            let fd = writers[(random >> 33) % writers.len()];
            let at = pairs.iter().position(|(_, wr)| wr.fileno() == fd).expect("one of them");
            let (rd, wr) = pairs.swap_remove(at);
            wr.send(b" This is a test.")?;
            assert_eq!(matching(EVENT_READ)?, [rd.fileno()]);
            assert_eq!(rd.recv(100)?, b" This is a test.");
            selector.unregister(&wr)?;
            selector.unregister(&rd)?;
        }
        Ok(())
    }

    #[test]
    fn test_empty_select() -> TestResult {
        let _bounded = bounded();
        let selector = DefaultSelector::<()>::new();
        assert!(selector.select_timeout(0)?.is_empty());
        assert!(selector.select_timeout(f64::NAN).unwrap_err().is::<InvalidSeconds>());
        Ok(())
    }

    fn wait(seconds: f64) -> TestResult {
        let selector = DefaultSelector::new();
        let (rd, _wr) = pair();
        selector.register(&rd, EVENT_READ, ())?;
        selector.select_timeout(seconds).map(|ready| assert!(ready.is_empty()))
    }

    #[test]
    fn test_timeout() -> TestResult {
        let _bounded = bounded();
        let selector = DefaultSelector::new();
        let (rd, wr) = pair();
        selector.register(&wr, EVENT_WRITE, ())?;
        assert_eq!(
            (selector.select_timeout(0)?.len(), selector.select_timeout(-1)?.len()),
            (1, 1)
        );
        selector.unregister(&wr)?;
        selector.register(&rd, EVENT_READ, ())?;
        assert!(selector.select_timeout(0)?.is_empty() && selector.select_timeout(-1)?.is_empty());
        returns_after_timeout(wait)
    }

    #[test]
    fn test_select_interrupt_exc() {
        let _bounded = bounded();
        outer_timeout_is_not_lost(wait);
    }
}

#[test]
fn events_come_while_nobody_selects_once_and_without_a_busy_loop() -> TestResult {
    let _bounded = bounded();
    let selector = GeventSelector::new();
    let pairs = [pair(), pair(), pair()];
    for (n, (here, _)) in pairs.iter().enumerate() {
        selector.register(here, EVENT_READ, n)?;
    }
    assert!(selector.select_timeout(0)?.is_empty());
    for n in [2, 0] {
        pairs[n].1.send(b"x")?;
        sleep(0.001)?;
    }
    let begun = get_hub().loop_().iteration()?;
    sleep(0.03)?;
    let turns = get_hub().loop_().iteration()? - begun;
    assert!(turns < 20, "{turns}");
    let places = |ready: gevent::selectors::Ready<(SelectorKey<usize>, Events)>| -> Vec<usize> {
        ready.iter().map(|(key, _)| *key.data).collect()
    };
    assert_eq!(places(selector.select()?), [2, 0]);
    // The data are still there.
    let mut again = places(selector.select()?);
    again.sort_unstable();
    assert_eq!(again, [0, 2]);
    for n in [2, 0] {
        pairs[n].0.recv(1)?;
    }
    // They were noted again, after the last `select`, by nobody: no watcher runs until the next one.
    assert!(selector.select_timeout(0.001)?.is_empty());
    Ok(())
}

#[test]
fn the_second_event_of_a_descriptor_is_added_to_the_first() -> TestResult {
    let _bounded = bounded();
    let selector = GeventSelector::new();
    let ((a, to_a), (b, _to_b)) = (pair(), pair());
    selector.register(&b, EVENT_READ, 'b')?;
    assert!(selector.select_timeout(0)?.is_empty());
    selector.register(&a, BOTH, 'a')?;
    // A kill comes before the event that would be returned.
    let waiter = spawn({
        let selector = selector.clone();
        move || selector.select().map(drop)
    });
    let killer = spawn({
        let waiter = waiter.clone();
        move || waiter.kill()
    });
    killer.get()?;
    assert!(waiter.get().unwrap_err().is::<GreenletExit>());
    sleep(0.001)?;
    to_a.send(b"x")?;
    sleep(0.001)?;
    let ready = selector.select()?;
    assert_eq!(ready.len(), 1);
    assert_eq!((*ready[0].0.data, ready[0].1), ('a', BOTH));
    Ok(())
}

#[test]
fn a_kill_and_a_timeout_come_out_whole_and_lose_nothing() -> TestResult {
    let _bounded = bounded();
    let before = active();
    let selector = GeventSelector::new();
    let (here, there) = pair();
    selector.register(&here, EVENT_READ, ())?;
    let timeout = Timeout::start_new(0.001);
    assert!(timeout.caused(&selector.select().unwrap_err()));
    let waiter = spawn({
        let selector = selector.clone();
        move || selector.select().map(drop)
    });
    sleep(0)?;
    waiter.kill()?;
    assert!(waiter.get().unwrap_err().is::<GreenletExit>());
    there.send(b"x")?;
    sleep(0.001)?;
    assert_eq!(selector.select()?.len(), 1);
    selector.close();
    assert_eq!(active(), before);
    Ok(())
}

#[test]
fn closing_ends_the_waits() -> TestResult {
    let _bounded = bounded();
    let selector = GeventSelector::new();
    let (here, _there) = pair();
    selector.register(&here, EVENT_READ, ())?;
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let selector = selector.clone();
            spawn(move || selector.select().map(drop))
        })
        .collect();
    sleep(0)?;
    selector.close();
    for waiter in waiters {
        assert!(waiter.get().unwrap_err().is::<SelectorClosed>());
    }
    Ok(())
}

#[test]
fn several_greenlets_select_and_one_gets_the_events() -> TestResult {
    let _bounded = bounded();
    let selector = GeventSelector::new();
    let (here, there) = pair();
    selector.register(&here, EVENT_READ, ())?;
    let waiters: Vec<Greenlet<usize>> = (0..3)
        .map(|_| {
            let selector = selector.clone();
            spawn(move || Ok(selector.select_timeout(LONG)?.len()))
        })
        .collect();
    sleep(0)?;
    there.send(b"x")?;
    let got: Result<Vec<_>, _> = waiters.iter().map(Greenlet::get).collect();
    assert_eq!(got?, [1, 0, 0]);
    Ok(())
}

#[test]
fn changes_while_a_greenlet_selects() -> TestResult {
    let _bounded = bounded();
    let selector = GeventSelector::new();
    let ((a, to_a), (b, to_b), (c, to_c)) = (pair(), pair(), pair());
    selector.register(&a, EVENT_READ, 'a')?;
    selector.register(&b, EVENT_READ, 'b')?;
    let waiter = spawn({
        let selector = selector.clone();
        move || {
            let ready = selector.select()?;
            Ok(ready.iter().map(|(key, _)| *key.data).collect::<String>())
        }
    });
    sleep(0)?;
    // One that goes is not returned; one that comes is for the next call.
    to_a.send(b"x")?;
    selector.unregister(&a)?;
    selector.register(&c, EVENT_READ, 'c')?;
    to_c.send(b"x")?;
    sleep(0.001)?;
    assert!(!waiter.ready());
    to_b.send(b"x")?;
    assert_eq!(waiter.get()?, "b");
    let mut all: Vec<_> = selector.select()?.iter().map(|(key, _)| *key.data).collect();
    all.sort_unstable();
    assert_eq!(all, ['b', 'c']);
    Ok(())
}

/// Both find that an event has come, and give others a turn. The second one waits for a further event.
#[test]
fn events_that_another_greenlet_takes_are_not_the_last() -> TestResult {
    let _bounded = bounded();
    let selector = DefaultSelector::new();
    let (here, there) = pair();
    selector.register(&here, EVENT_READ, ())?;
    assert_eq!(selector.select_timeout(0)?, []);
    there.send(b"x")?;
    sleep(0.001)?;
    let waiting = [(); 2].map(|()| {
        let (selector, here) = (selector.clone(), here.clone());
        spawn(move || {
            let found = selector.select()?.len();
            here.recv(1)?;
            Ok(found)
        })
    });
    assert_eq!(waiting[0].get()?, 1);
    sleep(0.001)?;
    assert!(!waiting[1].ready());
    there.send(b"y")?;
    assert_eq!(waiting[1].get()?, 1);
    Ok(())
}

/// The data's destructor uses the selector.
#[test]
fn data_are_dropped_when_nothing_is_borrowed() -> TestResult {
    struct Data(GeventSelector<Option<Data>>, Rc<Cell<u32>>);
    impl Drop for Data {
        fn drop(&mut self) {
            let _ = (
                self.0.get_key(&0),
                self.0.get_map().map(|map| map.values().len()),
                self.0.select_timeout(0),
            );
            let _ = self.0.register(&closed_fd(), EVENT_READ, None);
            self.0.close();
            self.1.set(self.1.get() + 1);
        }
    }
    let _bounded = bounded();
    let dropped = Rc::new(Cell::new(0));
    type End = fn(&GeventSelector<Option<Data>>, &Socket);
    let ends: [End; 5] = [
        |selector, _| selector.close(),
        |selector, fd| drop(selector.unregister(fd)),
        |selector, fd| drop(selector.modify(fd, EVENT_READ, None)),
        |selector, fd| drop(selector.modify(fd, EVENT_WRITE, None)),
        |selector, fd| {
            for (key, _) in selector.select().expect("it is open") {
                drop(selector.unregister(fd));
                drop(key);
            }
        },
    ];
    for (n, end) in (1..).zip(ends) {
        let selector = GeventSelector::new();
        let (here, there) = pair();
        there.send(b"x")?;
        selector.register(&here, EVENT_READ, Some(Data(selector.clone(), dropped.clone())))?;
        end(&selector, &here);
        assert_eq!(dropped.get(), n);
    }
    Ok(())
}
