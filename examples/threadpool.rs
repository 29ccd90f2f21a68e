//! Runs functions that block in a pool of threads, while greenlets go on: gevent's example of that name.
//!
//! ```sh
//! cargo run --example threadpool
//! ```

use std::thread;
use std::time::{Duration, Instant};

use gevent::prelude::*;
use gevent::threadpool::ThreadPool;

/// A function that blocks its thread, as much code does that is not made for greenlets.
fn block(millis: u64) -> u64 {
    thread::sleep(Duration::from_millis(millis));
    millis
}

fn main() -> Result<(), Exception> {
    let ticks = spawn(|| -> Result<(), Exception> {
        loop {
            eprint!(".");
            sleep(0.05)?;
        }
    });

    let pool = ThreadPool::new(3);
    let start = Instant::now();
    let jobs = (0..4).map(|_| pool.spawn(|| block(500)));
    let jobs: Vec<_> = jobs.collect::<Result<_, _>>()?;
    wait(&jobs)?;
    let (count, seconds) = (jobs.len(), start.elapsed().as_secs_f64());
    eprintln!();
    println!("{count} times half a second in 3 threads take about one second: {seconds:.3}");

    // The results come in the order of the arguments.
    let slept: Vec<_> = pool.imap(block, [30, 20, 10]).collect::<Result<_, _>>()?;
    println!("{slept:?}");
    // An error or a panic of the function is that of its caller.
    let failed = pool.apply(|| -> u64 { panic!("no number") });
    println!("{}", failed.unwrap_err());
    ticks.kill()?;
    Ok(())
}
