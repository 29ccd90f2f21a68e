//! Tests the portforwarder example in front of a real Redis, with redis-benchmark and with misbehaving clients.

#[allow(dead_code)] // each test takes from it what it needs
mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use sha2::{Digest, Sha256};

use common::forwarder::{self, Forwarder};
use common::process::Process;
use common::redis::{self, Client, Reply, Server};
use common::{Result, SOON, eventually, raise_fd_limit};

/// The time limit of a benchmark run, which takes seconds.
const BENCHMARK: Duration = Duration::from_secs(120);
/// The time limit of the forwarder's end; its own grace period is 5 s.
const END: Duration = Duration::from_secs(60);

/// Redis and a forwarder in front of it, or none where Redis is not installed.
fn redis_behind_forwarder() -> Result<Option<(Server, Forwarder)>> {
    if !redis::installed() {
        return Ok(None);
    }
    let server = Server::start()?;
    let forwarder = Forwarder::start(server.address)?;
    Ok(Some((server, forwarder)))
}

fn benchmark_command(forwarder: &Forwarder, arguments: &[&str]) -> Command {
    let mut command = Command::new("redis-benchmark");
    command
        .args(["-h", "127.0.0.1", "-p", &forwarder.address.port().to_string()])
        .args(arguments);
    command
}

// redis-benchmark

fn benchmark_has_no_error(connections: &str, pipeline: &str, requests: u64) -> Result {
    let Some((server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let mut command = benchmark_command(&forwarder, &["-t", "get,set,lpush,mset", "--csv"]);
    command.args(["-c", connections, "-P", pipeline, "-n", &requests.to_string()]);
    let ended = Process::spawn(&mut command)?.wait(BENCHMARK)?;

    let output = format!("{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.status.success(), "{:?}\n{output}", ended.status);
    assert!(!output.to_lowercase().contains("error"), "{output}");
    for test in ["GET", "SET", "LPUSH", "MSET (10 keys)"] {
        let name = format!("\"{test}\",\"");
        let row = ended.stdout.lines().find_map(|line| line.strip_prefix(&name));
        let rate = row
            .and_then(|row| row.split('"').next())
            .ok_or_else(|| format!("no {test} in {output}"))?;
        assert!(rate.parse::<f64>()? > 0.0, "{test}: {rate}");
    }
    every_command_was_executed(&server, requests)?;

    let connections: u64 = connections.parse()?;
    let received = server.info_number("stats", "total_connections_received")?;
    assert!(received >= connections, "{received} connections");
    Ok(())
}

/// Checks Redis's own count of commands.
fn every_command_was_executed(server: &Server, requests: u64) -> Result {
    let commands = server.info("commandstats")?;
    for command in ["get", "set", "lpush", "mset"] {
        let name = format!("cmdstat_{command}");
        let (_, stats) = commands.iter().find(|(key, _)| *key == name).ok_or(name)?;
        let count = |field: &str| -> Result<u64> {
            let value = stats
                .split(',')
                .find_map(|pair| pair.strip_prefix(field)?.strip_prefix('='));
            Ok(value.ok_or_else(|| format!("no {field} in {stats}"))?.parse()?)
        };
        assert!(count("calls")? >= requests, "{command}: {stats}");
        assert_eq!(
            count("failed_calls")? + count("rejected_calls")?,
            0,
            "{command}: {stats}"
        );
    }
    assert_eq!(server.info("errorstats")?, []);
    Ok(())
}

#[test]
fn benchmark_with_50_connections_has_no_error() -> Result {
    benchmark_has_no_error("50", "1", 4_000)
}

#[test]
fn benchmark_with_50_pipelining_connections_has_no_error() -> Result {
    benchmark_has_no_error("50", "16", 20_000)
}

#[test]
fn benchmark_with_200_connections_has_no_error() -> Result {
    benchmark_has_no_error("200", "1", 4_000)
}

#[test]
fn benchmark_with_200_pipelining_connections_has_no_error() -> Result {
    benchmark_has_no_error("200", "16", 20_000)
}

// Data

/// Random bytes, in which a lost, doubled or swapped block cannot go unnoticed.
fn random_bytes(len: usize) -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn value_of_64_mib_arrives_identical() -> Result {
    let Some((server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let value = random_bytes(64 << 20);
    let sum = Sha256::digest(&value);
    let reply = forwarder.client()?.command(&[b"SET", b"big", &value])?;
    assert_eq!(reply, Reply::Simple("OK".into()));
    drop(value);

    let direct = server.client()?.command(&[b"GET", b"big"])?.into_bulk()?;
    assert_eq!(Sha256::digest(&direct), sum, "set through the forwarder");
    let forwarded = forwarder.client()?.command(&[b"GET", b"big"])?.into_bulk()?;
    assert_eq!(Sha256::digest(&forwarded), sum, "read through the forwarder");
    Ok(())
}

#[test]
fn half_close_is_passed_on() -> Result {
    let target = TcpListener::bind("127.0.0.1:0")?;
    let forwarder = Forwarder::start(target.local_addr()?)?;
    let mut client = connect(&forwarder)?;
    client.write_all(b"all there is")?;
    client.shutdown(std::net::Shutdown::Write)?;

    let (mut served, _) = target.accept()?;
    served.set_read_timeout(Some(SOON))?;
    let mut request = String::new();
    served.read_to_string(&mut request)?;
    assert_eq!(request, "all there is");
    served.write_all(b"answer after the end")?;
    drop(served);

    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    assert_eq!(answer, "answer after the end");
    Ok(())
}

#[test]
fn requests_go_on_after_the_target_has_ended_its_replies() -> Result {
    let target = TcpListener::bind("127.0.0.1:0")?;
    let forwarder = Forwarder::start(target.local_addr()?)?;
    let before = forwarder.holds()?;
    let mut client = connect(&forwarder)?;
    let (mut served, _) = target.accept()?;
    served.set_read_timeout(Some(SOON))?;
    served.shutdown(std::net::Shutdown::Write)?;
    assert_eq!(client.read(&mut [0])?, 0);
    // The parts together take longer than the forwarder waits for a silent client.
    for _ in 0..30 {
        client.write_all(b"more")?;
        served.read_exact(&mut [0; 4])?;
        std::thread::sleep(Duration::from_millis(100));
    }
    client.shutdown(std::net::Shutdown::Write)?;
    assert_eq!(served.read(&mut [0])?, 0);
    drop((client, served));
    expect_holding(&forwarder, &before)
}

fn reset_on_drop(stream: &TcpStream) -> Result {
    Ok(socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO))?)
}

#[test]
fn reset_of_the_target_is_passed_on() -> Result {
    let target = TcpListener::bind("127.0.0.1:0")?;
    let forwarder = Forwarder::start(target.local_addr()?)?;
    let mut client = connect(&forwarder)?;
    let (mut served, _) = target.accept()?;
    served.write_all(b"half of a rep")?;
    client.read_exact(&mut [0; 13])?;
    reset_on_drop(&served)?;
    drop(served);
    let end = client.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    Ok(())
}

#[test]
fn reset_of_the_client_is_passed_on() -> Result {
    let target = TcpListener::bind("127.0.0.1:0")?;
    let forwarder = Forwarder::start(target.local_addr()?)?;
    let before = forwarder.holds()?;
    let mut client = connect(&forwarder)?;
    client.write_all(b"half of a req")?;
    let (mut served, _) = target.accept()?;
    served.set_read_timeout(Some(SOON))?;
    served.read_exact(&mut [0; 13])?;
    reset_on_drop(&client)?;
    drop(client);
    let end = served.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    expect_holding(&forwarder, &before)
}

#[test]
fn names_ports_alone_and_ipv6_are_addresses() -> Result {
    let target = TcpListener::bind("127.0.0.1:0")?;
    let port = target.local_addr()?.port();
    let mut ways = vec![(":0", format!("localhost:{port}"))];
    // This part runs only where there is IPv6.
    let target6 = TcpListener::bind("[::1]:0");
    if let Ok(target6) = &target6 {
        ways.push(("[::1]:0", target6.local_addr()?.to_string()));
    }
    for (listen, to) in ways {
        let forwarder = Forwarder::start_at(listen, &to)?;
        let mut client = connect(&forwarder)?;
        client.write_all(b"hello")?;
        let (mut served, _) = match &target6 {
            Ok(target6) if to.starts_with('[') => target6.accept()?,
            _ => target.accept()?,
        };
        let mut hello = [0; 5];
        served.read_exact(&mut hello)?;
        assert_eq!(&hello, b"hello", "{listen} {to}");
    }
    Ok(())
}

fn connect(forwarder: &Forwarder) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&forwarder.address, SOON)?;
    stream.set_read_timeout(Some(SOON))?;
    stream.set_write_timeout(Some(SOON))?;
    Ok(stream)
}

// Nothing stays behind

/// Waits until the forwarder holds no more than before.
fn expect_holding(forwarder: &Forwarder, before: &forwarder::Holds) -> Result {
    let mut holds = before.clone();
    eventually("the forwarder to let everything go", SOON, || {
        holds = forwarder.holds()?;
        Ok((holds == *before).then_some(()))
    })
    .map_err(|error| format!("{error}: {before:?} became {holds:?}").into())
}

#[test]
fn connections_dropped_within_a_request_leave_nothing_behind() -> Result {
    const CONNECTIONS: usize = 1_000;
    raise_fd_limit()?;
    let Some((server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let before = forwarder.holds()?;
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = forwarder.client()?;
        client.send_raw(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000\r\nonly the beginning of")?;
        clients.push(client);
    }
    // All connections are there, with the expected numbers of greenlets and descriptors.
    eventually("1,000 connections", SOON, || {
        let holds = forwarder.holds()?;
        let all = holds["connections"] == CONNECTIONS
            && holds["fds"] == before["fds"] + 2 * CONNECTIONS
            && holds["greenlets"] == before["greenlets"] + 2 * CONNECTIONS
            && holds["watchers"] == before["watchers"] + 2 * CONNECTIONS;
        Ok(all.then_some(()))
    })?;
    // Half of the clients close in an orderly way, half with a reset.
    for client in clients.iter().step_by(2) {
        client.reset_on_drop()?;
    }
    drop(clients);
    expect_holding(&forwarder, &before)?;
    eventually("Redis to be left alone", SOON, || {
        Ok((server.info_number("clients", "connected_clients")? == 1).then_some(()))
    })?;
    assert_eq!(server.client()?.command(&[b"GET", b"key"])?, Reply::Bulk(None));
    Ok(())
}

#[test]
fn connections_dropped_within_a_reply_leave_nothing_behind() -> Result {
    let Some((server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let value = random_bytes(8 << 20);
    server.client()?.command(&[b"SET", b"big", &value])?;
    let before = forwarder.holds()?;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = forwarder.client()?;
        client.send(&[b"GET", b"big"])?;
        clients.push(client);
    }
    eventually("20 connections", SOON, || {
        Ok((forwarder.holds()?["connections"] == 20).then_some(()))
    })?;
    drop(clients);
    expect_holding(&forwarder, &before)
}

#[test]
fn client_that_stays_after_the_target_has_gone_is_let_go() -> Result {
    let target = TcpListener::bind("127.0.0.1:0")?;
    let forwarder = Forwarder::start(target.local_addr()?)?;
    let before = forwarder.holds()?;
    let mut client = connect(&forwarder)?;
    drop(target.accept()?);
    assert_eq!(client.read(&mut [0])?, 0);
    expect_holding(&forwarder, &before)
}

#[test]
fn idle_forwarder_uses_no_cpu() -> Result {
    const WATCHED: Duration = Duration::from_secs(2);
    let Some((_server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let mut client = forwarder.client()?;
    client.command(&[b"PING"])?;
    let process = &forwarder.process;
    let used = || -> Result<_> { Ok((process.cpu_ticks()?, process.voluntary_switches()?)) };
    // The forwarder may still be going to sleep, so this is tried again.
    eventually("a time without CPU ticks and wake-ups", SOON, || {
        let before = used()?;
        std::thread::sleep(WATCHED);
        Ok((used()? == before).then_some(()))
    })?;
    assert_eq!(client.command(&[b"PING"])?, Reply::Simple("PONG".into()));
    Ok(())
}

// Stopping

/// Checks that the forwarder ends by itself, in time and with success, after it has finished every connection.
fn expect_clean_end(forwarder: Forwarder) -> Result {
    let log = expect_end(forwarder)?;
    assert!(!log.contains("given up"), "{log}");
    Ok(())
}

/// Checks that the forwarder ends by itself, in time and with success, and that its port is closed. Returns its log.
fn expect_end(forwarder: Forwarder) -> Result<String> {
    let address = forwarder.address;
    let ended = forwarder.process.wait(END)?;
    assert!(ended.status.success(), "{:?}\n{}", ended.status, ended.stderr);
    for trouble in ["panicked", "failed with"] {
        assert!(!ended.stderr.contains(trouble), "{}", ended.stderr);
    }
    assert!(TcpStream::connect(address).is_err(), "somebody listens at {address}");
    Ok(ended.stderr)
}

#[test]
fn sigint_under_load_ends_it_cleanly() -> Result {
    let Some((server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let mut load = Process::spawn(&mut benchmark_command(
        &forwarder,
        &["-t", "set,get", "-c", "50", "-n", "100000000", "-q"],
    ))?;
    eventually("load", SOON, || {
        Ok((server.info_number("stats", "total_commands_processed")? > 10_000).then_some(()))
    })?;
    assert!(!load.has_ended()?);
    forwarder.interrupt()?;
    expect_clean_end(forwarder)?;
    eventually("Redis to be left alone", SOON, || {
        Ok((server.info_number("clients", "connected_clients")? == 1).then_some(()))
    })
}

#[test]
fn sigterm_ends_it_cleanly_with_an_idle_connection() -> Result {
    let Some((_server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let mut client = forwarder.client()?;
    client.command(&[b"PING"])?;
    forwarder.process.signal(Signal::TERM)?;
    client.expect_closed()?;
    drop(client);
    expect_clean_end(forwarder)
}

#[test]
fn long_reply_in_flight_at_sigint_finishes() -> Result {
    let Some((server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let value = random_bytes(64 << 20);
    let sum = Sha256::digest(&value);
    server.client()?.command(&[b"SET", b"big", &value])?;
    drop(value);

    let mut client = connect(&forwarder)?;
    client.write_all(b"GET big\r\n")?;
    let mut head = [0; 11];
    client.read_exact(&mut head)?;
    assert_eq!(&head, b"$67108864\r\n");
    forwarder.interrupt()?;
    let mut rest = Vec::new();
    client.read_to_end(&mut rest)?;
    drop(client);
    assert_eq!(rest.len(), (64 << 20) + 2);
    assert_eq!(Sha256::digest(&rest[..64 << 20]), sum);
    expect_clean_end(forwarder)
}

#[test]
fn request_that_has_begun_at_sigint_is_answered() -> Result {
    let Some((server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let mut client = forwarder.client()?;
    client.send_raw(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$10\r\nfirst")?;
    eventually("Redis to have the first part", SOON, || {
        let clients = server.client()?.command(&[b"CLIENT", b"LIST"])?;
        let clients = String::from_utf8(clients.into_bulk()?)?;
        let mut silent = clients.lines().filter(|line| line.contains(" cmd=NULL "));
        Ok(silent.any(|line| !line.contains(" qbuf=0 ")).then_some(()))
    })?;
    forwarder.interrupt()?;
    client.send_raw(b"-last\r\n")?;
    assert_eq!(client.reply()?, Reply::Simple("OK".into()));
    client.expect_closed()?;
    drop(client);
    assert_eq!(server.client()?.command(&[b"GET", b"key"])?.into_bulk()?, b"first-last");
    expect_clean_end(forwarder)
}

#[test]
fn slow_reply_at_sigint_arrives() -> Result {
    // The target is this test itself, which answers slowly.
    let target = TcpListener::bind("127.0.0.1:0")?;
    let forwarder = Forwarder::start(target.local_addr()?)?;
    let mut client = connect(&forwarder)?;
    client.write_all(b"question")?;
    let (mut served, _) = target.accept()?;
    let mut question = [0; 8];
    served.read_exact(&mut question)?;
    forwarder.interrupt()?;
    // This is longer than the time after which a connection counts as quiet.
    std::thread::sleep(Duration::from_millis(600));
    served.write_all(b"answer")?;
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    assert_eq!(answer, "answer");
    drop(client);
    expect_clean_end(forwarder)
}

#[test]
fn stalled_client_does_not_keep_it_from_ending() -> Result {
    let Some((_server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let mut client = forwarder.client()?;
    client.send_raw(b"*2\r\n$3\r\nGET\r\n$100\r\nand then nothing")?;
    eventually("the connection", SOON, || {
        Ok((forwarder.holds()?["connections"] == 1).then_some(()))
    })?;
    forwarder.interrupt()?;
    let log = expect_end(forwarder)?;
    assert!(log.contains("given up: 1 connections"), "{log}");
    client.expect_closed()
}

#[test]
fn second_signal_aborts() -> Result {
    let target = TcpListener::bind("127.0.0.1:0")?;
    let forwarder = Forwarder::start(target.local_addr()?)?;
    let mut client = connect(&forwarder)?;
    client.write_all(b"never answered")?;
    let (mut served, _) = target.accept()?;
    served.read_exact(&mut [0; 14])?;
    forwarder.interrupt()?;
    forwarder.process.signal(Signal::INT)?;
    let ended = forwarder.process.wait(SOON)?;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("aborting"), "{}", ended.stderr);
    Ok(())
}

// Bad input

/// Checks that the forwarder names the mistake in one line, and fails.
fn expect_one_line_error(arguments: &[&str], status: i32, parts: &[&str]) -> Result {
    let ended = forwarder::run(arguments)?;
    assert_eq!(ended.status.code(), Some(status), "{arguments:?}: {}", ended.stderr);
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    for part in parts {
        assert!(ended.stderr.contains(part), "no {part:?} in {:?}", ended.stderr);
    }
    Ok(())
}

#[test]
fn wrong_arguments_are_a_usage_error() -> Result {
    expect_one_line_error(&[], 2, &["usage"])?;
    expect_one_line_error(&["127.0.0.1:0"], 2, &["usage"])?;
    expect_one_line_error(&["127.0.0.1:0", "127.0.0.1:1", "more"], 2, &["usage"])
}

#[test]
fn port_in_use_is_a_clear_error() -> Result {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    expect_one_line_error(&[&address, "127.0.0.1:1"], 1, &[&address, "in use"])
}

#[test]
fn address_that_does_not_resolve_is_a_clear_error() -> Result {
    expect_one_line_error(
        &["127.0.0.1:0", "no.such.host.invalid:6379"],
        1,
        &["no.such.host.invalid:6379"],
    )?;
    expect_one_line_error(
        &["no.such.host.invalid:0", "127.0.0.1:1"],
        1,
        &["no.such.host.invalid:0"],
    )?;
    expect_one_line_error(&["127.0.0.1:0", "no-port"], 1, &["no-port"])?;
    expect_one_line_error(&["127.0.0.1:0", "127.0.0.1:99999"], 1, &["127.0.0.1:99999"])
}

#[test]
fn target_that_refuses_closes_the_connection() -> Result {
    // The socket is bound but does not listen, so the port refuses connections, and no other program can take it.
    let nobody = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    nobody.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>()?.into())?;
    let target = nobody.local_addr()?.as_socket().ok_or("no address")?;
    let forwarder = Forwarder::start(target)?;
    let before = forwarder.holds()?;
    for _ in 0..50 {
        forwarder.client()?.expect_closed()?;
    }
    let log = forwarder.process.stderr().line_with("failed to connect", 0, SOON)?;
    assert!(log.contains(&target.to_string()) && log.contains("refused"), "{log}");
    expect_holding(&forwarder, &before)?;
    forwarder.interrupt()?;
    expect_clean_end(forwarder)
}

#[test]
fn garbage_harms_nobody() -> Result {
    let Some((_server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let before = forwarder.holds()?;
    for seed in 1..20_usize {
        let mut client = forwarder.client()?;
        // After a protocol error Redis closes the connection, perhaps before it has read all that was sent.
        client.send_raw(b"*1\r\n$nonsense\r\n")?;
        let _ = client.send_raw(&random_bytes(seed * 4096));
        let mut reply = client.reply();
        if let Ok(Reply::Error(text)) = &reply {
            assert!(text.contains("Protocol error"), "{text}");
            reply = client.reply();
        }
        assert!(reply.is_err(), "{reply:?}");
    }
    expect_holding(&forwarder, &before)?;
    assert_eq!(forwarder.client()?.command(&[b"PING"])?, Reply::Simple("PONG".into()));
    Ok(())
}

#[test]
fn stalled_clients_do_not_stall_the_others() -> Result {
    let Some((server, forwarder)) = redis_behind_forwarder()? else {
        return Ok(());
    };
    let value = random_bytes(8 << 20);
    server.client()?.command(&[b"SET", b"big", &value])?;
    let before = forwarder.holds()?;
    let mut stalled: Vec<Client> = Vec::new();
    for _ in 0..10 {
        let mut half_a_request = forwarder.client()?;
        half_a_request.send_raw(b"*2\r\n$3\r\nGET\r\n$3\r\nb")?;
        let mut reads_nothing = forwarder.client()?;
        reads_nothing.send(&[b"GET", b"big"])?;
        stalled.extend([half_a_request, reads_nothing]);
    }
    let mut client = forwarder.client()?;
    for _ in 0..100 {
        assert_eq!(client.command(&[b"PING"])?, Reply::Simple("PONG".into()));
    }
    // A client that goes on to read gets its whole answer.
    let whole = stalled.get_mut(1).ok_or("none")?.reply()?.into_bulk()?;
    assert_eq!(Sha256::digest(&whole), Sha256::digest(&value));
    drop((stalled, client));
    expect_holding(&forwarder, &before)
}
