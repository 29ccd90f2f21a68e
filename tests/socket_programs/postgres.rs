//! psql copies a table from a file and to a file, by its own protocol, through a forwarder in front of a PostgreSQL.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use gevent::socket::SocketAddress;

use crate::common::Result;
use crate::common::folder::Folder;
use crate::common::forwarder::Forwarder as Example;
use crate::common::postgres::{Server, programs};
use crate::common::process::Process;
use crate::common::redis::loopback_address;
use crate::forwarder::Forwarder;
use crate::{RUN, Random, amount, sum};

/// Has psql do this at a host, which may be the folder of a Unix socket.
fn psql(host: &str, port: u16, what: &str) -> Result<String> {
    let mut psql = Command::new("psql");
    psql.args([
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-U",
        "tester",
        "-d",
        "postgres",
    ]);
    psql.args(["-h", host, "-p", &port.to_string(), "-c", what]);
    let ended = Process::spawn(&mut psql)?.wait(RUN)?;
    match ended.status.success() {
        true => Ok(ended.stdout),
        false => Err(format!("psql {what}: {}", ended.stderr).into()),
    }
}

/// Copies a file into a table and out again, through a forwarder.
fn copy_both_ways(server: &Server, host: &str, port: u16, rows: &Path, table: &str) -> Result {
    psql(
        host,
        port,
        &format!("CREATE UNLOGGED TABLE {table} (number int, text text)"),
    )?;
    psql(host, port, &format!("\\copy {table} FROM '{}'", rows.display()))?;
    let copy = server.folder.path(table);
    psql(
        host,
        port,
        &format!("\\copy (SELECT * FROM {table} ORDER BY number) TO '{}'", copy.display()),
    )?;
    let (sent, got) = (sum(rows)?, sum(&copy)?);
    assert_eq!(got, sent, "{table}");
    fs::remove_file(copy)?;
    // The server itself has what was sent, too.
    let direct = server.folder.path("").display().to_string();
    let len = psql(
        &direct,
        server.port,
        &format!("SELECT sum(length(number::text) + length(text) + 2) FROM {table}"),
    )?;
    assert_eq!(len.trim(), sent.0.to_string(), "{table}");
    psql(&direct, server.port, &format!("DROP TABLE {table}"))?;
    Ok(())
}

/// Writes rows as psql copies them: a number and a text.
fn write_rows(path: &Path, len: usize) -> Result {
    let (mut random, mut written) = (Random(0x9e37_79b9_7f4a_7c15), 0);
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0.. {
        if written >= len {
            break;
        }
        let mut row = format!("{number}\t");
        for _ in 0..random.next() % 30 {
            row += &format!("{:016x}", random.next());
        }
        row.push('\n');
        file.write_all(row.as_bytes())?;
        written += row.len();
    }
    Ok(file.flush()?)
}

#[test]
fn copies_of_psql_arrive_identical() -> Result {
    let Some(programs) = programs() else {
        return Ok(());
    };
    let server = Server::start(&programs)?;
    let rows = server.folder.path("rows");
    write_rows(&rows, amount(4)?)?;

    let inet = SocketAddr::from((loopback_address(), server.port));
    let socket_name = |port: u16| format!(".s.PGSQL.{port}");
    let unix = SocketAddress::Unix(server.folder.path(&socket_name(server.port)));
    for (target, of_target) in [(SocketAddress::from(inet), "tcp"), (unix, "unix")] {
        let forwarder = Forwarder::of_connections(("127.0.0.1", 0).into(), target.clone())?;
        let SocketAddress::Inet(address) = &forwarder.address else {
            return Err("it listens at a port".into());
        };
        let (host, port) = (address.ip().to_string(), address.port());
        copy_both_ways(&server, &host, port, &rows, &format!("tcp_{of_target}"))?;
        forwarder.end()?;

        let folder = Folder::new()?;
        let front = SocketAddress::Unix(folder.path(&socket_name(7)));
        let forwarder = Forwarder::of_connections(front, target)?;
        let host = folder.path("").display().to_string();
        copy_both_ways(&server, &host, 7, &rows, &format!("unix_{of_target}"))?;
        forwarder.end()?;
    }
    let example = Example::start(inet)?;
    let (host, port) = (example.address.ip().to_string(), example.address.port());
    copy_both_ways(&server, &host, port, &rows, "example")
}
