//! A program that can be looked into while it runs, by a console at a Unix socket.
//!
//! ```sh
//! cargo run --example backdoor -- /tmp/backdoor.sock
//! nc -U /tmp/backdoor.sock           # or: socat readline UNIX-CONNECT:/tmp/backdoor.sock
//! ```
//!
//! `help` lists the commands. Try `tree`, `stacks`, `kill` with the number of a worker, and the program's own `jobs`.
//! `kill -USR1` prints the same and more to standard error.

use std::cell::Cell;
use std::fmt::Write;
use std::rc::Rc;

use gevent::backdoor::BackdoorServer;
use gevent::exceptions::SystemExit;
use gevent::prelude::*;
use gevent::queue::Queue;
use gevent::{raise_in_main, run_main, util};

/// What the workers have done and what they wait for.
#[derive(Clone, Default)]
struct Jobs {
    queue: Queue<u64>,
    done: Rc<Cell<u64>>,
}

/// Takes jobs from the queue until it is killed.
fn work(jobs: &Jobs) -> Result<(), Exception> {
    loop {
        let job = jobs.queue.get()?;
        sleep(0.001 * (job % 10) as f64)?;
        jobs.done.set(jobs.done.get() + 1);
    }
}

fn main() -> std::process::ExitCode {
    run_main(|| {
        let path = std::env::args().nth(1).unwrap_or("/tmp/backdoor.sock".to_owned());
        let jobs = Jobs::default();
        let _workers: Vec<_> = (0..3)
            .map(|number| {
                let jobs = jobs.clone();
                Greenlet::builder()
                    .name(format!("worker {number}"))
                    .spawn(move || work(&jobs))
            })
            .collect();

        let backdoor = BackdoorServer::builder()
            .banner("A program with three workers.")
            .build_at_path(&path)?;
        backdoor.command(
            "jobs",
            "[COUNT]: says how many are done, after it has added some",
            move |session, words| {
                for job in 0..words.first().map_or(Ok(0), |count| count.parse())? {
                    jobs.queue.put(job)?;
                }
                writeln!(session, "{} done, {} waiting", jobs.done.get(), jobs.queue.len())?;
                Ok::<_, Exception>(())
            },
        );
        util::dump_on_signal(libc::SIGUSR1)?;
        raise_in_main(libc::SIGTERM, SystemExit(0))?;
        backdoor.start()?;
        println!("Look into this program at {path}");
        backdoor.serve_forever()
    })
}
