//! Greenlets that run a loop and are dropped while they wait in a destructor that a panic runs. A second panic there
//! would abort the process, so they are only told to end, and leave the loop after the destructor has returned.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::rc::Rc;

use crate::core_support::*;
use greenlet_core::unwind::{Caught, catch};
use greenlet_core::{Exception, GreenletExit, RawGreenlet, Value, getcurrent, live_greenlets};
use hub::Context;
use hub::core::{Events, Loop};

/// A value whose destructor, run by a panic, switches to the greenlet `whom`, and then calls `then`.
struct Waits {
    whom: RawGreenlet,
    told: Rc<Cell<usize>>,
    then: Then,
    loop_: Loop,
}

impl Drop for Waits {
    fn drop(&mut self) {
        assert!(std::thread::panicking());
        let got = self.whom.switch(());
        let told = got.is_err_and(|error| error.is::<GreenletExit>());
        self.told.set(self.told.get() + usize::from(told));
        (self.then)(&self.loop_);
    }
}

/// A loop with its errors, the number of times that a destructor was told, and a trace of its callbacks.
struct Told {
    loop_: Loop,
    told: Rc<Cell<usize>>,
    errors: Trace,
    trace: Trace,
}

impl Told {
    fn new() -> Result<Told, Exception> {
        let loop_ = new_loop()?;
        let errors = collect_errors(&loop_);
        let (told, trace) = (Rc::default(), Trace::new());
        Ok(Told {
            loop_,
            told,
            errors,
            trace,
        })
    }

    /// A callback that panics, and whose greenlet waits in a destructor meanwhile.
    fn callback(&self, then: Then) -> impl Fn() + 'static {
        let (whom, told, loop_) = (getcurrent(), self.told.clone(), self.loop_.clone());
        move || {
            let (whom, told, loop_) = (whom.clone(), told.clone(), loop_.clone());
            let _waits = Waits {
                whom,
                told,
                then,
                loop_,
            };
            resume_unwind(Box::new("the callback's own panic"));
        }
    }

    /// A greenlet that runs the loop, and is parked in that destructor.
    fn start(&self) -> Result<RawGreenlet, Exception> {
        let (inside, trace) = (self.loop_.clone(), self.trace.clone());
        let hub = RawGreenlet::new(move |_| {
            let end = trace.adds("its stack was unwound");
            let _on_the_stack = CallOnDrop(end);
            inside.run()?;
            trace.add("the run has returned");
            Ok(Value::None)
        });
        hub.switch(())?;
        assert!(self.loop_.depth()? > 0 && std::thread::panicking());
        Ok(hub)
    }

    /// Checks, after the greenlet has ended, that the loop is as usable as before, and delivers what was left.
    fn check(&self) -> TestResult {
        assert!(!std::thread::panicking());
        assert_eq!((self.loop_.depth()?, live_greenlets()), (0, 0));
        assert_eq!(self.trace.take(), ["its stack was unwound"]);
        run(&self.loop_)?;
        assert_eq!(self.trace.take(), ["delivered"]);
        assert_eq!((self.loop_.activecnt()?, self.loop_.queued_callbacks()), (0, 0));
        Ok(())
    }
}

struct CallOnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for CallOnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A function that does something with the loop.
type Then = fn(&Loop);

/// Things that a destructor may do after its greenlet was told to end.
const AFTERWARDS: [(&str, Then); 5] = [
    ("nothing", |_| ()),
    ("waits again", |_| {
        let got = greenlet_core::getmain().switch(());
        assert!(got.unwrap_err().is::<GreenletExit>());
    }),
    ("runs the loop", |loop_| {
        loop_.run().unwrap_err();
    }),
    ("destroys another loop", |_| {
        let other = Loop::new("", false).unwrap();
        other.cleanup().unwrap().start(|| ()).unwrap();
        other.destroy().unwrap();
    }),
    ("unwinds another greenlet", |loop_| {
        let (main, loop_) = (getcurrent(), loop_.clone());
        let other = RawGreenlet::new(move |_| {
            let _ = &loop_;
            main.switch(())
        });
        // Only the current greenlet cannot wait. The other one never begins.
        assert!(other.unwind());
    }),
];

#[test]
fn in_a_watchers_callback() -> TestResult {
    for (name, then) in AFTERWARDS {
        let told = Told::new()?;
        let loop_ = &told.loop_;
        let panics = told.callback(then);
        loop_.timer(0.0)?.with_priority(1)?.start(panics)?;
        // This timer fires in the same iteration, when the greenlet is leaving the loop already.
        loop_.timer(0.0)?.start(told.trace.adds("delivered"))?;
        drop(told.start()?);
        assert_eq!(told.told.get(), 1, "{name}");
        assert_eq!(told.errors.take(), ["timer: panicked: the callback's own panic"]);
        told.check()?;
    }
    Ok(())
}

#[test]
fn in_a_queued_callback() -> TestResult {
    for (name, then) in AFTERWARDS {
        let told = Told::new()?;
        told.loop_.run_callback(told.callback(then))?;
        told.loop_.run_callback(told.trace.adds("delivered"))?;
        drop(told.start()?);
        assert_eq!(told.told.get(), 1, "{name}");
        assert_eq!(told.errors.take(), ["callback: panicked: the callback's own panic"]);
        told.check()?;
    }
    Ok(())
}

/// Without the check in the loop, a greenlet that is only told by an error would stay in the loop for ever.
#[test]
fn a_callback_without_a_panic_of_its_own_that_is_told_ends_the_run() -> TestResult {
    for ignores in [true, false] {
        let told = Told::new()?;
        let main = getcurrent();
        let callback = move || {
            let got = main.switch(()).map(drop);
            if ignores { Ok(()) } else { got }
        };
        let keeps_running = told.loop_.async_()?;
        keeps_running.start(|| ())?;
        told.loop_.run_callback(callback)?;
        told.loop_.run_callback(told.trace.adds("delivered"))?;
        let (inside, trace) = (told.loop_.clone(), told.trace.clone());
        let hub = RawGreenlet::new(move |_| {
            let _on_the_stack = CallOnDrop(trace.adds("its stack was unwound"));
            inside.run().unwrap_err();
            Ok(Value::None)
        });
        hub.switch(())?;
        // Another greenlet panics.
        let panicked = catch(move || {
            let _hub = hub;
            resume_unwind(Box::new("drops it"))
        });
        assert!(matches!(panicked, Err::<(), _>(Caught::Panic(_))));
        assert_eq!(told.errors.take(), [""; 0]);
        keeps_running.stop()?;
        told.check()?;
    }
    Ok(())
}

/// The inner loop's run is inside of a destructor that a panic of the outer one's callback runs.
#[test]
fn in_a_loop_that_is_run_by_a_destructor_of_a_panic() -> TestResult {
    let told = Told::new()?;
    let inner = new_loop()?;
    let inner_errors = collect_errors(&inner);
    inner.run_callback({
        let main = getcurrent();
        move || main.switch(()).map(drop)
    })?;
    inner.run_callback(told.trace.adds("delivered"))?;
    told.loop_.run_callback({
        let inner = inner.clone();
        move || {
            let _runs = CallOnDrop(move || {
                inner.run().unwrap_err();
            });
            resume_unwind(Box::new("the outer callback's"));
            #[expect(unreachable_code, reason = "says what the callback returns")]
            ()
        }
    })?;
    let hub = told.start()?;
    drop(hub);
    assert_eq!(told.errors.take(), ["callback: panicked: the outer callback's"]);
    assert_eq!(inner_errors.take(), [""; 0]);
    assert_eq!((told.loop_.depth()?, inner.depth()?, live_greenlets()), (0, 0, 0));
    assert_eq!(told.trace.take(), ["its stack was unwound"]);
    run(&inner)?;
    assert_eq!(told.trace.take(), ["delivered"]);
    Ok(())
}

/// The panic is the greenlet's own, outside of any loop.
#[test]
fn in_a_loop_that_is_run_by_a_destructor_of_the_greenlets_own_panic() -> TestResult {
    let told = Told::new()?;
    let main = getcurrent();
    told.loop_.run_callback(move || main.switch(()).map(drop))?;
    told.loop_.run_callback(told.trace.adds("delivered"))?;
    let (inside, trace) = (told.loop_.clone(), told.trace.clone());
    let greenlet = RawGreenlet::new(move |_| {
        let _on_the_stack = CallOnDrop(trace.adds("its stack was unwound"));
        let _runs = CallOnDrop(move || {
            inside.run().unwrap_err();
        });
        resume_unwind(Box::new("its own"))
    });
    greenlet.switch(())?;
    assert!(std::thread::panicking());
    drop(greenlet);
    assert_eq!(told.errors.take(), [""; 0]);
    told.check()
}

#[test]
fn in_an_embedded_loop() -> TestResult {
    let outer = new_loop()?;
    let told = Told::new()?;
    let Ok(embed) = outer.embed(&told.loop_) else {
        return Ok(());
    };
    embed.start_sweep()?;
    let idle = told.loop_.idle()?;
    idle.feed(Events::IDLE, told.callback(|_| ()))?;
    told.loop_.run_callback(told.trace.adds("delivered"))?;
    let outer_runs = outer.clone();
    // The wake-up makes the embedded loop's descriptor ready; the events that were fed do not.
    told.loop_.threadsafe().run_callback_threadsafe(|| ())?;
    let hub = RawGreenlet::new(move |_| {
        outer_runs.run_once()?;
        Ok(Value::None)
    });
    hub.switch(())?;
    assert!(std::thread::panicking());
    drop(hub);
    assert_eq!(told.told.get(), 1);
    assert_eq!((outer.depth()?, told.loop_.depth()?, live_greenlets()), (0, 0, 0));
    embed.stop()?;
    told.trace.take();
    run(&told.loop_)?;
    Ok(())
}

/// The loop's own error handler waits in the midst of a panic.
#[test]
fn in_the_error_handler() -> TestResult {
    let told = Told::new()?;
    let handler = told.callback(|_| ());
    told.loop_
        .set_error_handler(Some(Rc::new(move |_: Context<'_>, _: Exception| handler())));
    told.loop_.run_callback(|| Err(Exception::new(Deliberate)))?;
    told.loop_.run_callback(told.trace.adds("delivered"))?;
    drop(told.start()?);
    assert_eq!(told.told.get(), 1);
    told.loop_.set_error_handler(None);
    told.check()
}

#[test]
fn with_every_backend() -> TestResult {
    for backend in ["select", "poll", "epoll"] {
        let Ok(loop_) = Loop::new(backend, false) else {
            continue;
        };
        let errors = collect_errors(&loop_);
        let told = Told {
            loop_,
            told: Rc::default(),
            errors,
            trace: Trace::new(),
        };
        told.loop_.timer(0.0)?.with_priority(1)?.start(told.callback(|_| ()))?;
        told.loop_.timer(0.0)?.start(told.trace.adds("delivered"))?;
        drop(told.start()?);
        assert_eq!(told.told.get(), 1);
        told.check()?;
    }
    Ok(())
}
