//! Where a greenlet could outlive its scope, the process ends instead: in processes of their own. This binary
//! runs itself with `SCOPE_CASE` set.

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::cell::{Cell, RefCell};
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::rc::Rc;

use common::SOON;
use common::process::Process;
use gevent::{Exception, Greenlet, RawGreenlet, Value, getcurrent, scope, sleep, spawn};

const CASE: &str = "SCOPE_CASE";

/// Runs a case in a process, which must abort and say why.
fn aborts(case: &str) -> common::Result {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
    let ended = Process::spawn(command.env(CASE, case))?.wait(SOON)?;
    let said = format!("{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(ended.status.signal(), Some(libc::SIGABRT), "{said}");
    assert!(said.contains("outlives its scope"), "{said}");
    Ok(())
}

/// The children's side.
#[test]
fn child() {
    let Ok(case) = std::env::var(CASE) else {
        return;
    };
    let ended = match case.as_str() {
        "swallowed unwinding" => swallowed_unwinding(),
        "unwound by its own greenlet" => unwound_by_its_own_greenlet(),
        "a destructor that is parked elsewhere" => a_destructor_that_is_parked_elsewhere(),
        _ => panic!("no case {case}"),
    };
    panic!("still here: {ended:?}");
}

/// Parks the caller where only main can find it.
fn caller(function: impl FnOnce(&RawGreenlet) -> Result<(), Exception> + 'static) -> RawGreenlet {
    let main = getcurrent();
    RawGreenlet::new(move |_| function(&main).map(|()| Value::None))
}

/// A greenlet's stack is given up, with an inner scope on it that lends on what it borrowed: the
/// inner greenlets would still run when the outer frame is gone.
fn swallowed_unwinding() -> Result<(), Exception> {
    let caller = caller(|main| {
        let lent = Cell::new(0);
        scope(|s| {
            s.spawn(|| {
                scope(|inner| -> Result<(), Exception> {
                    inner.spawn(|| -> Result<(), Exception> {
                        loop {
                            sleep(0.001)?;
                            lent.set(lent.get() + 1);
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
    // The hub, parked where it woke the caller, lets go of it when it runs again.
    sleep(0.01)
}

#[test]
fn a_greenlet_that_swallows_its_unwinding() -> common::Result {
    aborts("swallowed unwinding")
}

/// A greenlet of the scope drops its caller: it cannot be unwound by its own work.
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
    aborts("unwound by its own greenlet")
}

/// What a killed greenlet owned waits, in the killer, while the caller is unwound.
fn a_destructor_that_is_parked_elsewhere() -> Result<(), Exception> {
    struct SlowToGo<'a>(&'a Cell<usize>);

    impl Drop for SlowToGo<'_> {
        fn drop(&mut self) {
            let _ = sleep(0.1);
            self.0.set(self.0.get() + 1);
        }
    }

    let caller = caller(|main| {
        let victim: Rc<RefCell<Option<Greenlet<()>>>> = Rc::default();
        // It is the first to run.
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
    sleep(1)
}

#[test]
fn a_destructor_parked_elsewhere() -> common::Result {
    aborts("a destructor that is parked elsewhere")
}
