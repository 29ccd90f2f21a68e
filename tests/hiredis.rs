//! Runs foreign C code on a loop of ours: hiredis talks to a real Redis by its own libev adapter, while Rust timers run
//! on the same loop.

#[allow(dead_code)] // each test takes from it what it needs
mod common;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use common::installed::say_skipped;
use common::redis::{self, Server};
use common::{Result, SOON};
use hiredis_client::{Client, Event};
use hub::core::{Break, Loop};

/// Whether hiredis and Redis are installed. Where they are not, the tests say so and pass, except in CI.
fn installed() -> bool {
    if hiredis_client::INSTALLED {
        return redis::installed();
    }
    say_skipped("hiredis not found: install Debian's packages `libhiredis-dev` and `pkg-config`".to_owned());
    false
}

/// A function that a test sets, to be called at each event of hiredis.
type OnEvent = Rc<RefCell<Option<Box<dyn Fn(&Event)>>>>;

/// A loop of ours with hiredis on it, and the events of hiredis so far.
struct Connection {
    /// The only strong reference, which is dropped before the loop.
    client: Rc<Client>,
    loop_: Loop,
    events: Rc<RefCell<Vec<Event>>>,
    on_event: OnEvent,
}

impl Connection {
    fn connect(address: SocketAddr) -> Result<Connection> {
        let loop_ = Loop::new((), false)?;
        let events: Rc<RefCell<Vec<Event>>> = Rc::default();
        let on_event: OnEvent = Rc::default();
        let report = {
            let (events, on_event) = (events.clone(), on_event.clone());
            move |event: Event| {
                events.borrow_mut().push(event.clone());
                if let Some(on_event) = &*on_event.borrow() {
                    on_event(&event);
                }
            }
        };
        // SAFETY: the connection holds the loop, and drops the client before it.
        let client = unsafe { Client::connect(loop_.as_ptr()?, &address.ip().to_string(), address.port(), report) };
        Ok(Connection {
            client: Rc::new(client.ok_or("hiredis cannot begin to connect")?),
            loop_,
            events,
            on_event,
        })
    }

    fn on_event(&self, f: impl Fn(&Event) + 'static) {
        *self.on_event.borrow_mut() = Some(Box::new(f));
    }

    /// Runs the loop until no watcher is left on it, neither of Rust nor of hiredis. Returns the events of hiredis.
    fn run(&self) -> Result<Vec<Event>> {
        let guard = self.loop_.timer(SOON.as_secs_f64())?.with_ref(false)?;
        let too_late = Rc::new(Cell::new(false));
        guard.start({
            let (loop_, too_late) = (self.loop_.clone(), too_late.clone());
            move || {
                too_late.set(true);
                Ok(loop_.break_(Break::All)?)
            }
        })?;
        self.loop_.run()?;
        guard.stop()?;
        let events = self.events.take();
        match too_late.get() {
            true => Err(format!("no end after {SOON:?}; until then: {events:?}").into()),
            false => Ok(events),
        }
    }
}

fn reply(text: impl Into<String>) -> Event {
    Event::Reply(text.into())
}

#[test]
fn set_and_get_while_our_timers_run() -> Result {
    const ROUNDS: usize = 50;
    if !installed() {
        return Ok(());
    }
    let server = Server::start()?;
    let connection = Connection::connect(server.address)?;

    // Each tick of our timer sends a pair of commands, and the next tick comes only when their answers are there. So
    // watchers of Rust and of hiredis take turns on the loop.
    let timer = connection.loop_.timer_repeat(0.0, 0.001)?;
    let replies = Rc::new(Cell::new(0));
    connection.on_event({
        let replies = replies.clone();
        move |event| {
            if matches!(event, Event::Reply(_)) {
                replies.set(replies.get() + 1);
            }
        }
    });
    let rounds = Rc::new(Cell::new(0));
    timer.start({
        let (timer, rounds) = (timer.clone(), rounds.clone());
        let client = Rc::downgrade(&connection.client);
        move || {
            let Some(client) = client.upgrade() else {
                return Ok(());
            };
            let round = rounds.get();
            if replies.get() < 2 * round {
                return Ok(());
            }
            if round == ROUNDS {
                client.disconnect();
                timer.stop()?;
                return Ok(());
            }
            rounds.set(round + 1);
            let key = format!("key:{round}");
            client.set(&key, &format!("value of {key}"))?;
            client.get(&key)?;
            Ok(())
        }
    })?;
    // hiredis' watchers and our timer are all that keeps the loop running.
    let events = connection.run()?;

    assert_eq!(rounds.get(), ROUNDS);
    let mut expected = vec![Event::Connected];
    for round in 0..ROUNDS {
        expected.push(reply("OK"));
        expected.push(reply(format!("value of key:{round}")));
    }
    expected.push(Event::Disconnected(None));
    assert_eq!(events, expected);
    assert_eq!(connection.loop_.activecnt()?, 0);

    // Another client sees the values that the C client has set.
    let mut other = server.client()?;
    assert_eq!(
        other.command(&[b"GET", b"key:7"])?,
        redis::Reply::Bulk(Some(b"value of key:7".to_vec()))
    );
    Ok(())
}

#[test]
fn a_thousand_commands_at_once() -> Result {
    const PAIRS: usize = 500;
    if !installed() {
        return Ok(());
    }
    let server = Server::start()?;
    let connection = Connection::connect(server.address)?;
    for i in 0..PAIRS {
        connection.client.set(&format!("key:{i}"), &"x".repeat(i))?;
        connection.client.get(&format!("key:{i}"))?;
    }
    connection.client.disconnect();
    // Queued callbacks and idle watchers of Rust do not disturb hiredis.
    let idle = connection.loop_.idle()?;
    idle.start(|| ())?;
    let called = Rc::new(Cell::new(false));
    connection.loop_.run_callback({
        let called = called.clone();
        move || called.set(true)
    })?;
    connection.on_event(move |event| {
        if matches!(event, Event::Disconnected(_)) {
            drop(idle.stop());
        }
    });
    let events = connection.run()?;

    let mut expected = vec![Event::Connected];
    for i in 0..PAIRS {
        expected.push(reply("OK"));
        expected.push(reply("x".repeat(i)));
    }
    expected.push(Event::Disconnected(None));
    assert_eq!(events, expected);
    assert!(called.get());
    Ok(())
}

#[test]
fn a_server_that_goes_away_ends_the_run() -> Result {
    if !installed() {
        return Ok(());
    }
    let server = Server::start()?;
    let connection = Connection::connect(server.address)?;
    connection.client.set("key", "value")?;
    let server = RefCell::new(Some(server));
    connection.on_event({
        let client = Rc::downgrade(&connection.client);
        move |event| {
            if matches!(event, Event::Reply(_)) {
                drop(server.take());
                if let Some(client) = client.upgrade() {
                    let _ = client.get("key");
                }
            }
        }
    });
    let events = connection.run()?;

    assert_eq!(
        events[..3],
        [Event::Connected, reply("OK"), Event::NoReply],
        "{events:?}"
    );
    assert!(matches!(events[3..], [Event::Disconnected(Some(_))]), "{events:?}");
    assert_eq!(connection.loop_.activecnt()?, 0);
    assert!(connection.client.set("key", "value").is_err());
    Ok(())
}

#[test]
fn nobody_listens() -> Result {
    if !installed() {
        return Ok(());
    }
    // The socket is bound but does not listen, so the port refuses connections, and no other program can take it.
    let nobody = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    nobody.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    let address = nobody.local_addr()?.as_socket().ok_or("no address")?;
    let connection = Connection::connect(address)?;
    let events = connection.run()?;
    assert!(matches!(events[..], [Event::ConnectFailed(_)]), "{events:?}");
    Ok(())
}
