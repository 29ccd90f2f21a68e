//! Bad clients harm nobody.

use std::rc::Rc;

use gevent::backdoor::{BackdoorServer, LINE};
use gevent::threadpool::HubExt;
use gevent::{Exception, joinall_with, sleep, spawn};

use crate::client::{Server, WAYS};
use crate::support::{TestResult, bounded};

/// Checks that others are served.
fn serves(server: &Server) -> TestResult {
    assert!(server.ask("help")?.contains("quit"));
    Ok(())
}

/// Waits until that many clients are served.
fn sessions(server: &Server, count: usize) -> TestResult {
    while server.0.sessions() != count {
        sleep(0.001)?;
    }
    Ok(())
}

#[test]
fn a_line_without_end_ends_the_session() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, BackdoorServer::builder())?;
        let (mut client, _) = server.client()?;
        client.send(&vec![b'x'; LINE])?;
        serves(&server)?;
        // The server may have closed the connection before all of it is sent.
        let _ = client.send(&vec![b'x'; 1 << 20]);
        client.rest();
        sessions(&server, 0)?;
        serves(&server)?;
    }
    Ok(())
}

#[test]
fn the_client_is_told_that_its_line_is_too_long() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, BackdoorServer::builder())?;
        let (mut client, _) = server.client()?;
        client.send(&vec![b'x'; LINE + 1])?;
        assert_eq!(client.rest(), "the line is too long\n");
    }
    Ok(())
}

#[test]
fn clients_that_vanish_are_forgotten() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, BackdoorServer::builder().max_sessions(100))?;
        for round in 0..20 {
            // Before the banner, after it, within a line, before an answer.
            let mut client = server.connect()?;
            match round % 4 {
                0 => {}
                1 => drop(client.answer()?),
                2 => client.send(b"gree")?,
                _ => client.send(b"stacks\nstacks\nstacks\n")?,
            }
        }
        serves(&server)?;
        sessions(&server, 0)?;
    }
    Ok(())
}

#[test]
fn a_client_that_never_reads_is_served_no_more_than_others() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, BackdoorServer::builder())?;
        server.0.command("much", "", |session, _| {
            use std::fmt::Write;
            let line = "x".repeat(1000);
            for _ in 0..1000 {
                writeln!(session, "{line}")?;
            }
            Ok::<_, Exception>(())
        });
        let (mut client, _) = server.client()?;
        let flood = spawn(move || {
            // It sends as long as it may, and reads nothing.
            while client.send(b"much\nhelp\n").is_ok() {}
        });
        for _ in 0..20 {
            serves(&server)?;
        }
        flood.kill()?;
        drop(flood);
        server.0.stop()?;
        assert_eq!(server.0.sessions(), 0);
    }
    Ok(())
}

#[test]
fn a_flood_of_lines_leaves_turns_to_others() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, BackdoorServer::builder())?;
        let (mut client, _) = server.client()?;
        client.send("\n".repeat(3000).as_bytes())?;
        for _ in 0..5 {
            serves(&server)?;
        }
        client.send(b"quit\n")?;
        assert_eq!(client.rest(), ">>> ".repeat(3000));
    }
    Ok(())
}

#[test]
fn too_many_clients_are_told_so() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Rc::new(Server::start(way, BackdoorServer::builder().max_sessions(2))?);
        let first = server.client()?;
        let second = server.client()?;
        let jobs: Vec<_> = (0..50)
            .map(|_| {
                let server = server.clone();
                spawn(move || {
                    let rest = server.connect()?.rest();
                    assert_eq!(rest, "there are too many sessions\n");
                    Ok::<_, Exception>(())
                })
            })
            .collect();
        joinall_with(&jobs, gevent::JoinAll::default().raise_error())?;
        drop(first);
        sessions(&server, 1)?;
        serves(&server)?;
        drop(second);
    }
    Ok(())
}

#[test]
fn a_client_that_says_nothing_is_left() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, BackdoorServer::builder().idle_timeout(0.02))?;
        let mut client = server.connect()?;
        assert!(client.rest().ends_with(">>> \nnothing was said for too long\n"));
        sessions(&server, 0)?;
    }
    Ok(())
}

#[test]
fn a_client_that_never_ends_a_line_is_left() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, BackdoorServer::builder().idle_timeout(0.05))?;
        let (mut client, _) = server.client()?;
        // The time is that of a line, and not of each byte. It fails when the connection is closed.
        while client.send(b"x").is_ok() {
            sleep(0.005)?;
        }
        sessions(&server, 0)?;
    }
    Ok(())
}

#[test]
fn stacks_are_shown_while_all_threads_of_the_pool_work() -> TestResult {
    let _bounded = bounded();
    let server = Server::start(WAYS[0], BackdoorServer::builder())?;
    let pool = gevent::get_hub().threadpool();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    for _ in 0..pool.maxsize() {
        let wait = wait.clone();
        pool.spawn(move || drop(wait.lock().map(|wait| wait.recv())))?;
    }
    let (mut client, _) = server.client()?;
    client.send(b"stacks\nquit\n")?;
    assert!(client.rest().contains("abuse"));
    drop(go_on);
    pool.join()
}

#[test]
fn a_stop_ends_sessions_whatever_they_do() -> TestResult {
    let _bounded = bounded();
    for way in WAYS {
        let server = Server::start(way, BackdoorServer::builder())?;
        server.0.command("sleep", "", |_, _| sleep(1000));
        let (mut idle, _) = server.client()?;
        let (mut busy, _) = server.client()?;
        busy.send(b"sleep\n")?;
        let (mut half, _) = server.client()?;
        half.send(b"hel")?;
        sleep(0.001)?;
        server.0.stop()?;
        assert_eq!(server.0.sessions(), 0);
        for client in [&mut idle, &mut busy, &mut half] {
            assert_eq!(client.rest(), "");
        }
        assert!(server.connect().is_err());
    }
    Ok(())
}
