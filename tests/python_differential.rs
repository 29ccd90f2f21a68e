//! Compares [`Socket`] with Python's own: random programs, run here and by `python/sockets.py`, must see the same
//! values and the same numbers of errors.
//!
//! `DIFFERENTIAL=100000 cargo test --test python_differential` tries more of them. It needs `python3`.

mod python;
mod support;

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::AsFd;

use gevent::socket::{
    AF_INET, AF_INET6, AF_UNIX, Ancillary, SO_BROADCAST, SO_KEEPALIVE, SO_REUSEADDR, SO_TYPE, SOCK_DGRAM, SOCK_STREAM,
    SOL_SOCKET, SendAllError, SendAncillary, Socket, SocketAddress, socketpair_with,
};

use python::Driver;
use support::{TestResult, bounded};

/// What the names of this process begin with.
fn prefix() -> String {
    format!("\0gevent-differential-rs-{}-", std::process::id())
}
/// How many seconds a call waits for what must come.
const WAIT: f64 = 2.0;

/// A random program: its lines, and what is known of its sockets.
struct Writer {
    state: u64,
    seed: u64,
    lines: Vec<String>,
    /// The slots whose sockets have a TCP connection, or may get one. What the other side of it does arrives at some
    /// time, so they are not asked for that.
    busy: Vec<bool>,
    /// The slots whose sockets may be shut down. Of such a datagram socket Python receives the end without a time, but
    /// nothing until its time is over.
    shut: Vec<bool>,
    names: usize,
}

const SLOTS: usize = 6;

impl Writer {
    fn below(&mut self, n: usize) -> usize {
        self.state = self
            .state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.state >> 33) as usize % n
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn slot(&mut self) -> usize {
        self.below(SLOTS)
    }

    fn line(&mut self, line: impl Display) {
        self.lines.push(line.to_string());
    }

    fn address(&mut self) -> String {
        match self.below(12) {
            0 => "inet 127.0.0.1 65536".to_owned(),
            1 => "inet ::1 0".to_owned(),
            2 => "path 200".to_owned(),
            3..6 => {
                self.names += 1;
                format!("unix @{}-{}", self.seed, self.names % 3)
            }
            6 | 7 => "inet 127.0.0.1 0".to_owned(),
            _ => format!("slot {}", self.slot()),
        }
    }

    fn new_socket(&mut self) {
        let slot = self.slot();
        (self.busy[slot], self.shut[slot]) = (false, false);
        let family = self.of(&[AF_INET, AF_INET, AF_INET6, AF_UNIX, AF_UNIX]);
        match self.below(5) {
            0 => {
                let other = (slot + 1 + self.below(SLOTS - 1)) % SLOTS;
                (self.busy[other], self.shut[other]) = (false, false);
                let family = self.of(&[AF_UNIX, AF_UNIX, AF_UNIX, AF_INET]);
                let kind = self.of(&[SOCK_STREAM, SOCK_DGRAM, libc::SOCK_SEQPACKET]);
                self.line(format!("pair {slot} {other} {family} {kind} 0"));
                if self.below(2) == 0 {
                    self.line(format!("setsockopt {other} {SOL_SOCKET} {} 1", libc::SO_PASSCRED));
                }
                for _ in 0..self.below(4) {
                    self.sendmsg(slot);
                    self.recvmsg(other);
                }
            }
            1 => {
                let kind = self.of(&[SOCK_STREAM | libc::SOCK_CLOEXEC, libc::SOCK_SEQPACKET, 77]);
                let proto = self.of(&[0, libc::IPPROTO_TCP, libc::IPPROTO_UDP]);
                self.line(format!("new {slot} {family} {kind} {proto}"));
            }
            _ => {
                let kind = self.of(&[SOCK_STREAM, SOCK_DGRAM]);
                self.line(format!("new {slot} {family} {kind} 0"));
            }
        }
    }

    fn sendmsg(&mut self, slot: usize) {
        let (len, fds) = (self.of(&[0, 1, 7, 3000]), self.of(&[-1, 0, 1, 3, 3, 254]));
        let flags = self.of(&[0, libc::MSG_DONTWAIT]);
        match self.below(3) {
            0 => {
                let address = self.address();
                self.line(format!("sendmsg_to {slot} {len} {fds} {flags} {address}"));
            }
            _ => self.line(format!("sendmsg {slot} {len} {fds} {flags}")),
        }
    }

    fn recvmsg(&mut self, slot: usize) {
        let (op, len) = (
            self.of(&["recvmsg", "recvmsg", "recvmsg_into"]),
            self.of(&[0, 1, 100, 3000]),
        );
        let (room, flags) = (
            self.of(&[0, 1, 19, 20, 24, 28, 60, 100, 999]),
            self.of(&[0, 0, libc::MSG_PEEK, libc::MSG_DONTWAIT]),
        );
        self.line(format!("{op} {slot} {len} {room} {flags}"));
    }

    /// One or several lines.
    fn step(&mut self) {
        let (slot, len) = (self.slot(), self.of(&[0, 1, 7, 100, 3000]));
        let flags = self.of(&[0, 0, libc::MSG_PEEK, libc::MSG_DONTWAIT]);
        match self.below(41) {
            0..4 => self.new_socket(),
            4..6 => {
                let address = self.address();
                self.line(format!("bind {slot} {address}"));
            }
            6 => {
                let backlog = self.of(&[5, 100, -1]);
                self.busy[slot] = true;
                self.line(format!("listen {slot} {backlog}"));
            }
            7 | 8 => {
                let new = self.slot();
                // Descriptors that are replaced are closed.
                if !self.busy[new] {
                    self.busy[new] = true;
                    self.line(format!("accept {slot} {new}"));
                }
            }
            9..12 => {
                let (how, address) = (self.of(&["connect", "connect_ex"]), self.address());
                self.busy[slot] = true;
                // Connecting with TCP takes a moment.
                self.line(format!("settimeout {slot} {WAIT}"));
                self.line(format!("{how} {slot} {address}"));
                self.line(format!("settimeout {slot} 0"));
            }
            12..15 => {
                match self.below(2) {
                    0 => self.line(format!("send {slot} {len}")),
                    // As in gevent, nothing to send is no call.
                    _ => self.line(format!("sendall {slot} {}", len.max(1))),
                }
            }
            15 => {
                let address = self.address();
                self.line(format!("sendto {slot} {len} {address}"));
            }
            16 if !self.busy[slot] && !self.shut[slot] => {
                let bufsize = self.of(&[1, 100, 3000]);
                self.line(format!("to_itself {slot} {len} {bufsize}"));
            }
            17..20 if !self.busy[slot] => self.line(format!("recv {slot} {len} {flags}")),
            20 if !self.busy[slot] => self.line(format!("recv_into {slot} {}", len.max(1))),
            21..23 if !self.busy[slot] => self.line(format!("recvfrom {slot} {} {flags}", len.max(1))),
            23 if !self.busy[slot] => {
                let how = self.below(3);
                self.shut[slot] = true;
                self.line(format!("shutdown {slot} {how}"));
            }
            24 => {
                let timeout = self.of(&["0", "-1"]);
                self.line(format!("settimeout {slot} {timeout}"));
            }
            // With a time, Python waits before the call, and gevent after it: a call that fails may differ otherwise.
            33 if !self.busy[slot] && !self.shut[slot] => {
                self.line(format!("settimeout {slot} 0.001"));
                self.line(format!("recvfrom {slot} {} 0", len.max(1)));
                self.line(format!("settimeout {slot} 0"));
            }
            25 => {
                let op = self.of(&["gettimeout", "kind", "fileno", "setblocking"]);
                self.line(format!("{op} {slot}"));
            }
            26 => {
                let name = self.of(&[SO_TYPE, SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST, 9999]);
                match self.below(3) {
                    0 => self.line(format!("setsockopt {slot} {SOL_SOCKET} {name} 1")),
                    1 => self.line(format!("getsockopt {slot} {SOL_SOCKET} {name}")),
                    _ => {
                        let len = self.of(&[1, 4, 8, 1025]);
                        self.line(format!("getsockopt_bytes {slot} {SOL_SOCKET} {name} {len}"));
                    }
                }
            }
            27 | 28 => self.line(format!("getsockname {slot}")),
            29 => self.line(format!("getpeername {slot}")),
            30 if !self.busy[slot] => {
                let new = self.slot();
                if !self.busy[new] {
                    // What is done to one is done to both.
                    (self.busy[slot], self.busy[new]) = (true, true);
                    self.line(format!("dup {slot} {new}"));
                }
            }
            34..37 => self.sendmsg(slot),
            37..40 if !self.busy[slot] => self.recvmsg(slot),
            40 => self.line(format!("setsockopt {slot} {SOL_SOCKET} {} 1", libc::SO_PASSCRED)),
            31 if !self.busy[slot] => self.line(format!("close {slot}")),
            32 if !self.busy[slot] => self.line(format!("detach {slot}")),
            _ => {}
        }
    }

    fn program(seed: u64) -> Vec<String> {
        let mut writer = Writer {
            state: seed,
            seed,
            lines: Vec::new(),
            busy: vec![false; SLOTS],
            shut: vec![false; SLOTS],
            names: 0,
        };
        for _ in 0..4 {
            writer.new_socket();
        }
        for _ in 0..60 {
            writer.step();
        }
        writer.lines
    }
}

/// The sockets of a program that runs here.
#[derive(Default)]
struct Ours {
    sockets: HashMap<String, Socket>,
    /// How many have connected to a slot and are not accepted yet.
    came: HashMap<String, usize>,
}

/// Python's words for a value.
fn none<T>(_: T) -> String {
    "None".to_owned()
}

fn flag(is: bool) -> &'static str {
    if is { "True" } else { "False" }
}

fn seconds(timeout: Option<f64>) -> String {
    timeout.map_or("None".to_owned(), |seconds| format!("{seconds:?}"))
}

fn text(data: Vec<u8>) -> String {
    String::from_utf8(data).expect("these are letters")
}

/// What has come, by kind.
fn received(ancdata: &[Ancillary]) -> String {
    let kinds = ancdata.iter().map(|item| match item {
        Ancillary::Rights(fds) => format!("rights:{}", fds.len()),
        Ancillary::Credentials(_) => "credentials".to_owned(),
        Ancillary::Other { level, type_, data } => format!("{level}:{type_}:{}", data.len()),
        other => panic!("{other:?}"),
    });
    kinds.collect::<Vec<_>>().join("+")
}

fn shown(address: Option<SocketAddress>) -> String {
    match address {
        None => "None".to_owned(),
        Some(SocketAddress::Inet(address)) => format!("{} {}", address.ip(), flag(address.port() != 0)),
        Some(SocketAddress::Inet6(address)) => {
            let (flow, scope) = (address.flowinfo(), address.scope_id());
            format!("{} {} {flow} {scope}", address.ip(), flag(address.port() != 0))
        }
        Some(SocketAddress::Unix(path)) => match path.to_str().expect("it is text") {
            "" => "''".to_owned(),
            path if path.starts_with(&prefix()) => path.replace(&prefix(), "@"),
            _ => "chosen".to_owned(),
        },
        Some(other) => other.to_string(),
    }
}

impl Ours {
    fn put(&mut self, slot: &str, socket: Socket) {
        self.sockets.insert(slot.to_owned(), socket);
        self.came.remove(slot);
    }

    fn socket(&self, slot: &str) -> &Socket {
        &self.sockets[slot]
    }

    fn address(&self, words: &[&str]) -> io::Result<SocketAddress> {
        Ok(match words {
            ["unix", name] => name.replace('@', &prefix()).as_str().into(),
            ["path", len] => "x".repeat(number(len)).as_str().into(),
            ["inet", host, port] => SocketAddress::host(host, number(port))?,
            [_, slot] => self.socket(slot).getsockname()?,
            _ => panic!("{words:?}"),
        })
    }

    fn has_come(&self, slot: &str, to: &str) -> io::Result<bool> {
        let connects = self.socket(slot).type_()? != SOCK_DGRAM;
        Ok(connects && self.socket(to).getsockopt(SOL_SOCKET, libc::SO_ACCEPTCONN)? != 0)
    }

    fn waits<T>(&self, slot: &str, call: impl FnOnce(&Socket) -> io::Result<T>) -> io::Result<T> {
        let old = self.socket(slot).gettimeout();
        self.socket(slot).settimeout(WAIT)?;
        let result = call(self.socket(slot));
        self.socket(slot).settimeout(old)?;
        result
    }

    fn accept(&mut self, slot: &str, new: &str) -> io::Result<String> {
        let came = self.came.entry(slot.to_owned()).or_default();
        let (connection, address) = match *came {
            0 => self.socket(slot).accept()?,
            _ => {
                *came -= 1;
                self.waits(slot, Socket::accept)?
            }
        };
        let was = seconds(connection.gettimeout());
        connection.setblocking(false);
        self.put(new, connection);
        Ok(format!("{} {was}", shown(Some(address))))
    }

    fn to_itself(&self, slot: &str, count: usize, bufsize: usize) -> io::Result<String> {
        let socket = self.socket(slot);
        if socket.type_()? != SOCK_DGRAM {
            return Ok("none".to_owned());
        }
        let sent = socket.sendto(&vec![b'e'; count], socket.getsockname()?)?;
        let (data, from) = self.waits(slot, |socket| socket.recvfrom(bufsize))?;
        let same = from == Some(socket.getsockname()?);
        Ok(format!("{sent} {} {}", data.len(), flag(same)))
    }

    fn run(&mut self, line: &str) -> io::Result<String> {
        let words: Vec<_> = line.split(' ').collect();
        let (op, slot, words) = (words[0], words[1], &words[2..]);
        let numbers: Vec<i32> = words.iter().filter_map(|word| word.parse().ok()).collect();
        // What was there is closed, also if there is nothing new.
        match op {
            "new" => drop(self.sockets.remove(slot)),
            "pair" => [slot, words[0]]
                .iter()
                .for_each(|slot| drop(self.sockets.remove(*slot))),
            _ => {}
        }
        match op {
            "new" => {
                let socket = Socket::new(numbers[0], numbers[1], numbers[2])?;
                let was = seconds(socket.gettimeout());
                socket.setblocking(false);
                self.put(slot, socket);
                return Ok(was);
            }
            "pair" => {
                let (a, b) = socketpair_with(numbers[1], numbers[2], numbers[3])?;
                a.setblocking(false);
                b.setblocking(false);
                self.put(slot, a);
                self.put(words[0], b);
                return Ok(none(()));
            }
            _ => {}
        }
        let other = words.contains(&"slot").then(|| words[words.len() - 1]);
        if !self.sockets.contains_key(slot) || other.is_some_and(|other| !self.sockets.contains_key(other)) {
            return Ok("none".to_owned());
        }
        if op == "accept" {
            return self.accept(slot, words[0]);
        }
        let socket = self.socket(slot).clone();
        let size = || numbers[0] as usize;
        Ok(match op {
            // Another program may have the port by now.
            "bind" if other.is_some_and(|other| self.socket(other).family().ok() != Some(AF_UNIX)) => "none".to_owned(),
            "bind" => socket.bind(self.address(words)?).map(none)?,
            "connect" | "connect_ex" => {
                let address = self.address(words)?;
                let done = match op {
                    "connect" => socket.connect(address).map(|()| 0)?,
                    _ => socket.connect_ex(address)?,
                };
                if let (0, Some(other)) = (done, other)
                    && self.has_come(slot, other)?
                {
                    *self.came.entry(other.to_owned()).or_default() += 1;
                }
                if op == "connect" { none(()) } else { done.to_string() }
            }
            "send" => socket.send(&vec![b's'; size()])?.to_string(),
            "sendall" => socket.sendall(&vec![b'a'; size()]).map(none)?,
            "sendto" => socket
                .sendto(&vec![b't'; size()], self.address(&words[1..])?)?
                .to_string(),
            "to_itself" => self.to_itself(slot, size(), numbers[1] as usize)?,
            "recv" => text(socket.recv_with_flags(size(), numbers[1])?),
            "recv_into" => {
                let mut buf = vec![0; size()];
                let n = socket.recv_into(&mut buf)?;
                buf.truncate(n);
                format!("{n} {}", text(buf))
            }
            "recvfrom" => {
                let (data, address) = socket.recvfrom_with_flags(size(), numbers[1])?;
                format!("{} {}", text(data), shown(address))
            }
            "sendmsg" | "sendmsg_to" => {
                let (data, null) = (
                    [vec![b'm'; size() / 2], vec![b'n'; size() - size() / 2]],
                    File::open("/dev/null")?,
                );
                let data = [IoSlice::new(&data[0]), IoSlice::new(&data[1])];
                let fds = usize::try_from(numbers[1]).ok().map(|fds| vec![null.as_fd(); fds]);
                let ancdata: Vec<_> = fds.iter().map(|fds| SendAncillary::Rights(fds)).collect();
                let sent = match op {
                    "sendmsg" => socket.sendmsg_with_flags(&data, &ancdata, numbers[2]),
                    _ => socket.sendmsg_to(&data, &ancdata, numbers[2], self.address(&words[3..])?),
                };
                sent?.to_string()
            }
            "recvmsg" => {
                let (data, ancdata, flags, address) =
                    socket.recvmsg_with_flags(size(), numbers[1] as usize, numbers[2])?;
                format!("{} {} {flags} {}", text(data), received(&ancdata), shown(address))
            }
            "recvmsg_into" => {
                let (mut one, mut two) = (vec![0; size()], [0; 2]);
                let mut bufs = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
                let (n, ancdata, flags, address) =
                    socket.recvmsg_into_with_flags(&mut bufs, numbers[1] as usize, numbers[2])?;
                let mut data = [&one[..], &two].concat();
                data.truncate(n);
                format!("{n} {} {} {flags} {}", text(data), received(&ancdata), shown(address))
            }
            "listen" => socket.listen(numbers[0]).map(none)?,
            "settimeout" => socket.settimeout(number::<f64>(words[0])).map(none)?,
            "setblocking" => {
                socket.setblocking(false);
                none(())
            }
            "gettimeout" => format!("{} {}", seconds(socket.gettimeout()), flag(socket.getblocking())),
            "kind" => format!("{} {} {}", socket.family()?, socket.type_()?, socket.proto()?),
            "getsockopt" => socket.getsockopt(numbers[0], numbers[1])?.to_string(),
            "getsockopt_bytes" => {
                let bytes = socket.getsockopt_bytes(numbers[0], numbers[1], numbers[2] as usize)?;
                bytes.iter().map(|byte| format!("{byte:02x}")).collect()
            }
            "setsockopt" => socket.setsockopt(numbers[0], numbers[1], numbers[2]).map(none)?,
            "getsockname" => shown(Some(socket.getsockname()?)),
            "getpeername" => shown(Some(socket.getpeername()?)),
            "shutdown" => {
                let how = [Shutdown::Read, Shutdown::Write, Shutdown::Both][size()];
                socket.shutdown(how).map(none)?
            }
            "dup" => {
                let copy = socket.dup()?;
                let timeout = seconds(copy.gettimeout());
                self.put(words[0], copy);
                timeout
            }
            "close" => {
                socket.close();
                none(())
            }
            "detach" => socket.detach().map(none)?,
            "fileno" => flag(socket.fileno() >= 0).to_owned(),
            _ => panic!("{line}"),
        })
    }

    fn answer(&mut self, line: &str) -> String {
        let error = match self.run(line) {
            Ok(value) => return value,
            Err(error) => error,
        };
        let inside = error.get_ref().and_then(|inside| inside.downcast_ref::<SendAllError>());
        let error = inside.map_or(&error, |inside| &inside.source);
        match error.raw_os_error() {
            Some(number) => format!("E{number}"),
            None if error.kind() == io::ErrorKind::TimedOut => "timeout".to_owned(),
            None if error.kind() == io::ErrorKind::InvalidInput => "bad".to_owned(),
            None => panic!("{line}: {error:?}"),
        }
    }
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().ok().expect("it is a number")
}

/// The number of programs to run.
fn count() -> u64 {
    let count = std::env::var("DIFFERENTIAL").ok();
    count.and_then(|count| count.parse().ok()).unwrap_or(100)
}

#[test]
fn random_programs_see_of_a_socket_what_they_see_of_pythons() -> TestResult {
    let Some(mut python) = Driver::new("tests/python/sockets.py") else {
        eprintln!("SKIPPED: there is no python3 to compare with");
        return Ok(());
    };
    let (mut values, mut passed) = (0, 0);
    for seed in 0..count() {
        let _bounded = bounded();
        let program = Writer::program(seed);
        let theirs = python.answers(&program)?;
        let mut ours = Ours::default();
        let ours: Vec<_> = program.iter().map(|line| ours.answer(line)).collect();
        for (at, (their, our)) in theirs.iter().zip(&ours).enumerate() {
            let before = || {
                program[..=at]
                    .iter()
                    .zip(&theirs)
                    .map(|(line, their)| format!("{line}: {their}\n"))
            };
            assert_eq!(
                their,
                our,
                "seed {seed}, Python and ours\n{}",
                before().collect::<String>()
            );
        }
        assert_eq!(theirs.len(), program.len(), "Python has ended");
        passed += theirs.iter().filter(|answer| answer.contains(" rights:")).count() as u64;
        values += theirs
            .iter()
            .filter(|answer| !answer.starts_with('E') && *answer != "none")
            .count() as u64;
    }
    assert!(values > 20 * count(), "most calls have failed");
    assert!(passed > count() / 10, "no descriptors have come");
    Ok(())
}
