//! The programs that take part, as child processes that end with this one.

use std::fmt::Display;
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;

/// A server that runs until this is dropped.
pub(crate) struct Server<A = SocketAddr> {
    child: Child,
    pub(crate) address: A,
}

impl Server {
    /// Starts the program, which is to listen at `address`, and waits until it does.
    pub(crate) fn start(command: &mut Command, address: SocketAddr) -> Result<Server> {
        Server::start_until(command, address, || TcpStream::connect(address).is_ok())
    }
}

impl<A: Display> Server<A> {
    /// Starts the program, which is to listen at `address`, and waits until it `listens`.
    pub(crate) fn start_until(command: &mut Command, address: A, listens: impl Fn() -> bool) -> Result<Server<A>> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot run {name}: {error}"))?;
        let mut server = Server { child, address };
        let deadline = Instant::now() + Duration::from_secs(10);
        while !listens() {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("{name} ended with {status}").into());
            }
            if Instant::now() > deadline {
                return Err(format!("{name} does not listen at {}", server.address).into());
            }
            sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    /// The CPU seconds that the server and its children have used, where the system tells. Children count only after
    /// they have ended, so this waits a moment for that.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        let deadline = Instant::now() + Duration::from_secs(2);
        while self.has_children() && Instant::now() < deadline {
            sleep(Duration::from_millis(5));
        }
        // Linux reports times in this unit, whatever the kernel's own tick is.
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        // utime, stime, cutime and cstime are the 14th to 17th of all fields.
        let ticks = fields.split_whitespace().skip(11).take(4);
        let ticks: Vec<f64> = ticks.filter_map(|field| field.parse().ok()).collect();
        (ticks.len() == 4).then(|| ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
    }

    /// The CPU time that the server itself has used, to the nanosecond; children do not count.
    pub(crate) fn cpu_time(&self) -> std::io::Result<Duration> {
        let pid = libc::pid_t::try_from(self.child.id()).map_err(std::io::Error::other)?;
        let (mut clock, mut time) = (0, libc::timespec { tv_sec: 0, tv_nsec: 0 });
        // SAFETY: both are writable.
        let failed = unsafe {
            libc::clock_getcpuclockid(pid, &raw mut clock) != 0 || libc::clock_gettime(clock, &raw mut time) != 0
        };
        if failed {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32))
    }

    /// The server's peak resident memory in MiB, where the system tells.
    pub(crate) fn peak_memory(&self) -> Option<f64> {
        self.status("VmHWM:")
    }

    /// The server's resident memory in MiB, where the system tells.
    pub(crate) fn memory(&self) -> Option<f64> {
        self.status("VmRSS:")
    }

    /// A figure of the system's, in MiB.
    fn status(&self, field: &str) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let figure = status.lines().find_map(|l| l.strip_prefix(field))?;
        let kib: f64 = figure.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib / 1024.0)
    }

    fn has_children(&self) -> bool {
        let pid = self.child.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        children.is_ok_and(|pids| !pids.trim().is_empty())
    }
}

impl<A> Drop for Server<A> {
    fn drop(&mut self) {
        // An error means that the server has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether there is such a program.
pub(crate) fn installed(program: &str, version_option: &str) -> bool {
    Command::new(program).arg(version_option).output().is_ok()
}

/// A port on loopback that is free at the moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
