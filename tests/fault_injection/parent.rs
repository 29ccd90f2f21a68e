//! Has other processes run the program, for each kind of call, and gathers what is wrong.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use crate::child::{CALLS, RUN, VARIABLE, WRONG};
use crate::common;
use crate::common::process::{Ended, Process};
use crate::inject::{DESCRIPTORS, KINDS};

/// So many runs a process does at most.
const BATCH: usize = 30;
/// A process takes less, unless it hangs.
const BOUND: Duration = Duration::from_secs(600);
/// What a plain run takes of each kind: these calls, and the last one.
const SAMPLE: &[usize] = &[1, 2, 3, 5, 8, 13, 30, 70, 160];

/// The n-th call and all later ones fail: from then on nobody gets anything.
pub(crate) const FOR_EVER: usize = usize::MAX / 2;
/// Not so with these: a hub that gets no stack runs nobody (kernels before 6.13 guard stacks by `mprotect`), and the
/// main greenlet hears of each iteration of the loop that fails.
const ONLY_ONCE: &[&str] = &["mmap", "mprotect", "epoll_wait"];

#[derive(Debug, Clone)]
struct Job {
    kind: usize,
    errno: i32,
    times: usize,
    nths: Vec<usize>,
}

fn process(job: &str) -> common::Result<Ended> {
    let mut command = common::this_program::command();
    Process::spawn(command.env(VARIABLE, job))?.wait(BOUND)
}

pub(crate) fn main() -> common::Result {
    let wanted = std::env::var("GEVENT_FAULTS").unwrap_or_default();
    let counted = process("count")?;
    let calls = counted.stdout.lines().find_map(|line| line.strip_prefix(CALLS));
    let fine = counted.status.success() && !counted.stdout.contains(WRONG);
    let Some(calls) = calls.filter(|_| fine) else {
        return Err(format!("without faults: {}{}", counted.stdout, counted.stderr).into());
    };
    let calls: Vec<usize> = calls.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let without_hub = process("no hub")?;
    if !without_hub.status.success() {
        return Err(format!("without a hub: {}", without_hub.stderr).into());
    }
    let jobs = jobs(&wanted, &calls);
    let runs: usize = jobs.iter().map(|job| job.nths.len()).sum();
    let queue = Mutex::new(jobs);
    let wrong = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(2, |n| n.get().min(4));
    thread::scope(|s| {
        for _ in 0..threads {
            s.spawn(|| {
                loop {
                    let job = queue.lock().expect("nobody panics").pop_front();
                    let Some(job) = job else { break };
                    let found = run(job);
                    wrong.lock().expect("nobody panics").extend(found);
                }
            });
        }
    });
    let wrong = wrong.into_inner()?;
    for (kind, calls) in KINDS.iter().zip(&calls) {
        println!("{}: {calls} calls", kind.0);
    }
    println!("{runs} runs, {} faults", wrong.len());
    if wrong.is_empty() {
        println!("test every_failing_call_ends_with_errors ... ok");
        return Ok(());
    }
    for fault in &wrong {
        println!("{fault}");
    }
    Err("not every failing call ends with errors".into())
}

fn jobs(wanted: &str, calls: &[usize]) -> VecDeque<Job> {
    let mut jobs = VecDeque::new();
    for (kind, (name, errnos)) in KINDS.iter().enumerate() {
        let all = wanted == "all" || wanted == *name;
        if !all && !wanted.is_empty() {
            continue;
        }
        let nths: Vec<usize> = match all {
            // There may be a few more in another run.
            true => (1..=calls[kind] + calls[kind] / 10).collect(),
            false => {
                let few = SAMPLE.iter().copied().filter(|n| *n < calls[kind]);
                few.chain((calls[kind] > 0).then_some(calls[kind])).collect()
            }
        };
        let mut add = |nths: &[usize], errno: i32, times: usize| {
            jobs.extend(nths.chunks(BATCH).map(|nths| Job {
                kind,
                errno,
                times,
                nths: nths.to_vec(),
            }));
        };
        for errno in if all { *errnos } else { &errnos[..1] } {
            // Of two ways to have a descriptor the second fails, too.
            add(&nths, *errno, if kind == DESCRIPTORS { 2 } else { 1 });
            // What is interrupted is tried again.
            if !ONLY_ONCE.contains(name) && *errno != libc::EINTR {
                let few: Vec<_> = nths.iter().copied().step_by(nths.len().div_ceil(8).max(1)).collect();
                add(&few, *errno, FOR_EVER);
            }
        }
    }
    jobs
}

/// What is wrong; after a crash, the rest goes on in another process.
fn run(mut job: Job) -> Vec<String> {
    let mut wrong = Vec::new();
    while !job.nths.is_empty() {
        let list = job.nths.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let (kind, errno, times) = (job.kind, job.errno, job.times);
        let what = format!("{kind}:{errno}:{times}:");
        let place = |nth: &str| {
            format!(
                "{} {nth} ({}): ",
                KINDS[kind].0,
                std::io::Error::from_raw_os_error(errno)
            )
        };
        let ended = match process(&format!("{what}{list}")) {
            Ok(ended) => ended,
            Err(error) => {
                wrong.push(format!("{}{error}", place(&list)));
                return wrong;
            }
        };
        let mut nth = "before the first";
        for line in ended.stdout.lines() {
            if let Some(next) = line.strip_prefix(RUN) {
                nth = next;
            } else if let Some(fault) = line.strip_prefix(WRONG) {
                wrong.push(format!("{}{fault}", place(nth)));
            }
        }
        if ended.status.success() {
            break;
        }
        let end = ended.stderr.lines().rev().take(5).collect::<Vec<_>>().join(" | ");
        wrong.push(format!("{}{} {end}", place(nth), ended.status));
        let Ok(nth) = nth.parse::<usize>() else { break };
        job.nths.retain(|n| *n > nth);
    }
    wrong
}
