//! The counterpart of gevent's test__destroy, test__issue1686, test__issues461_471 and of the
//! hub's part of test__core_fork, written anew.
//!
//! Each test runs in a process of its own, on its main thread. There the hub has libev's default loop, no other test
//! uses signals, and a fork copies no threads of other tests.

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::cell::Cell;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::SOON;
use common::children::{self, Test};
use common::process::Process;
use gevent::events::{self, EventLoopBlocked};
use gevent::exceptions::{HubDestroyed, KeyboardInterrupt};
use gevent::hub::core::Loop;
use gevent::hub::{get_hub_if_exists, wait_read};
use gevent::{Exception, config, get_hub, sleep, spawn};

type TestResult = Result<(), Exception>;

type ForkTest = (&'static str, fn() -> TestResult, fn(&Process) -> common::Result);

/// The tests: the function that the child process runs, and the one that the parent runs meanwhile.
const TESTS: [ForkTest; 8] = [
    ("test_destroy_hub", test_destroy_hub, nothing),
    (
        "test_destroy_from_a_callback_of_the_hub",
        test_destroy_from_a_callback_of_the_hub,
        nothing,
    ),
    (
        "test_destroy_in_child_with_active_spawn",
        test_destroy_in_child_with_active_spawn,
        nothing,
    ),
    (
        "test_a_fork_goes_on_with_the_hub",
        test_a_fork_goes_on_with_the_hub,
        nothing,
    ),
    (
        "test_a_thread_forks_and_its_child_gets_a_hub",
        test_a_thread_forks_and_its_child_gets_a_hub,
        nothing,
    ),
    (
        "test_a_fork_leaves_no_lock_that_others_had",
        test_a_fork_leaves_no_lock_that_others_had,
        nothing,
    ),
    ("test_hub_reinit", test_hub_reinit, nothing),
    ("test_hang", test_hang, interrupt),
];

/// gevent's test__destroy.
fn test_destroy_hub() -> TestResult {
    let hub = get_hub();
    assert!(hub.main_hub() && hub.loop_().default());
    let first = hub.loop_().clone();
    sleep(0.001)?;

    hub.destroy(false)?;
    assert!(hub.destroyed() && hub.greenlet().dead() && get_hub_if_exists().is_none());
    assert!(hub.switch().unwrap_err().is::<HubDestroyed>());
    // The next hub takes the loop over.
    let hub = get_hub();
    assert!(!hub.destroyed() && hub.loop_().default());
    assert_eq!(hub.loop_(), &first);
    assert_eq!(spawn(|| sleep(0.001).map(|()| 1)).get()?, 1);

    for _ in 0..2 {
        let hub = get_hub();
        hub.destroy(true)?;
        hub.destroy(true)?;
        assert!(hub.loop_().destroyed() && first.destroyed());
        let hub = get_hub();
        assert!(hub.loop_().default());
        assert_ne!(hub.loop_(), &first);
        assert_eq!(spawn(|| sleep(0.001).map(|()| 1)).get()?, 1);
    }
    get_hub().destroy(false)
}

/// The hub is destroyed while it is parked in one of its callbacks. Callbacks that are still queued are dropped.
fn test_destroy_from_a_callback_of_the_hub() -> TestResult {
    let (main, ran) = (gevent::getcurrent(), Rc::new(Cell::new(false)));
    let hub = get_hub();
    hub.loop_().run_callback(move || main.switch(()).map(drop))?;
    let queued = ran.clone();
    hub.loop_().run_callback(move || queued.set(true))?;
    hub.switch()?;
    hub.destroy(true)?;
    assert!(hub.greenlet().dead() && !ran.get());
    assert_eq!(spawn(|| 1).get()?, 1);
    assert!(!ran.get());
    Ok(())
}

/// Runs `in_child` in a fork. Returns the child's exit status, which is 0 on success.
fn fork(in_child: impl FnOnce() -> TestResult) -> i32 {
    // SAFETY: no other thread of this process holds a lock that the child needs, and the child ends by `_exit`.
    let pid = unsafe { libc::fork() };
    assert_ne!(pid, -1, "{}", std::io::Error::last_os_error());
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(in_child));
        let status = match outcome {
            Ok(Ok(())) => 0,
            Ok(Err(error)) => {
                eprintln!("in the child: {error:?}");
                1
            }
            Err(_) => 2,
        };
        // SAFETY: no preconditions.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: `status` is writable.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status
}

/// gevent's test__issue1686: a child that destroys the hub it inherits runs no callbacks of the parent, and does not
/// touch the descriptors for which the parent waits.
fn test_destroy_in_child_with_active_spawn() -> TestResult {
    let (mut write, read) = UnixStream::pair()?;
    write.write_all(b"test")?;
    wait_read(read.as_raw_fd(), None)?;
    let ran = Rc::new(Cell::new(0));
    let counted = ran.clone();
    let reader = spawn(move || {
        counted.set(counted.get() + 1);
        let mut data = [0; 4];
        (&read).read_exact(&mut data)?;
        Ok(data)
    });
    let hub = get_hub();
    let status = fork(|| {
        hub.destroy(true)?;
        assert_eq!(ran.get(), 0);
        Ok(())
    });
    assert_eq!(status, 0);
    assert_eq!(&reader.get()?, b"test");
    assert_eq!(ran.get(), 1);
    Ok(())
}

/// gevent's test__core_fork with the hub, which both processes go on to use; each waits for events of its own.
fn test_a_fork_goes_on_with_the_hub() -> TestResult {
    let hub = get_hub();
    let forked = Rc::new(Cell::new(0));
    let count = forked.clone();
    let watcher = hub.loop_().fork()?.with_ref(false)?;
    watcher.start(move || count.set(count.get() + 1))?;
    sleep(0.001)?;
    let (mut write, read) = UnixStream::pair()?;
    let descriptor = read.as_raw_fd();
    let reader = spawn(move || wait_read(descriptor, None));
    sleep(0)?;
    for explicit in [true, false] {
        let mut writer = write.try_clone()?;
        let status = fork(|| {
            if explicit {
                get_hub().reinit()?;
            }
            sleep(0.001)?;
            sleep(0.001)?;
            assert_eq!(forked.get(), 1);
            assert_eq!(spawn(|| sleep(0.001).map(|()| 1)).get()?, 1);
            // The greenlet that was waiting before the fork goes on in the child, too.
            assert!(!reader.ready());
            writer.write_all(b"x")?;
            reader.get()
        });
        assert_eq!(status, 0);
        // The pipe is shared, so the parent can read the byte that the child has written.
        (&read).read_exact(&mut [0])?;
    }
    sleep(0.001)?;
    assert_eq!(forked.get(), 0, "not in the parent");
    assert!(!reader.ready());
    write.write_all(b"x")?;
    reader.get()
}

/// gevent's test___monitor: the thread that monitors the hub is started anew in the child.
fn test_hub_reinit() -> TestResult {
    static REPORTED: AtomicBool = AtomicBool::new(false);

    fn blocks_until_it_is_reported() {
        REPORTED.store(false, Ordering::Relaxed);
        while !REPORTED.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    }

    config::set_max_blocking_time(0.01)?;
    config::set_print_blocking_reports(false);
    let notes = |event: &mut EventLoopBlocked| {
        let greenlet = &event.greenlet;
        // Names may be missing in the child of a process that was looking for them at that moment.
        if greenlet.made_at.is_some_and(|at| at.file() == file!()) && !greenlet.backtrace.is_empty() {
            REPORTED.store(true, Ordering::Relaxed);
        }
    };
    events::subscribe(notes).forever();
    let monitor = get_hub().start_periodic_monitoring_thread()?;
    spawn(blocks_until_it_is_reported).join()?;
    for _ in 0..5 {
        let status = fork(|| {
            get_hub().reinit()?;
            assert_eq!(get_hub().periodic_monitoring_thread(), Some(monitor.clone()));
            spawn(blocks_until_it_is_reported).join()
        });
        assert_eq!(status, 0);
        // The parent is monitored as before.
        spawn(blocks_until_it_is_reported).join()?;
    }
    Ok(())
}

/// The child has only the thread that has forked. It is not the main thread there, as in gevent.
fn test_a_thread_forks_and_its_child_gets_a_hub() -> TestResult {
    sleep(0.001)?;
    assert!(get_hub().main_hub());
    for has_hub in [false, true] {
        let thread = std::thread::spawn(move || {
            if has_hub {
                get_hub();
            }
            fork(|| {
                assert!(!get_hub().main_hub() && !get_hub().loop_().default());
                assert_eq!(spawn(|| sleep(0.001).map(|()| 1)).get()?, 1);
                Ok(())
            })
        });
        assert_eq!(thread.join().expect("it does not panic"), 0);
    }
    Ok(())
}

/// Other threads all the time change the settings with which hubs are made, and stop a callback. In the child none of
/// their locks may be held, because their threads do not exist there.
fn test_a_fork_leaves_no_lock_that_others_had() -> TestResult {
    let own = Loop::new((), false)?;
    let callback = own.run_callback_threadsafe(|| ())?;
    let over = Arc::new(AtomicBool::new(false));
    let set: [Box<dyn Fn() + Send>; 4] = [
        Box::new(|| gevent::hub::set_new_hub_hook(None)),
        Box::new(|| config::set_threadpool_idle_task_timeout(5).expect("it is a number")),
        Box::new(|| config::set_libev_backend("").expect("it is any")),
        Box::new(move || _ = callback.stop()),
    ];
    let others = set.map(|set| {
        let over = over.clone();
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                set();
            }
        })
    });
    for _ in 0..100 {
        let status = fork(|| {
            // SAFETY: no preconditions. The alarm ends the child if it hangs.
            unsafe { libc::alarm(30) };
            own.run()?;
            assert_eq!(config::threadpool_idle_task_timeout(), Some(5.0));
            get_hub();
            sleep(0)
        });
        assert_eq!(status, 0);
    }
    over.store(true, Ordering::Relaxed);
    for other in others {
        other.join().expect("it does not panic");
    }
    Ok(())
}

/// gevent's test__issues461_471: an interrupt reaches the main greenlet while all greenlets wait, and the program ends.
fn test_hang() -> TestResult {
    gevent::signal_handler(libc::SIGINT, || Err(KeyboardInterrupt.into()))?;
    let task = spawn(|| {
        println!("ready");
        sleep(100)
    });
    let error = task.get().unwrap_err();
    assert!(error.is::<KeyboardInterrupt>(), "{error:?}");
    Ok(())
}

fn nothing(_: &Process) -> common::Result {
    Ok(())
}

fn interrupt(child: &Process) -> common::Result {
    child.stdout().line_with("ready", 0, SOON)?;
    child.signal(rustix::process::Signal::INT)
}

fn main() -> ExitCode {
    children::main(&TESTS.map(|(name, child, parent)| Test {
        name,
        child: Box::new(move || match child() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:?}");
                ExitCode::FAILURE
            }
        }),
        parent: Box::new(move |child| {
            parent(&child)?;
            let ended = child.wait(SOON)?;
            if ended.status.success() {
                return Ok(());
            }
            Err(format!("{}\n{}{}", ended.status, ended.stdout, ended.stderr).into())
        }),
    }))
}
