//! Tests that the frame of a scope is never left while one of its greenlets could outlive it: its stack is given up,
//! or, where the stack cannot be given up, the process aborts. Each case runs in a process of its own: this binary runs
//! itself with `SCOPE_CASE` set.

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::cell::{Cell, RefCell};
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use common::SOON;
use common::process::Process;
use gevent::{Exception, Greenlet, RawGreenlet, Value, getcurrent, scope, sleep, spawn};

const CASE: &str = "SCOPE_CASE";

/// Runs a case in a process of its own. Returns the signal that has ended it, and its output.
fn run(case: &str) -> common::Result<(Option<i32>, String)> {
    let mut command = common::this_program::command();
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
    // Stacks that are given up are leaks on purpose.
    command.env("ASAN_OPTIONS", "detect_leaks=0");
    let ended = Process::spawn(command.env(CASE, case))?.wait(SOON)?;
    let said = format!("{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(
        ended.status.code() == Some(0),
        ended.status.signal().is_none(),
        "{said}"
    );
    Ok((ended.status.signal(), said))
}

/// Checks that the case aborts, and prints the reason.
fn aborts(case: &str) -> common::Result {
    let (signal, said) = run(case)?;
    assert_eq!(signal, Some(libc::SIGABRT), "{said}");
    assert!(said.contains("outlives its scope"), "{said}");
    Ok(())
}

/// Checks that the case ends well, and gives up this number of stacks because of the scope.
fn gives_up(case: &str, stacks: usize) -> common::Result {
    let (signal, said) = run(case)?;
    assert_eq!(signal, None, "{said}");
    let given_up = said.matches("has lent to greenlets of a scope").count();
    assert_eq!(given_up, stacks, "{said}");
    Ok(())
}

/// Runs the case that the parent process has chosen.
#[test]
fn child() {
    let Ok(case) = std::env::var(CASE) else {
        return;
    };
    let ended = match case.as_str() {
        "swallowed unwinding" => swallowed_unwinding(),
        "swallowed unwinding, main" => swallowed_unwinding_in_main(),
        "unwound by its own greenlet" => unwound_by_its_own_greenlet(),
        "a destructor that is parked elsewhere" => a_destructor_that_is_parked_elsewhere(),
        "a destructor that is parked in main" => a_destructor_that_is_parked_in_main(),
        _ => panic!("no case {case}"),
    };
    ended.unwrap();
}

/// Starts a greenlet that opens a scope, and which only the main greenlet can resume.
fn caller(function: impl FnOnce(&RawGreenlet) -> Result<(), Exception> + 'static) -> RawGreenlet {
    let main = getcurrent();
    RawGreenlet::new(move |_| function(&main).map(|()| Value::None))
}

/// A stack is given up, and an inner scope on it lends data that it has borrowed from the outer one. The inner
/// greenlets still run, so the outer frame must stay, too.
fn swallowed_unwinding() -> Result<(), Exception> {
    thread_local! {
        static SEEN: Cell<u32> = const { Cell::new(0) };
    }
    let caller = caller(|main| {
        let lent = Cell::new(0);
        scope(|s| {
            s.spawn(|| {
                scope(|inner| -> Result<(), Exception> {
                    inner.spawn(|| -> Result<(), Exception> {
                        loop {
                            sleep(0.001)?;
                            lent.set(lent.get() + 1);
                            SEEN.set(lent.get());
                        }
                    });
                    loop {
                        let _ = catch_unwind(AssertUnwindSafe(|| sleep(100)));
                    }
                })
            });
            sleep(0)?;
            main.switch(()).map(drop)
        })
    });
    caller.switch(())?;
    drop(caller);
    // The hub is parked where it has woken the caller, and drops its handle when it runs again.
    sleep(0.01)?;
    let seen = SEEN.get();
    while SEEN.get() < seen + 3 {
        sleep(0.001)?;
    }
    Ok(())
}

#[test]
fn a_greenlet_that_swallows_its_unwinding() -> common::Result {
    gives_up("swallowed unwinding", 1)
}

/// The same with a scope of the main greenlet, when no other greenlet is left to run.
fn swallowed_unwinding_in_main() -> Result<(), Exception> {
    scope(|s| {
        s.spawn(|| -> Result<(), Exception> {
            loop {
                let _ = catch_unwind(AssertUnwindSafe(|| gevent::get_hub().switch()));
            }
        });
        Ok(())
    })
}

#[test]
fn a_greenlet_of_main_that_swallows_its_unwinding() -> common::Result {
    aborts("swallowed unwinding, main")
}

/// A greenlet of the scope drops the scope's caller, which cannot be unwound by a greenlet for which it waits.
fn unwound_by_its_own_greenlet() -> Result<(), Exception> {
    let handle: Rc<RefCell<Option<RawGreenlet>>> = Rc::default();
    let taken = handle.clone();
    let caller = caller(move |main| {
        let lent = Cell::new(0);
        scope(|s| {
            s.spawn(|| {
                sleep(0)?;
                taken.take();
                lent.set(1);
                Ok(())
            });
            sleep(0)?;
            main.switch(()).map(drop)
        })
    });
    handle.replace(Some(caller.clone()));
    caller.switch(())?;
    drop(caller);
    sleep(0.01)
}

#[test]
fn a_caller_unwound_by_its_own_greenlet() -> common::Result {
    gives_up("unwound by its own greenlet", 1)
}

/// Waits when it is dropped, and then uses the borrowed cell, however the wait ends.
struct SlowToGo<'a>(&'a Cell<usize>);

impl Drop for SlowToGo<'_> {
    fn drop(&mut self) {
        struct AtLast<'a>(&'a Cell<usize>);

        impl Drop for AtLast<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
                GONE.set(self.0.get());
            }
        }

        let _at_last = AtLast(self.0);
        let _ = sleep(0.1);
    }
}

thread_local! {
    static GONE: Cell<usize> = const { Cell::new(0) };
}

/// The destructor of a killed greenlet's value waits, in the killer, while the caller is unwound. So the killer is
/// unwound, too.
fn a_destructor_that_is_parked_elsewhere() -> Result<(), Exception> {
    let caller = caller(|main| {
        let victim: Rc<RefCell<Option<Greenlet<()>>>> = Rc::default();
        // This greenlet is the first to run.
        spawn({
            let victim = victim.clone();
            move || victim.take().expect("it is there by now").kill()
        });
        let lent = Cell::new(0);
        scope(|s| {
            let slow = SlowToGo(&lent);
            victim.replace(Some((*s.spawn(move || drop(slow))).clone()));
            main.switch(()).map(drop)
        })
    });
    caller.switch(())?;
    sleep(0.01)?;
    drop(caller);
    sleep(0.001)?;
    assert_eq!(GONE.get(), 1);
    Ok(())
}

#[test]
fn a_destructor_parked_elsewhere() -> common::Result {
    gives_up("a destructor that is parked elsewhere", 0)
}

/// The same in the main greenlet, which cannot be unwound.
fn a_destructor_that_is_parked_in_main() -> Result<(), Exception> {
    let victim: Rc<RefCell<Option<Greenlet<()>>>> = Rc::default();
    let its = victim.clone();
    let caller = caller(move |main| {
        let lent = Cell::new(0);
        scope(|s| {
            let slow = SlowToGo(&lent);
            its.replace(Some((*s.spawn(move || drop(slow))).clone()));
            main.switch(()).map(drop)
        })
    });
    caller.switch(())?;
    let victim = victim.take().expect("it is there by now");
    spawn(move || drop(caller));
    // The victim's function is dropped here without having run, while the caller is unwound.
    victim.kill()?;
    assert_eq!(GONE.get(), 1);
    Ok(())
}

#[test]
fn a_destructor_parked_in_main() -> common::Result {
    gives_up("a destructor that is parked in main", 1)
}
