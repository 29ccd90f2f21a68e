//! One million greenlets alive at once, each with a guarded stack of its own.
//!
//! Every greenlet waits in the middle of its function, holding a value with a destructor. Then each is switched to
//! once, and then all end: a third of them return, a third end by an exception that is thrown into them, and a third
//! are dropped. At the end, exactly one million destructors have run.
//!
//! ```sh
//! cargo run --release --example million [COUNT]
//! ```
//!
//! So many guards need Linux 6.13; before that, `vm.max_map_count` allows some 32,000 greenlets, and the next one fails
//! with an error that says so.

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use gevent::{Exception, GreenletExit, RawGreenlet, Value, getcurrent};
use indicatif::{ProgressBar, ProgressStyle};

/// The number of items between two updates of the progress bar.
const STEP: usize = 10_000;

/// A value with a destructor.
struct Held(Rc<Cell<usize>>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn main() -> ExitCode {
    let count = match std::env::args().nth(1).map(|argument| argument.parse()) {
        None => 1_000_000,
        Some(Ok(count)) => count,
        Some(Err(error)) => {
            eprintln!("usage: million [COUNT]: {error}");
            return ExitCode::from(2);
        }
    };
    match run(count) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(count: usize) -> Result<bool, Exception> {
    let start = Instant::now();
    let destructors = Rc::new(Cell::new(0));
    let before = resident();

    let mut greenlets = Vec::with_capacity(count);
    let making = phase("making", 0..count, |_| {
        let (main, held) = (getcurrent(), Held(destructors.clone()));
        let greenlet = RawGreenlet::new(move |_| {
            let _held = held;
            main.switch(())?;
            main.switch(())
        });
        greenlet.switch(())?;
        greenlets.push(greenlet);
        Ok(())
    })?;
    let memory = resident().saturating_sub(before);
    let switching = phase("switching", &greenlets, |greenlet| greenlet.switch(()).map(drop))?;
    let alive = greenlets.iter().filter(|greenlet| greenlet.active()).count();
    let ending = phase("ending", greenlets.into_iter().enumerate(), |(index, greenlet)| {
        match index % 3 {
            0 => drop(greenlet.switch(Value::None)?),
            1 => drop(greenlet.throw(GreenletExit)?),
            _ => drop(greenlet),
        }
        Ok(())
    })?;

    let each = |duration: Duration| duration.as_nanos() as f64 / count.max(1) as f64;
    println!("greenlets alive at once  {alive:>12}");
    println!("making and first switch  {:>12.0} ns each", each(making));
    println!("resident memory          {:>12} bytes each", memory / count.max(1));
    println!("round trip               {:>12.0} ns each", each(switching));
    println!("ending, in three ways    {:>12.0} ns each", each(ending));
    println!("destructors run          {:>12}", destructors.get());
    println!("all in all               {:>12.1} s", start.elapsed().as_secs_f64());
    Ok(alive == count && destructors.get() == count)
}

/// Does something with each item, under a progress bar. Returns how long it took.
fn phase<T>(
    name: &'static str,
    items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    mut each: impl FnMut(T) -> Result<(), Exception>,
) -> Result<Duration, Exception> {
    let items = items.into_iter();
    let bar = ProgressBar::new(items.len() as u64).with_message(name);
    bar.set_style(ProgressStyle::with_template("{msg:9} {wide_bar} {pos}/{len}")?);
    let start = Instant::now();
    for (index, item) in items.enumerate() {
        each(item)?;
        if index % STEP == 0 {
            bar.set_position(index as u64);
        }
    }
    let took = start.elapsed();
    bar.finish_and_clear();
    Ok(took)
}

/// The resident memory of this process in bytes; 0 where the system does not tell.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
