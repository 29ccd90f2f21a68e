//! `switch`: compares the cost of a switch, and of a greenlet's life, with `context` (raw), corosensei and generator.
//!
//! All take turns, round by round, so that a slow moment of the machine affects all. Figures are medians in
//! nanoseconds; a ratio compares our first line with the other one, and is the median of the rounds' ratios.

use std::hint::black_box;
use std::time::Instant;

use context::stack::ProtectedFixedSizeStack;
use context::{Context, Transfer};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, Yielder};
use gevent::{Exception, GreenletExit, RawGreenlet, Value, getcurrent};

use crate::Result;
use crate::stats::{median, median_ratio};

const ROUNDS: usize = 15;

/// Does a thing this many times, and returns the nanoseconds for one.
type Measure = fn(u32) -> Result<f64>;

struct Case {
    name: &'static str,
    times: u32,
    /// The names and functions of the sides; ours comes first.
    sides: &'static [(&'static str, Measure)],
}

const CASES: &[Case] = &[
    Case {
        name: "round trip",
        times: 1_000_000,
        sides: &[
            ("ours, nothing there and back", round_trip),
            ("ours, a token there", round_trip_token),
            ("context, raw", context_round_trip),
            ("corosensei", corosensei_round_trip),
            ("generator", generator_round_trip),
        ],
    },
    Case {
        name: "create, run and finish, on a stack that was used before",
        times: 200_000,
        sides: &[
            ("ours", create_pooled),
            ("corosensei, stack passed on", corosensei_create_pooled),
        ],
    },
    Case {
        name: "create, run and finish, on fresh stacks",
        times: 2_000,
        sides: &[
            ("ours", create_cold),
            ("corosensei", corosensei_create_cold),
            ("generator", generator_create_cold),
        ],
    },
    Case {
        name: "an exception thrown into a parked greenlet, and caught there",
        times: 200_000,
        sides: &[("ours", throw)],
    },
    Case {
        name: "a panic captured at the root",
        times: 20_000,
        sides: &[("ours", panic_capture)],
    },
    Case {
        name: "a parked greenlet dropped: its stack unwound",
        times: 20_000,
        sides: &[("ours", drop_parked)],
    },
];

pub(crate) fn run(_: &[String]) -> Result {
    for case in CASES {
        println!("{}", case.name);
        let mut rounds = vec![Vec::with_capacity(ROUNDS); case.sides.len()];
        for _ in 0..ROUNDS {
            for ((_, measure), figures) in case.sides.iter().zip(&mut rounds) {
                figures.push(measure(case.times)?);
            }
        }
        for (index, ((name, _), figures)) in case.sides.iter().zip(&rounds).enumerate() {
            print!("    {name:32} {:>10.1} ns", median(figures));
            match index {
                0 => println!(),
                _ => println!("  ratio {:.2}", median_ratio(&rounds[0], figures)),
            }
        }
    }
    Ok(())
}

/// The time that `f` takes, divided by `times`, in nanoseconds.
fn timed(times: u32, f: impl FnOnce() -> Result) -> Result<f64> {
    let start = Instant::now();
    f()?;
    Ok(start.elapsed().as_nanos() as f64 / f64::from(times))
}

/// A greenlet that switches back for ever.
fn echo() -> Result<RawGreenlet> {
    let main = getcurrent();
    let greenlet = RawGreenlet::new(move |_| {
        loop {
            main.switch(())?;
        }
    });
    greenlet.switch(())?;
    Ok(greenlet)
}

fn round_trip(times: u32) -> Result<f64> {
    let greenlet = echo()?;
    timed(times, || {
        for _ in 0..times {
            greenlet.switch(())?;
        }
        Ok(())
    })
}

fn round_trip_token(times: u32) -> Result<f64> {
    let greenlet = echo()?;
    timed(times, || {
        for i in 0..times {
            greenlet.switch(Value::Token(i.into()))?;
        }
        Ok(())
    })
}

fn context_round_trip(times: u32) -> Result<f64> {
    extern "C" fn echo(mut transfer: Transfer) -> ! {
        loop {
            // SAFETY: the other side waits in its own `resume`.
            transfer = unsafe { transfer.context.resume(transfer.data) };
        }
    }
    let stack = ProtectedFixedSizeStack::default();
    // SAFETY: the stack outlives its use, and a context is resumed once.
    let mut transfer = unsafe { Context::new(&stack, echo).resume(0) };
    timed(times, || {
        for i in 0..times as usize {
            // SAFETY: as above.
            transfer = unsafe { transfer.context.resume(i) };
        }
        Ok(())
    })
}

fn corosensei_round_trip(times: u32) -> Result<f64> {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<usize, usize>, mut input| {
        while input != usize::MAX {
            input = yielder.suspend(input);
        }
    });
    let figure = timed(times, || {
        for i in 0..times as usize {
            black_box(coroutine.resume(i));
        }
        Ok(())
    })?;
    coroutine.resume(usize::MAX);
    Ok(figure)
}

fn generator_round_trip(times: u32) -> Result<f64> {
    let mut generator = generator::Gn::<()>::new_scoped(|mut scope| {
        loop {
            if scope.yield_(0_usize).is_none() {
                generator::done!();
            }
        }
    });
    timed(times, || {
        for _ in 0..times {
            black_box(generator.send(()));
        }
        Ok(())
    })
}

fn create_pooled(times: u32) -> Result<f64> {
    let one = || RawGreenlet::new(Ok).switch(());
    one()?;
    timed(times, || {
        for _ in 0..times {
            one()?;
        }
        Ok(())
    })
}

fn corosensei_create_pooled(times: u32) -> Result<f64> {
    let mut stack = DefaultStack::default();
    timed(times, || {
        for _ in 0..times {
            let mut coroutine: Coroutine<(), (), ()> = Coroutine::with_stack(stack, |_, ()| ());
            coroutine.resume(());
            stack = coroutine.into_stack();
        }
        Ok(())
    })
}

/// Makes greenlets in a new thread, whose pool of stacks is empty. All are alive at once, so that no stack is used
/// twice.
fn create_cold(times: u32) -> Result<f64> {
    let figure = std::thread::spawn(move || {
        let mut all = Vec::with_capacity(times as usize);
        timed(times, || {
            for _ in 0..times {
                let main = getcurrent();
                let greenlet = RawGreenlet::new(move |_| main.switch(()));
                greenlet.switch(())?;
                all.push(greenlet);
            }
            for greenlet in &all {
                greenlet.switch(())?;
            }
            Ok(())
        })
        .map_err(|error| error.to_string())
    })
    .join();
    Ok(figure.map_err(|_| "a panic in the thread")??)
}

fn corosensei_create_cold(times: u32) -> Result<f64> {
    let mut all = Vec::with_capacity(times as usize);
    timed(times, || {
        for _ in 0..times {
            let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
            coroutine.resume(());
            all.push(coroutine);
        }
        for coroutine in &mut all {
            coroutine.resume(());
        }
        Ok(())
    })
}

fn generator_create_cold(times: u32) -> Result<f64> {
    let mut all = Vec::with_capacity(times as usize);
    timed(times, || {
        for _ in 0..times {
            let mut generator = generator::Gn::<()>::new_scoped(|mut scope| {
                scope.yield_with(());
                generator::done!();
            });
            generator.send(());
            all.push(generator);
        }
        for generator in &mut all {
            generator.resume();
        }
        Ok(())
    })
}

fn throw(times: u32) -> Result<f64> {
    let main = getcurrent();
    let greenlet = RawGreenlet::new(move |_| {
        loop {
            // The exception that is thrown is caught here.
            let _ = main.switch(());
        }
    });
    greenlet.switch(())?;
    let exception = Exception::new(GreenletExit);
    let figure = timed(times, || {
        for _ in 0..times {
            greenlet.throw(exception.clone())?;
        }
        Ok(())
    })?;
    // The greenlet catches everything, so it cannot be unwound, and is left behind.
    std::mem::forget(greenlet);
    Ok(figure)
}

fn panic_capture(times: u32) -> Result<f64> {
    timed(times, || {
        for _ in 0..times {
            // `resume_unwind` does not call the panic hook, whose printing would be measured, too.
            let greenlet = RawGreenlet::new(|_| std::panic::resume_unwind(Box::new(1)));
            if greenlet.switch(()).is_ok() {
                return Err("the panic is lost".into());
            }
        }
        Ok(())
    })
}

fn drop_parked(times: u32) -> Result<f64> {
    timed(times, || {
        for _ in 0..times {
            let main = getcurrent();
            let greenlet = RawGreenlet::new(move |_| main.switch(()));
            greenlet.switch(())?;
            drop(greenlet);
        }
        Ok(())
    })
}
