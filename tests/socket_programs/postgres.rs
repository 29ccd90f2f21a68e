//! psql copies a table from a file and to a file, by its own protocol, through a forwarder in front of a PostgreSQL.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use gevent::socket::SocketAddress;
use rustix::process::{Signal, getuid};

use crate::common::folder::Folder;
use crate::common::forwarder::Forwarder as Example;
use crate::common::installed::{installed, say_skipped};
use crate::common::process::Process;
use crate::common::redis::loopback_address;
use crate::common::{Result, SOON, eventually};
use crate::forwarder::Forwarder;
use crate::{RUN, Random, amount, sum};

/// The folder of PostgreSQL's own programs, of which Debian has several versions.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders.find(|folder| folder.join("initdb").exists())
}

/// A program that PostgreSQL does not run as root runs as the user that Debian has for it.
fn command(program: &Path) -> Command {
    if !getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
    command.arg(program);
    command
}

/// A PostgreSQL of its own, with an empty database, at a port and at a path.
struct Server {
    port: u16,
    folder: Folder,
    process: Option<Process>,
}

impl Server {
    fn start(programs: &Path) -> Result<Server> {
        let folder = Folder::new()?;
        let mut init = command(&programs.join("initdb"));
        init.arg("-D").arg(folder.path("data"));
        let ended =
            Process::spawn(init.args(["-A", "trust", "-U", "tester", "-E", "UTF8", "--locale=C", "--no-sync"]))?
                .wait(RUN)?;
        if !ended.status.success() {
            return Err(format!("initdb: {}{}", ended.stdout, ended.stderr).into());
        }
        // Another program may take the port before it does. It ends then, and another port is tried.
        for _ in 0..5 {
            let port = TcpListener::bind((loopback_address(), 0))?.local_addr()?.port();
            let mut process = Server::run(programs, &folder, port)?;
            let up = eventually("PostgreSQL", SOON, || {
                let ended = process.has_ended()?;
                let up = process.stderr().text().contains("ready to accept connections");
                Ok((ended || up).then_some(!ended))
            })?;
            if up {
                return Ok(Server {
                    port,
                    folder,
                    process: Some(process),
                });
            }
        }
        Err("PostgreSQL does not stay up".into())
    }

    fn run(programs: &Path, folder: &Folder, port: u16) -> Result<Process> {
        let mut run = command(&programs.join("postgres"));
        run.arg("-D").arg(folder.path("data"));
        let settings = [
            format!("listen_addresses={}", loopback_address()),
            format!("port={port}"),
            format!("unix_socket_directories={}", folder.path("").display()),
            "fsync=off".to_owned(),
        ];
        for setting in &settings {
            run.args(["-c", setting]);
        }
        Process::spawn(&mut run)
    }

    /// Has psql do this at a host, which may be the folder of a Unix socket.
    fn psql(&self, host: &str, port: u16, what: &str) -> Result<String> {
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
    fn copy_both_ways(&self, host: &str, port: u16, rows: &Path, table: &str) -> Result {
        self.psql(
            host,
            port,
            &format!("CREATE UNLOGGED TABLE {table} (number int, text text)"),
        )?;
        self.psql(host, port, &format!("\\copy {table} FROM '{}'", rows.display()))?;
        let copy = self.folder.path(table);
        self.psql(
            host,
            port,
            &format!("\\copy (SELECT * FROM {table} ORDER BY number) TO '{}'", copy.display()),
        )?;
        let (sent, got) = (sum(rows)?, sum(&copy)?);
        assert_eq!(got, sent, "{table}");
        fs::remove_file(copy)?;
        // The server itself has what was sent, too.
        let direct = self.folder.path("").display().to_string();
        let len = self.psql(
            &direct,
            self.port,
            &format!("SELECT sum(length(number::text) + length(text) + 2) FROM {table}"),
        )?;
        assert_eq!(len.trim(), sent.0.to_string(), "{table}");
        self.psql(&direct, self.port, &format!("DROP TABLE {table}"))?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It removes its shared memory. An error means that it has ended already.
        if let Some(process) = self.process.take() {
            let _ = process.signal(Signal::INT).and_then(|()| process.wait(SOON));
        }
    }
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
    if !installed(&["psql", "setpriv"], "postgresql") {
        return Ok(());
    }
    let Some(programs) = programs() else {
        say_skipped("initdb not found: install Debian's package `postgresql`".to_owned());
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
        server.copy_both_ways(&host, port, &rows, &format!("tcp_{of_target}"))?;
        forwarder.end()?;

        let folder = Folder::new()?;
        let front = SocketAddress::Unix(folder.path(&socket_name(7)));
        let forwarder = Forwarder::of_connections(front, target)?;
        let host = folder.path("").display().to_string();
        server.copy_both_ways(&host, 7, &rows, &format!("unix_{of_target}"))?;
        forwarder.end()?;
    }
    let example = Example::start(inet)?;
    let (host, port) = (example.address.ip().to_string(), example.address.port());
    server.copy_both_ways(&host, port, &rows, "example")
}
