//! Tests that every greenlet that is scheduled ends: a greenlet that cannot begin has failed, and greenlets that wait
//! for it get its error.

mod support;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "common/this_program.rs"]
mod this_program;

use std::cell::{Cell, RefCell};
use std::io::Read;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use gevent::exceptions::{HubDestroyed, StackError};
use gevent::greenlet_core::{RawGreenlet, StackSize, Value};
use gevent::hub::ExceptionStream;
use gevent::pool::{Group, Pool};
use gevent::{AnyGreenlet, Context, Exception, Greenlet, Timeout, get_hub, joinall, sleep, spawn};
use support::{TestResult, bounded};

/// A size at which no stack can be made.
const IMPOSSIBLE: usize = usize::MAX / 4096;

fn quiet() {
    get_hub().set_exception_stream(ExceptionStream::Discard);
}

/// A greenlet that gets no stack.
fn impossible() -> Greenlet<()> {
    Greenlet::builder()
        .stack_size(IMPOSSIBLE)
        .build(|| -> () { unreachable!("there is no stack for it") })
}

#[track_caller]
fn assert_failed<T: 'static>(greenlet: &Greenlet<T>) {
    let exception = greenlet.exception().expect("it has failed");
    assert!(exception.is::<StackError>(), "{exception:?}");
    assert!(greenlet.ready() && greenlet.dead() && !greenlet.started());
}

#[test]
fn a_greenlet_without_a_stack_fails() -> TestResult {
    let _bounded = bounded();
    quiet();
    let greenlet = impossible();
    let links = Rc::new(Cell::new(0));
    let its = links.clone();
    greenlet.rawlink(move |_| its.set(its.get() + 1));
    let its = links.clone();
    greenlet.link_exception(move |_| its.set(its.get() + 10));
    let joiner = spawn({
        let greenlet = greenlet.clone();
        move || greenlet.join()
    });
    sleep(0)?;
    greenlet.start()?;
    assert!(greenlet.started());
    assert!(greenlet.get().unwrap_err().is::<StackError>());
    assert_failed(&greenlet);
    joiner.get()?;
    sleep(0)?;
    assert_eq!(links.get(), 11);
    // A start after the greenlet's end changes nothing.
    greenlet.start()?;
    assert_failed(&greenlet);
    let later = impossible();
    later.start_later(0.001)?;
    assert_eq!(joinall([&later])?.len(), 1);
    assert_failed(&later);
    Ok(())
}

#[test]
fn its_error_is_reported_once_with_the_greenlet() -> TestResult {
    let _bounded = bounded();
    let reports = Rc::new(RefCell::new(Vec::new()));
    let its = reports.clone();
    get_hub().set_error_handler(Some(Rc::new(move |context: Context<'_>, exception: Exception| {
        let whose = context.greenlet().expect("nobody else fails");
        its.borrow_mut().push((whose.clone(), exception));
    })));
    let greenlet = impossible();
    greenlet.start()?;
    greenlet.join()?;
    let raw = gevent::spawn_raw(|| ())?;
    raw.discard();
    sleep(0)?;
    get_hub().set_error_handler(None);
    let reports = reports.take();
    assert_eq!(reports.len(), 1);
    assert_eq!(AnyGreenlet::of(&reports[0].0), Some(greenlet.any()));
    assert!(reports[0].1.is::<StackError>());
    Ok(())
}

#[test]
fn what_its_function_owns_goes_with_it() -> TestResult {
    let _bounded = bounded();
    quiet();
    let owned = Rc::new(());
    let its = owned.clone();
    let greenlet = Greenlet::builder().stack_size(IMPOSSIBLE).spawn(move || drop(its));
    greenlet.join()?;
    assert_eq!(Rc::strong_count(&owned), 1);
    Ok(())
}

#[test]
fn its_place_in_a_pool_is_given_back() -> TestResult {
    let _bounded = bounded();
    quiet();
    let (pool, group) = (Pool::new(2), Group::new());
    for _ in 0..5 {
        pool.start(&impossible())?;
        group.start(&impossible())?;
    }
    assert!(pool.join()? && group.join()?);
    assert_eq!((pool.free_count(), group.len()), (2, 0));
    assert_eq!(pool.spawn(|| 3)?.get()?, 3);
    Ok(())
}

#[test]
fn one_that_is_switched_to_by_hand_stays_startable() -> TestResult {
    let _bounded = bounded();
    quiet();
    let greenlet = impossible();
    assert!(greenlet.raw().switch(()).unwrap_err().is::<StackError>());
    assert!(!greenlet.ready() && !greenlet.dead());
    greenlet.start()?;
    greenlet.join()?;
    assert_failed(&greenlet);
    Ok(())
}

/// Runs the test in a thread of its own, whose hub the test may destroy.
fn in_a_thread(test: impl FnOnce() -> TestResult + Send + 'static) -> TestResult {
    let thread = std::thread::spawn(test);
    match thread.join() {
        Ok(outcome) => outcome,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

#[test]
fn a_greenlet_whose_hub_is_destroyed_before_its_turn_fails() -> TestResult {
    let _bounded = bounded();
    in_a_thread(|| {
        let pool = Pool::new(3);
        let links = Rc::new(Cell::new(0));
        let soon = spawn(|| ());
        let later = gevent::spawn_later(1000, || ());
        let pooled = pool.spawn(|| ())?;
        let raw = gevent::spawn_raw(|| ())?;
        for greenlet in [&soon, &later, &pooled] {
            let links = links.clone();
            greenlet.rawlink(move |_| links.set(links.get() + 1));
        }
        get_hub().destroy(true)?;
        for greenlet in [&soon, &later, &pooled] {
            let exception = greenlet.exception().expect("it has failed");
            assert!(exception.is::<HubDestroyed>(), "{exception:?}");
            assert!(greenlet.get().unwrap_err().is::<HubDestroyed>());
            assert!(greenlet.dead());
        }
        assert!(raw.dead());
        assert_eq!((links.get(), pool.free_count()), (3, 3));
        // The pool is joined on the thread's next hub.
        assert!(pool.join()?);
        assert_eq!(pool.spawn(|| 4)?.get()?, 4);
        Ok(())
    })
}

#[test]
fn a_greenlet_whose_loop_is_destroyed_before_its_turn_fails() -> TestResult {
    let _bounded = bounded();
    in_a_thread(|| {
        let (soon, later) = (spawn(|| ()), gevent::spawn_later(1000, || ()));
        get_hub().loop_().destroy()?;
        for greenlet in [&soon, &later] {
            assert!(greenlet.ready() && greenlet.exception().is_some());
        }
        // Greenlets that are started after that fail, in a pool and elsewhere.
        assert!(spawn(|| ()).exception().is_some());
        let pool = Pool::new(1);
        assert!(pool.spawn(|| ()).is_err());
        assert_eq!(pool.free_count(), 1);
        Ok(())
    })
}

/// The greenlet's function never returns, but greenlets that join it are woken.
#[test]
fn a_greenlet_whose_stack_is_given_up_has_ended() -> TestResult {
    alone("a_greenlet_whose_stack_is_given_up_has_ended", || {
        let _bounded = bounded();
        let swallows = Greenlet::<()>::spawn(|| -> TestResult {
            loop {
                let _ = std::panic::catch_unwind(|| sleep(1000));
            }
        });
        let joins = spawn({
            let swallows = swallows.clone();
            move || swallows.join()
        });
        sleep(0)?;
        assert!(swallows.raw().unwind());
        joins.get()?;
        assert!(swallows.ready() && swallows.successful());
        Ok(())
    })
}

/// The same with the hub's own stack. No greenlet is told of the hub's end, which is noticed when the timer is given
/// back.
#[test]
fn a_timer_comes_back_to_a_hub_whose_stack_is_given_up() -> TestResult {
    alone("a_timer_comes_back_to_a_hub_whose_stack_is_given_up", || {
        let _bounded = bounded();
        let (hub, main) = (get_hub(), gevent::getcurrent());
        let timer = hub.timer(1000.0)?;
        hub.loop_().run_callback(move || -> TestResult {
            loop {
                let _ = std::panic::catch_unwind(AssertUnwindSafe(|| main.switch(())));
            }
        })?;
        hub.switch()?;
        assert!(hub.greenlet().unwind());
        drop(timer);
        assert!(hub.destroyed() && get_hub() != hub);
        Ok(())
    })
}

#[test]
fn a_killed_start_is_no_failure() -> TestResult {
    let _bounded = bounded();
    let (soon, later) = (spawn(|| ()), gevent::spawn_later(1000, || ()));
    for greenlet in [&soon, &later] {
        greenlet.kill()?;
        assert!(greenlet.successful() && greenlet.dead());
    }
    // Other callbacks may run before the timer.
    let ran = Rc::new(Cell::new(0));
    let its = ran.clone();
    let later = gevent::spawn_later(0.001, move || its.set(its.get() + 1));
    let raw = later.raw().clone();
    get_hub().loop_().run_callback(move || raw.switch(()).map(drop))?;
    later.get()?;
    sleep(0.005)?;
    assert_eq!(ran.get(), 1);
    Ok(())
}

/// Runs the test of that name again in a process of its own, where it may change what belongs to the process.
#[track_caller]
fn alone(name: &str, test: impl FnOnce() -> TestResult) -> TestResult {
    if std::env::var_os("ALONE").is_some() {
        return test();
    }
    let output = this_program::command()
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env("ALONE", "1")
        // Values on a stack that is given up leak, which these tests intend.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success() && out.contains("1 passed"),
        "{}: {out}{err}",
        output.status
    );
    Ok(())
}

/// Until this is dropped, no stack of the default size is made.
struct NoStacks;

impl NoStacks {
    fn begin() -> NoStacks {
        StackSize::bytes(IMPOSSIBLE).set_default();
        NoStacks
    }
}

impl Drop for NoStacks {
    fn drop(&mut self) {
        StackSize::bytes(gevent::greenlet_core::DEFAULT_STACK_SIZE).set_default();
    }
}

#[test]
fn without_stacks_everything_ends_with_an_error() -> TestResult {
    alone("without_stacks_everything_ends_with_an_error", || {
        let _bounded = bounded();
        quiet();
        let no_stacks = NoStacks::begin();
        let ended = gevent::scope(|s| {
            let greenlets = [s.spawn(|| sleep(1000)), s.spawn(|| sleep(1000))];
            joinall(&greenlets).map(drop)
        });
        assert!(ended.unwrap_err().is::<StackError>());
        let raw = gevent::spawn_raw(|| ())?;
        sleep(0)?;
        assert!(raw.dead());
        let pool = Pool::new(2);
        assert!(pool.map(|i: i32| i, 0..5).unwrap_err().is::<StackError>());
        let mut values = pool.imap(|i: i32| i, 0..5);
        assert!(values.next().expect("an error").is_err());
        assert!(values.next().is_none());
        let mut values = pool.imap_unordered(|i: i32| i, 0..5);
        assert!(values.next().expect("an error").is_err());
        assert!(values.next().is_none());
        assert!(pool.apply(|| 3).unwrap_err().is::<StackError>());
        assert!(pool.apply_async(|| 3)?.get().unwrap_err().is::<StackError>());
        assert_eq!((pool.free_count(), pool.join()?), (2, true));
        // When stacks can be made again, everything works as before.
        drop(no_stacks);
        assert_eq!(pool.map(|i: i32| i, 0..5)?, [0, 1, 2, 3, 4]);
        Ok(())
    })
}

#[test]
fn a_server_without_stacks_serves_again_when_there_are_some() -> TestResult {
    use std::io::Write;

    use gevent::server::StreamServer;
    use gevent::socket::TcpStream;

    alone("a_server_without_stacks_serves_again_when_there_are_some", || {
        let _bounded = bounded();
        quiet();
        let handle = |mut stream: TcpStream, _| Ok(stream.write_all(b"pong")?);
        for limit in [0, 2] {
            let mut builder = StreamServer::builder();
            if limit > 0 {
                builder = builder.spawn(limit);
            }
            let server = builder.build("127.0.0.1:0", handle);
            server.start()?;
            let address = server.address().expect("it listens");
            let ask = || {
                Timeout::new(30).with(|| {
                    let mut answer = String::new();
                    // The connection is cut off, which is seen as an end or as an error.
                    let _ = TcpStream::connect(address)?.read_to_string(&mut answer);
                    Ok(answer)
                })
            };
            assert_eq!(ask()?, "pong");
            let no_stacks = NoStacks::begin();
            for _ in 0..5 {
                assert_eq!(ask()?, "");
            }
            drop(no_stacks);
            assert_eq!(ask()?, "pong");
            server.stop_timeout(1)?;
        }
        Ok(())
    })
}

/// The hub itself gets no stack.
#[test]
#[cfg(target_os = "linux")]
fn a_hub_without_a_stack_lets_nobody_wait_for_ever() -> TestResult {
    alone("a_hub_without_a_stack_lets_nobody_wait_for_ever", || {
        let _bounded = bounded();
        quiet();
        let greenlet = spawn(|| 5);
        let ran = Rc::new(Cell::new(false));
        let its = ran.clone();
        let raw = RawGreenlet::builder().stack_size(1 << 20).build(move |_| {
            its.set(true);
            Ok(Value::None)
        });
        let Some(limited) = Limited::begin() else {
            return Ok(());
        };
        // A greenlet whose switch by hand has failed for want of a stack can be started later.
        assert!(raw.switch(()).unwrap_err().is::<StackError>());
        assert!(!raw.started());
        assert!(sleep(0.001).unwrap_err().is::<StackError>());
        assert!(sleep(0).unwrap_err().is::<StackError>());
        assert!(greenlet.get().unwrap_err().is::<StackError>());
        assert!(get_hub().join().unwrap_err().is::<StackError>());
        let ended = gevent::scope(|s| {
            s.spawn(|| sleep(1000));
            Ok(())
        });
        assert!(ended.unwrap_err().is::<StackError>());
        drop(limited);
        raw.switch(())?;
        assert!(ran.get() && !greenlet.ready());
        assert_eq!(greenlet.get()?, 5);
        Ok(())
    })
}

/// Until this is dropped, the only address space that is left is some for the heap. `begin` returns None with
/// AddressSanitizer, which has reserved terabytes, and where there is no limit, as in an emulator.
#[cfg(target_os = "linux")]
struct Limited(libc::rlimit);

#[cfg(target_os = "linux")]
impl Limited {
    #[allow(unsafe_code)]
    fn begin() -> Option<Limited> {
        // SAFETY: both functions get a structure that lives for the call.
        unsafe {
            let mut limit: libc::rlimit = std::mem::zeroed();
            assert_eq!(libc::getrlimit(libc::RLIMIT_AS, &mut limit), 0);
            let statm = std::fs::read_to_string("/proc/self/statm").expect("it is Linux");
            let pages = statm.split(' ').next().expect("a number").parse::<u64>();
            let now = pages.expect("a number") * libc::sysconf(libc::_SC_PAGESIZE).cast_unsigned();
            if now > 1 << 40 {
                return None;
            }
            let less = libc::rlimit {
                rlim_cur: now + (4 << 20),
                ..limit
            };
            assert_eq!(libc::setrlimit(libc::RLIMIT_AS, &less), 0);
            let limited = Limited(limit);
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let more = libc::mmap(std::ptr::null_mut(), 8 << 20, libc::PROT_NONE, flags, -1, 0);
            if more != libc::MAP_FAILED {
                assert_eq!(libc::munmap(more, 8 << 20), 0);
                return None;
            }
            Some(limited)
        }
    }
}

#[cfg(target_os = "linux")]
impl Drop for Limited {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the function only reads the structure.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &self.0) }, 0);
    }
}
