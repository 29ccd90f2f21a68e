//! Compares `hub::core` with libev. Every scenario is written twice, in C and in Rust, and both must leave the same
//! trace, on every backend that works here. See README.md.
//!
//! The halves run one after the other, each in a process of its own. So a scenario may use the default loop, signals,
//! children and forks, and one that crashes or hangs does not disturb the others.

// This links libev and the C halves.
use gevent as _;

mod diff;
mod process;
mod system;
mod trace;

mod asyncs;
mod callbacks;
mod children;
mod embeds;
mod ends;
mod feeds;
mod forks;
mod idles;
mod ios;
mod order;
mod periodics;
mod references;
mod runs;
mod signals;
mod stats;
mod timers;

use std::fmt::Write as _;
use std::fs::File;
use std::process::ExitCode;

use hub::core::{Loop, LoopFlags};
use trace::{TestResult, Trace};

struct Scenario {
    topic: &'static str,
    name: &'static str,
    c: extern "C" fn(),
    rust: fn(&Trace) -> TestResult,
}

// The file defines `SCENARIOS`, with an entry for each `SCENARIO (topic, name)` in the C files.
include!(concat!(env!("OUT_DIR"), "/c_parity.rs"));

unsafe extern "C" {
    safe fn parity_begin(fd: i32, backend: u32);
}

const BACKENDS: [LoopFlags; 5] = [
    LoopFlags::SELECT,
    LoopFlags::POLL,
    LoopFlags::EPOLL,
    LoopFlags::LINUXAIO,
    LoopFlags::IOURING,
];

/// Scenarios in which an assertion of libev fails if libev is compiled with assertions, as `LIBEV_SYS_ASSERTIONS=1`
/// does. Then both halves must abort, after equal traces.
const ASSERTED_AGAINST: &[&str] = &[
    // The descriptor of a watcher is not open, which libev handles, but also asserts against.
    "ios::closed_before_the_first_wait",
    "ios::closed_while_watched",
    "ios::closed_and_then_told_to_the_kernel_again",
    // This one aborts with io_uring only: libev uses the slots of its requests again without clearing them, and newer
    // kernels refuse some of these.
    "ios::many_descriptors_at_once",
];

fn main() -> ExitCode {
    let (options, wanted): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let chosen: Vec<&Scenario> = SCENARIOS
        .iter()
        .filter(|scenario| {
            let name = scenario.full_name();
            wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()))
        })
        .collect();
    if options.iter().any(|option| option == "--list") {
        chosen
            .iter()
            .for_each(|scenario| println!("{}: test", scenario.full_name()));
        return ExitCode::SUCCESS;
    }
    let prints_traces = options.iter().any(|option| option == "--nocapture");

    let mut failed = 0;
    let mut backends = 0;
    for backend in BACKENDS {
        if let Err(reason) = works(backend) {
            println!("{backend}: skipped: {reason}");
            continue;
        }
        backends += 1;
        let mut failed_here = 0;
        for scenario in &chosen {
            if let Err(report) = scenario.run(backend, prints_traces) {
                failed_here += 1;
                println!("{} on {backend}:\n{report}", scenario.full_name());
            }
        }
        println!("{backend}: {} of {} equal", chosen.len() - failed_here, chosen.len());
        failed += failed_here;
    }
    if failed > 0 || backends == 0 {
        println!("{failed} of {} runs differ", chosen.len() * backends);
        return ExitCode::FAILURE;
    }
    println!("{} scenarios, all equal", chosen.len());
    ExitCode::SUCCESS
}

/// Whether the kernel lets libev use the backend. This is tried in a process of its own, because libev may abort.
fn works(backend: LoopFlags) -> Result<(), String> {
    let text = process::run(move |out| {
        let trace = Trace::new(out, backend);
        match Loop::new(backend, false) {
            Ok(loop_) if loop_.backend_int()? == backend.bits() => trace.run(&loop_),
            Ok(_) => trace.note("libev takes another one instead"),
            Err(error) => trace.note(&error.to_string()),
        }
    })?;
    match text.trim_end() {
        ran if ran.starts_with("run: ") => Ok(()),
        reason => Err(reason.to_owned()),
    }
}

impl Scenario {
    fn full_name(&self) -> String {
        format!("{}::{}", self.topic, self.name)
    }

    /// Whether the half may end like this because an assertion of libev fails in the scenario.
    fn may_abort(&self, end: &str) -> bool {
        // SAFETY: the function only returns a constant.
        let has_assertions = unsafe { libev_sys::ev_shim_has_assertions() } == 1;
        has_assertions
            && ASSERTED_AGAINST.contains(&&*self.full_name())
            && end.ends_with(&process::ended_by(libc::SIGABRT))
    }

    /// Runs both halves. The error is a report for the user.
    fn run(&self, backend: LoopFlags, prints_traces: bool) -> Result<(), String> {
        let c = self.c;
        let c = process::run(move |out| {
            use std::os::fd::IntoRawFd;
            parity_begin(out.into_raw_fd(), backend.bits());
            c();
            Ok(())
        });
        let rust = self.rust;
        let rust = process::run(move |out: File| {
            let trace = Trace::new(out, backend);
            // The error is put into the trace, so that its place can be seen.
            rust(&trace).or_else(|error| trace.note(&format!("Rust: {error:?}")))
        });
        match (c, rust) {
            (Ok(c), Ok(rust)) if c == rust && !c.is_empty() => {
                if prints_traces {
                    println!("{} on {backend}:\n{c}", self.full_name());
                }
                Ok(())
            }
            (Ok(c), Ok(rust)) => Err(diff::show(&c, &rust)),
            (Err(c), Err(rust)) if c == rust && self.may_abort(&c) => {
                println!("{} on {backend}: both ended by libev's assertion", self.full_name());
                Ok(())
            }
            (c, rust) => {
                let mut report = String::new();
                for (language, half) in [("C", c), ("Rust", rust)] {
                    let text = half.unwrap_or_else(|error| error);
                    let _ = writeln!(report, "--- {language}:\n{text}");
                }
                Err(report)
            }
        }
    }
}
