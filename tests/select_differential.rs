//! Compares `select`, `poll` and selectors with Python's own: random programs, run here and by `python/selects.py`,
//! must see the same descriptors, events and errors. In a process of its own, so that the numbers of descriptors are
//! used again in both in the same way.
//!
//! `DIFFERENTIAL=100000 cargo test --test select_differential` tries more of them. It needs `python3`.

mod python;
mod support;

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use gevent::Exception;
use gevent::core::{BadFd, Events, IllegalEvents};
use gevent::exceptions::InvalidSeconds;
use gevent::select::{NotRegistered, POLLIN, POLLOUT, POLLPRI, Poll, select_timeout};
use gevent::selectors::{AlreadyRegistered, GeventSelector, SelectorKey};
use python::Driver;
use rustix::io::Errno;
use rustix::net::Shutdown;
use support::{TestResult, bounded};

const SLOTS: usize = 8;
/// The descriptors of programs have numbers from here on, always the lowest that is free.
const BASE: RawFd = 100;

/// A random program.
struct Writer {
    state: u64,
    lines: Vec<String>,
}

impl Writer {
    fn below(&mut self, n: usize) -> usize {
        self.state = self
            .state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.state >> 33) as usize % n
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn line(&mut self, line: impl Display) {
        self.lines.push(line.to_string());
    }

    fn new_descriptors(&mut self) {
        let slot = self.below(SLOTS);
        let other = (slot + 1 + self.below(SLOTS - 1)) % SLOTS;
        let kind = self.of(&["pair", "pair", "pipe", "pipe", "file"]);
        self.line(format!("{kind} {slot} {}", if kind == "file" { slot } else { other }));
    }

    /// Some slots; of them some may be closed, or the same.
    fn slots(&mut self) -> String {
        let count = self.of(&[0, 1, 2, 5]);
        let slots: Vec<_> = (0..count).map(|_| self.below(SLOTS).to_string()).collect();
        slots.join(" ")
    }

    fn step(&mut self) {
        let slot = self.below(SLOTS);
        let timeout = self.of(&["0", "0", "0.0001"]);
        match self.below(24) {
            0 => self.new_descriptors(),
            1 => self.line(format!("close {slot} -")),
            2..5 => {
                let count = self.of(&[1, 1, 100, 1 << 20]);
                self.line(format!("write {slot} {count}"));
            }
            5..8 => {
                let count = self.of(&[1, 100, 1 << 20]);
                self.line(format!("read {slot} {count}"));
            }
            8 => {
                let how = self.below(3);
                self.line(format!("shutdown {slot} {how}"));
            }
            9..13 => {
                let timeout = self.of(&["0", "0", "0.0001", "-1"]);
                let [r, w, x] = [(); 3].map(|()| self.slots());
                self.line(format!("select {timeout} {r} / {w} / {x}"));
            }
            13 | 14 => {
                let mask = self.of(&[0, POLLIN, POLLOUT, POLLIN | POLLOUT, POLLPRI, POLLIN | POLLPRI]);
                self.line(format!("poll_register {slot} {mask}"));
            }
            15 => self.line(format!("poll_unregister {slot} -")),
            16..18 => self.line(format!("poll {timeout} -")),
            18 => {
                let (events, number) = (self.of(&[1, 2, 3, 1, 2, 3, 0, 4]), self.below(100));
                self.line(format!("register {slot} {events} {number}"));
            }
            19 => {
                let (events, number) = (self.of(&[1, 2, 3, 1, 2, 3]), self.below(100));
                self.line(format!("modify {slot} {events} {number}"));
            }
            20 => {
                let op = self.of(&["unregister", "get_key", "get_key"]);
                self.line(format!("{op} {slot} -"));
            }
            21 => self.line("map - -"),
            _ => self.line(format!("selected {timeout} -")),
        }
    }

    fn program(seed: u64) -> Vec<String> {
        let mut writer = Writer {
            state: seed,
            lines: Vec::new(),
        };
        for slot in (0..SLOTS - 2).step_by(2) {
            let kind = writer.of(&["pair", "pair", "pipe"]);
            writer.line(format!("{kind} {slot} {}", slot + 1));
        }
        for _ in 0..80 {
            writer.step();
        }
        writer.lines
    }
}

type Key = SelectorKey<String>;

/// The objects of a program that runs here.
struct Ours {
    open: HashMap<String, OwnedFd>,
    /// The numbers that slots have, or had when they were open.
    numbers: HashMap<String, RawFd>,
    poll: Poll,
    selector: GeventSelector<String>,
}

/// Python's words for a list of tuples.
fn tuples(all: Vec<String>) -> String {
    format!("[{}]", all.join(", "))
}

impl Ours {
    fn new() -> Ours {
        Ours {
            open: HashMap::new(),
            numbers: HashMap::new(),
            poll: Poll::new(),
            selector: GeventSelector::new(),
        }
    }

    fn put<const N: usize>(&mut self, pairs: [(&str, OwnedFd); N]) -> Result<String, Exception> {
        let mut shown = Vec::new();
        for (slot, low) in pairs {
            let fd = rustix::io::fcntl_dupfd_cloexec(low, BASE)?;
            rustix::io::ioctl_fionbio(&fd, true).or_else(|error| match error {
                // It is a file.
                Errno::NOTTY => Ok(()),
                error => Err(error),
            })?;
            shown.push((fd.as_raw_fd() - BASE).to_string());
            self.numbers.insert(slot.to_owned(), fd.as_raw_fd());
            self.open.insert(slot.to_owned(), fd);
        }
        Ok(shown.join(" "))
    }

    fn fd(&self, slot: &str) -> RawFd {
        self.numbers.get(slot).copied().unwrap_or(-1)
    }

    fn close(&mut self, slot: &str) -> Option<()> {
        let fd = self.open.remove(slot)?;
        let _ = self.selector.unregister(&fd);
        Some(())
    }

    fn make(&mut self, op: &str, slot: &str, other: &str) -> Result<String, Exception> {
        self.close(slot);
        self.close(other);
        match op {
            "pair" => {
                let (a, b) = UnixStream::pair()?;
                self.put([(slot, a.into()), (other, b.into())])
            }
            "pipe" => {
                let (r, w) = std::io::pipe()?;
                self.put([(slot, r.into()), (other, w.into())])
            }
            _ => {
                let file = File::options().read(true).write(true).open("/dev/null")?;
                self.put([(slot, file.into())])
            }
        }
    }

    fn select(&self, timeout: f64, words: &[&str]) -> Result<String, Exception> {
        let mut lists = words.split(|word| *word == "/");
        let mut list = || -> Vec<RawFd> { lists.next().expect("three").iter().map(|slot| self.fd(slot)).collect() };
        let (r, w, x) = select_timeout(list(), list(), list(), timeout)?;
        let shown = |mut fds: Vec<RawFd>| -> String {
            if timeout != 0.0 {
                // See the driver.
                fds.sort_unstable();
            }
            let fds: Vec<_> = fds.iter().map(|fd| (fd - BASE).to_string()).collect();
            fds.join(" ")
        };
        Ok([r, w, x].map(shown).join(" / "))
    }

    fn polled(&self, timeout: f64) -> Result<String, Exception> {
        let mut found: Vec<_> = self.poll.poll_timeout(timeout)?.into_iter().collect();
        found.sort_unstable();
        let shown = |(fd, events)| format!("({}, {events})", fd - BASE);
        Ok(tuples(found.into_iter().map(shown).collect()))
    }

    fn selected(&self, timeout: f64) -> Result<String, Exception> {
        // The first call returns also what has come before, and may be gone.
        self.selector.select_timeout(0)?;
        let ready = self.selector.select_timeout(timeout)?;
        let mut found: Vec<_> = ready
            .iter()
            .map(|(key, events)| (key.fd, events.bits(), &key.data))
            .collect();
        found.sort_unstable();
        let shown = |(fd, events, data)| format!("({}, {events}, '{data}')", fd - BASE);
        Ok(tuples(found.into_iter().map(shown).collect()))
    }

    fn key(&self, key: Key) -> String {
        format!("{} {} {}", key.fd - BASE, key.events.bits(), key.data)
    }

    fn run(&mut self, line: &str) -> Result<String, Exception> {
        let words: Vec<_> = line.split_whitespace().collect();
        let (op, slot, words) = (words[0], words[1], &words[2..]);
        let number = |n: usize| words[n].parse::<i32>().expect("it is a number");
        let time = || slot.parse::<f64>().expect("it is a number");
        let none = || "None".to_owned();
        match op {
            "pair" | "pipe" | "file" => return self.make(op, slot, words[0]),
            "close" => return Ok(self.close(slot).map_or("none".to_owned(), |()| none())),
            "select" => return self.select(time(), words),
            "poll" => return self.polled(time()),
            "selected" => return self.selected(time()),
            "map" => {
                // gevent's order is another one after `modify`, as tests/gevent_parity/selector_keys.py shows.
                let mut fds = self.selector.get_map().expect("it is open").keys();
                fds.sort_unstable();
                let fds: Vec<_> = fds.iter().map(|fd| (fd - BASE).to_string()).collect();
                return Ok(fds.join(" "));
            }
            _ => {}
        }
        let fd = self.fd(slot);
        Ok(match op {
            "poll_register" => self.poll.register(&fd, number(0) as i16).map(|()| none())?,
            "poll_unregister" => self.poll.unregister(&fd).map(|()| none())?,
            "unregister" => self.key(self.selector.unregister(&fd)?),
            "get_key" => self.key(self.selector.get_key(&fd)?),
            "register" if !self.open.contains_key(slot) => "closed".to_owned(),
            "register" => {
                let events = Events::from_bits(number(0));
                self.key(self.selector.register(&fd, events, words[1].to_owned())?)
            }
            "modify" => {
                let events = Events::from_bits(number(0));
                self.key(self.selector.modify(&fd, events, words[1].to_owned())?)
            }
            _ => match self.open.get(slot) {
                None => "none".to_owned(),
                Some(fd) => used(op, fd, number(0))?.to_string(),
            },
        })
    }

    fn answer(&mut self, line: &str) -> String {
        let error = match self.run(line) {
            Ok(value) => return value,
            Err(error) => error,
        };
        if error.is::<NotRegistered>() || error.is::<AlreadyRegistered>() {
            return "key".to_owned();
        }
        let negative = error.downcast_ref::<BadFd>().is_some_and(|bad| bad.fd < 0);
        if negative || error.is::<InvalidSeconds>() || error.is::<IllegalEvents>() {
            return "bad".to_owned();
        }
        let number = error
            .downcast_ref::<Errno>()
            .map(|errno| errno.raw_os_error())
            .or_else(|| error.downcast_ref::<std::io::Error>()?.raw_os_error());
        format!("E{}", number.unwrap_or_else(|| panic!("{line}: {error:?}")))
    }
}

/// Reads, writes or shuts down.
fn used(op: &str, fd: impl AsFd, number: i32) -> Result<String, Errno> {
    Ok(match op {
        "write" => rustix::io::write(fd, &vec![b'x'; number as usize])?.to_string(),
        "read" => rustix::io::read(fd, &mut vec![0; number as usize][..])?.to_string(),
        "shutdown" => {
            let how = [Shutdown::Read, Shutdown::Write, Shutdown::Both][number as usize];
            rustix::net::shutdown(fd, how)?;
            "None".to_owned()
        }
        _ => panic!("{op}"),
    })
}

/// The number of programs to run.
fn count() -> u64 {
    let count = std::env::var("DIFFERENTIAL").ok();
    count.and_then(|count| count.parse().ok()).unwrap_or(200)
}

#[test]
fn random_programs_see_what_pythons_see() -> TestResult {
    let Some(mut python) = Driver::new("tests/python/selects.py") else {
        eprintln!("SKIPPED: there is no python3 to compare with");
        return Ok(());
    };
    let mut values = 0;
    for seed in 0..count() {
        let _bounded = bounded();
        let program = Writer::program(seed);
        let theirs = python.answers(&program)?;
        assert_eq!(theirs.len(), program.len(), "Python has ended");
        let mut ours = Ours::new();
        for (at, line) in program.iter().enumerate() {
            let our = ours.answer(line);
            let before = || -> String {
                let lines = program[..=at].iter().zip(&theirs);
                lines.map(|(line, their)| format!("{line}: {their}\n")).collect()
            };
            assert_eq!(theirs[at], our, "seed {seed}, Python and ours\n{}", before());
        }
        let is_value = |their: &&String| !["none", "key", "bad"].contains(&their.as_str());
        values += theirs.iter().filter(is_value).count();
    }
    assert!(values as u64 > count() * 20, "most programs do nothing: {values}");
    Ok(())
}
