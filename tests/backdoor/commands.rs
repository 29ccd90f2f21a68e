//! What the commands print and do.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::rc::Rc;

use gevent::backdoor::{BackdoorServer, OUTPUT};
use gevent::event::Event;
use gevent::pool::Pool;
use gevent::server::StreamServer;
use gevent::{Exception, Greenlet, GreenletExit, getcurrent, sleep, spawn, spawn_later, spawn_raw};

use crate::client::{Server, Way};
use crate::support::{TestResult, bounded};

fn start() -> Result<Server, Exception> {
    Server::start(Way::Tcp, BackdoorServer::builder())
}

#[inline(never)]
fn waits_in_here(event: &Event) -> TestResult {
    let waited = event.wait();
    std::hint::black_box(&waited);
    waited.map(drop)
}

#[test]
fn greenlets_are_listed_and_their_stacks_shown() -> TestResult {
    let _bounded = bounded();
    let server = start()?;
    let event = Event::new();
    let its = event.clone();
    let outer = Greenlet::builder().name("outer").spawn(move || {
        let inner = Greenlet::builder().name("inner").spawn(move || waits_in_here(&its));
        inner.join()
    });
    sleep(0)?;
    sleep(0)?;
    let (mut client, _) = server.client()?;
    let list = client.ask("greenlets")?;
    let line = list
        .lines()
        .find(|line| line.contains("\"inner\""))
        .expect("it is listed");
    assert!(
        line.contains("suspended at") && line.contains("on Event at 0x"),
        "{line}"
    );
    assert!(list.ends_with(" greenlets\n"), "{list}");
    let id = line.split_whitespace().next().expect("its number");

    let tree = client.ask("tree")?;
    let at = |part: &str| {
        tree.lines()
            .position(|line| line.contains(part))
            .unwrap_or_else(|| panic!("{part}: {tree}"))
    };
    assert!(at(" +--- #") < at("\"outer\""), "{tree}");
    assert!(
        at("\"outer\"") < at(&format!("     +--- {id} <Greenlet \"inner\"")),
        "{tree}"
    );
    assert!(tree.contains("for Event at 0x"), "{tree}");
    assert!(!tree.contains("waits_in_here"), "{tree}");

    for line in [format!("stacks {id}"), format!("stacks {}", &id[1..])] {
        let stack = client.ask(&line)?;
        assert!(
            stack.contains("\"inner\"") && stack.contains("waits_in_here"),
            "{stack}"
        );
        assert!(!stack.contains("\"outer\""), "{stack}");
    }
    let stacks = client.ask("stacks")?;
    assert!(
        stacks.contains("waits_in_here") && stacks.contains("\"outer\""),
        "{stacks}"
    );
    assert!(
        client
            .ask("stacks 123456789")?
            .contains("there is no greenlet #123456789")
    );
    assert!(client.ask("stacks x")?.contains("\"x\" is not a number"));
    event.set();
    outer.get()?;
    Ok(())
}

#[test]
fn greenlets_are_killed_by_their_numbers() -> TestResult {
    let _bounded = bounded();
    let server = start()?;
    let (mut client, _) = server.client()?;
    let greenlet = spawn(|| sleep(100));
    let raw_ended = Rc::new(Cell::new(false));
    let its = raw_ended.clone();
    let raw = spawn_raw(move || {
        let slept = sleep(100);
        its.set(slept.is_err_and(|error| error.is::<GreenletExit>()));
    })?;
    sleep(0)?;
    let unrun = spawn_later(100, || ());
    assert_eq!(
        client.ask(&format!("kill {}", greenlet.raw().id()))?,
        format!("killed #{}\n", greenlet.raw().id())
    );
    greenlet.join()?;
    assert!(greenlet.get().unwrap_err().is::<GreenletExit>());
    client.ask(&format!("kill #{}", raw.id()))?;
    while !raw.dead() {
        sleep(0)?;
    }
    assert!(raw_ended.get());
    let kill = format!("kill {}", unrun.raw().id());
    client.ask(&kill)?;
    assert!(unrun.get().unwrap_err().is::<GreenletExit>());
    assert!(client.ask(&kill)?.contains("there is no greenlet"));

    assert!(client.ask("kill 0")?.contains("the main greenlet"));
    let hub = gevent::get_hub().greenlet().id();
    assert!(
        client
            .ask(&format!("kill {hub}"))?
            .contains("the main greenlet or the hub")
    );
    assert!(client.ask("kill")?.contains("kill ID"));
    // A session may kill itself.
    let list = client.ask("greenlets")?;
    let own = list.lines().find(|line| line.contains(" current ")).expect("it runs");
    let own = own.split_whitespace().next().expect("its number");
    client.send(format!("kill {own}\n").as_bytes())?;
    let rest = client.rest();
    assert!(rest.contains("which is this session"), "{rest}");
    assert_eq!(server.0.sessions(), 0);
    assert!(server.ask("help")?.contains("quit"));
    Ok(())
}

#[test]
fn servers_pools_watchers_and_memory() -> TestResult {
    let _bounded = bounded();
    let server = start()?;
    let (mut client, _) = server.client()?;
    let pool = Pool::new(7);
    pool.spawn(|| sleep(100))?;
    let other = StreamServer::builder().spawn(&pool).build("127.0.0.1:0", |_, _| ());
    let port = || other.server_port().expect("it has one").to_string();
    assert!(!client.ask("servers")?.contains("stopped"));
    other.start()?;
    let servers = client.ask("servers")?;
    assert_eq!(servers.lines().count(), 2, "{servers}");
    assert!(
        servers.contains(&port()) && servers.contains("started, 1 clients"),
        "{servers}"
    );
    let pools = client.ask("pools")?;
    assert!(pools.contains("1 of 7 greenlets"), "{pools}");
    other.close();
    assert!(client.ask("servers")?.contains("stopped"));
    pool.kill()?;
    assert!(client.ask("pools")?.contains("0 of 7 greenlets"));
    // What is gone is not listed.
    drop((other, pool));
    assert_eq!(client.ask("servers")?.lines().count(), 1);
    assert!(!client.ask("pools")?.contains("of 7"));

    let watchers = client.ask("watchers")?;
    let io = watchers
        .lines()
        .find(|line| line.starts_with("io"))
        .expect("the server's");
    assert!(io.contains("started of"), "{watchers}");
    let sleeper = spawn(|| sleep(100));
    sleep(0)?;
    let timers = |text: String| -> usize {
        let line = text.lines().find(|line| line.starts_with("timer")).map(str::to_owned);
        let count = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        count.unwrap_or(0)
    };
    let before = timers(watchers);
    assert!(timers(client.ask("watchers")?) > before);
    sleeper.kill()?;

    let memory = client.ask("memory")?;
    assert!(memory.contains("resident") && memory.contains("in use"), "{memory}");
    Ok(())
}

#[test]
fn commands_of_users_fail_wait_and_are_replaced() -> TestResult {
    let _bounded = bounded();
    let server = start()?;
    let (mut client, _) = server.client()?;
    assert!(
        client
            .ask("no-such-thing 1 2")?
            .contains("there is no command \"no-such-thing\"")
    );
    assert_eq!(client.ask("")?, "");
    assert_eq!(client.ask("   ")?, "");

    let calls = Rc::new(RefCell::new(Vec::new()));
    let its = calls.clone();
    server.0.command("note", "WORD..: notes them", move |_, words| {
        its.borrow_mut().push(words.join("+"));
    });
    assert_eq!(client.ask("note a  b\tc")?, "");
    assert_eq!(*calls.borrow(), ["a+b+c"]);
    server.0.command("note", "does nothing", |_, _| ());
    assert_eq!(client.ask("note d")?, "");
    assert_eq!(calls.borrow().len(), 1);
    assert_eq!(Rc::strong_count(&calls), 1);
    assert!(client.ask("help")?.contains("note       does nothing"));

    server.0.command("fails", "", |session, _| {
        writeln!(session, "half of it")?;
        Err::<(), _>(Exception::msg("on purpose"))
    });
    let failed = client.ask("fails")?;
    assert!(failed.starts_with("half of it\nfails has failed with "), "{failed}");
    assert!(failed.contains("on purpose"), "{failed}");
    server
        .0
        .command("panics", "", |_, words| assert!(!words.is_empty(), "in a command"));
    let panicked = client.ask("panics")?;
    assert!(
        panicked.contains("panics has failed with") && panicked.contains("in a command"),
        "{panicked}"
    );

    // While one waits, others are served. The names of ours can be taken, too.
    let event = Event::new();
    let its = event.clone();
    server.0.command("quit", "waits first", move |session, _| {
        its.wait()?;
        session.quit();
        Ok::<_, Exception>(())
    });
    client.send(b"quit\n")?;
    assert!(server.ask("help")?.contains("waits first"));
    event.set();
    assert_eq!(client.rest(), "");
    Ok(())
}

#[test]
fn much_output_is_cut() -> TestResult {
    let _bounded = bounded();
    let server = start()?;
    server.0.command("much", "", |session, _| {
        for number in 0..OUTPUT {
            writeln!(session, "{number}")?;
        }
        Ok::<_, Exception>(())
    });
    let (mut client, _) = server.client()?;
    client.send(b"much\nquit\n")?;
    let much = client.rest();
    assert!(much.len() > OUTPUT && much.len() < OUTPUT + 100);
    assert!(much.ends_with("... the rest is left out\n>>> "));
    Ok(())
}

/// A command may stop the server, also from its own session.
#[test]
fn a_command_stops_the_server() -> TestResult {
    let _bounded = bounded();
    let server = Rc::new(start()?);
    let (mut client, _) = server.client()?;
    let (mut other, _) = server.client()?;
    let its = Rc::downgrade(&server);
    server
        .0
        .command("stop", "", move |_, _| its.upgrade().expect("it is there").0.stop());
    client.send(b"stop\n")?;
    assert_eq!(other.rest(), "");
    client.rest();
    assert!(!server.0.started());
    assert_eq!(server.0.sessions(), 0);
    assert!(server.connect().is_err());
    // It can be started again.
    server.0.start()?;
    assert!(server.ask("help")?.contains("stop"));
    assert!(getcurrent().parent().is_none());
    Ok(())
}
