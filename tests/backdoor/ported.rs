//! The counterparts of gevent's tests, each over TCP and over a Unix socket.

use std::fmt::Write;

use gevent::backdoor::{BackdoorServer, Session};
use gevent::queue::Queue;
use gevent::socket::{TcpListener, UnixListener};
use gevent::{Exception, joinall_with, sleep, spawn};

use crate::client::{Server, WAYS, path};
use crate::support::{TestResult, bounded};

/// `add 2 2`, in the place of Python's `2+2`.
fn add(session: &mut Session, words: &[&str]) -> TestResult {
    let sum = words.iter().map(|word| word.parse::<i64>()).sum::<Result<i64, _>>()?;
    writeln!(session, "{sum}")?;
    Ok(())
}

fn server() -> gevent::backdoor::Builder {
    BackdoorServer::builder()
}

#[test]
fn test_multi() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = std::rc::Rc::new(Server::start(way, server().max_sessions(10))?);
        server.0.command("add", "NUMBER..: their sum", add);
        let jobs: Vec<_> = (0..10)
            .map(|_| {
                let server = server.clone();
                spawn(move || {
                    let (mut client, _) = server.client()?;
                    assert_eq!(client.ask("add 2 2")?, "4\n");
                    client.send(b"quit\r\n")?;
                    assert_eq!(client.rest(), "");
                    Ok::<_, Exception>(())
                })
            })
            .collect();
        let done = joinall_with(&jobs, gevent::JoinAll::default().raise_error())?;
        assert_eq!(done.len(), jobs.len());
        assert_eq!(server.0.sessions(), 0);
    }
    Ok(())
}

#[test]
fn test_quit() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, server())?;
        let (mut client, _) = server.client()?;
        client.send(b"quit\r\n")?;
        assert_eq!(client.rest(), "");
    }
    Ok(())
}

/// A command of the program's own ends its session.
#[test]
fn test_sys_exit() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, server())?;
        server.0.command("exit", "ends this session, too", |session, _| {
            writeln!(session, "bye")?;
            session.quit();
            Ok::<_, Exception>(())
        });
        let (mut client, _) = server.client()?;
        client.send(b"exit\r\n")?;
        assert_eq!(client.rest(), "bye\n");
    }
    Ok(())
}

#[test]
fn test_banner() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, server().banner("Welcome stranger!"))?;
        let (mut client, banner) = server.client()?;
        assert_eq!(banner, "Welcome stranger!\n");
        client.send(b"quit\r\n")?;
        assert_eq!(client.rest(), "");
    }
    Ok(())
}

/// What lists everything there is stays readable.
#[test]
fn test_builtins() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, server())?;
        let help = server.ask("help")?;
        assert!(help.len() < 1000, "{help}");
        for name in [
            "greenlets",
            "tree",
            "stacks",
            "servers",
            "pools",
            "watchers",
            "memory",
            "kill",
            "quit",
            "help",
        ] {
            assert!(help.lines().any(|line| line.starts_with(name)), "{help}");
        }
    }
    Ok(())
}

#[test]
fn test_switch_exc() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, server())?;
        server.0.command("bad", "waits twice", |session, _| {
            let queue = Queue::<()>::new();
            writeln!(session, "switching out, then throwing in")?;
            if queue.get_timeout(0.01).is_err() {
                writeln!(session, "Got Empty")?;
            }
            writeln!(session, "switching out")?;
            sleep(0.01)?;
            writeln!(session, "switched in")?;
            Ok::<_, Exception>(())
        });
        let response = server.ask("bad")?;
        assert_eq!(
            response,
            "switching out, then throwing in\nGot Empty\nswitching out\nswitched in\n"
        );
    }
    Ok(())
}

/// The server is given a socket, as those of gevent's class `TestUnixSocket`.
#[test]
fn test_given_listeners() -> TestResult {
    let _bounded = bounded();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let file = path();
    let unix = UnixListener::bind(&file)?;
    for server in [server().build_on(listener)?, server().build_on_unix(unix)] {
        server.start()?;
        let server = Server(server);
        assert!(server.ask("help")?.contains("quit"));
    }
    std::fs::remove_file(file)?;
    Ok(())
}
