//! Watchers made by the shim work with the linked libev, and the shim reads the right values from the inside of a loop.

use std::ffi::{c_int, c_void};
use std::io::{self, Read, Write};
use std::mem::zeroed;
use std::os::fd::AsRawFd;
use std::ptr;

use libev_sys::*;

/// A loop of its own per test, destroyed at the end. Watchers are declared before it, so they outlive it.
struct Loop(*mut ev_loop);

impl Loop {
    fn new(flags: u32) -> io::Result<Self> {
        // SAFETY: any flags are allowed; null means that no backend works.
        let loop_ = unsafe { ev_loop_new(flags | EVFLAG_NOENV) };
        if loop_.is_null() {
            Err(io::Error::last_os_error())
        } else {
            Ok(Self(loop_))
        }
    }

    fn run(&self, flags: c_int) {
        // SAFETY: the loop is alive until drop, and so are the watchers that the tests start on it.
        unsafe { ev_run(self.0, flags) };
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // SAFETY: nobody else destroys it.
        unsafe { ev_loop_destroy(self.0) }
    }
}

/// A callback that adds the event mask to the `c_int` that the watcher's `data` points to.
macro_rules! record {
    ($name:ident, $watcher:ty) => {
        unsafe extern "C" fn $name(_: *mut ev_loop, w: *mut $watcher, revents: c_int) {
            // SAFETY: libev passes the watcher; the tests point `data` to a live `c_int`.
            unsafe { *(*w).data.cast::<c_int>() |= revents }
        }
    };
}
record!(on_any, ev_watcher);
record!(on_io, ev_io);
record!(on_timer, ev_timer);
record!(on_async, ev_async);
record!(on_signal, ev_signal);

/// Fails unless the two are the same but for rounding.
#[track_caller]
fn near<const N: usize>(found: [f64; N], expected: [f64; N]) {
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }
}

#[test]
fn timer_fires_once_and_lets_the_loop_end() -> io::Result<()> {
    let mut fired: c_int = 0;
    // SAFETY: C structs of integers and pointers may be zero.
    let mut timer: ev_timer = unsafe { zeroed() };
    let loop_ = Loop::new(EVFLAG_AUTO)?;
    // SAFETY: watcher and counter outlive the loop.
    unsafe {
        ev_shim_timer_init(&mut timer, Some(on_timer), 0.001, 0.0);
        timer.data = (&raw mut fired).cast();
        ev_timer_start(loop_.0, &mut timer);
        assert_ne!(ev_shim_is_active((&raw const timer).cast()), 0);
    }
    loop_.run(0);
    assert_eq!(fired, EV_TIMER);
    assert_eq!(timer.active, 0);
    Ok(())
}

#[test]
fn io_is_seen_on_a_pipe_by_every_backend() -> io::Result<()> {
    // SAFETY: only returns a constant.
    let mut supported = unsafe { ev_supported_backends() };
    if matches!(option_env!("LIBEV_SYS_VERIFY"), Some("2" | "3")) {
        // io_uring fails libev's own check: it closes the backend's timerfd before it stops the watcher.
        supported &= !EVBACKEND_IOURING;
    }
    let mut worked = 0;
    for backend in (0..16).map(|bit| 1 << bit).filter(|backend| supported & backend != 0) {
        // The kernel, or a container's rules, may refuse a backend that is compiled in.
        let Ok(loop_) = Loop::new(backend) else {
            continue;
        };
        let (mut reader, mut writer) = io::pipe()?;
        let mut seen: c_int = 0;
        // SAFETY: C structs of integers and pointers may be zero.
        let mut io: ev_io = unsafe { zeroed() };
        // SAFETY: the watcher is stopped before it and the descriptor go.
        unsafe {
            assert_eq!(ev_backend(loop_.0), backend);
            ev_shim_io_init(&mut io, Some(on_io), reader.as_raw_fd(), EV_READ);
            io.data = (&raw mut seen).cast();
            ev_io_start(loop_.0, &mut io);
        }
        loop_.run(EVRUN_NOWAIT);
        assert_eq!(seen, 0, "backend {backend:#x}: nothing was written");
        writer.write_all(b"x")?;
        loop_.run(EVRUN_ONCE);
        assert_eq!(seen, EV_READ, "backend {backend:#x}");
        reader.read_exact(&mut [0])?;
        // SAFETY: started above on this loop.
        unsafe { ev_io_stop(loop_.0, &mut io) };
        worked |= backend;
    }
    assert_ne!(worked & EVBACKEND_POLL, 0);
    Ok(())
}

#[test]
fn io_set_marks_the_descriptor_as_new_and_modify_keeps_the_mark() {
    // SAFETY: the watcher is never started.
    unsafe {
        let mut io: ev_io = zeroed();
        ev_shim_io_init(&mut io, Some(on_io), 0, EV_READ);
        assert_eq!(io.events, EV_READ | EV__IOFDSET);
        ev_shim_io_modify(&mut io, EV_WRITE);
        assert_eq!(io.events, EV_WRITE | EV__IOFDSET);
        io.events = EV_READ;
        ev_shim_io_modify(&mut io, EV_WRITE);
        assert_eq!((io.fd, io.events), (0, EV_WRITE));
        ev_shim_io_set(&mut io, 1, EV_READ);
        assert_eq!((io.fd, io.events), (1, EV_READ | EV__IOFDSET));
    }
}

#[test]
fn all_thirteen_types_are_initialised() {
    macro_rules! check {
        ($type:ident, $init:ident, $set:ident $(, $argument:expr => $field:ident = $value:expr)*) => {{
            unsafe extern "C" fn cb(_: *mut ev_loop, _: *mut $type, _: c_int) {}
            // SAFETY: the watcher is never started.
            unsafe {
                let mut w: $type = zeroed();
                w.active = 7;
                w.pending = 7;
                w.priority = 1;
                $init(&mut w, Some(cb) $(, $argument)*);
                assert_eq!((w.active, w.pending, w.priority), (0, 0, 0), stringify!($init));
                assert!(w.cb.is_some(), stringify!($init));
                $(assert!(w.$field == $value, stringify!($init $field));)*
                $(w.$field = zeroed();)*
                $set(&mut w $(, $argument)*);
                $(assert!(w.$field == $value, stringify!($set $field));)*
            }
        }};
    }
    let path = c"/etc".as_ptr();
    let other = ptr::without_provenance_mut::<ev_loop>(64);
    check!(ev_io, ev_shim_io_init, ev_shim_io_set, 3 => fd = 3, EV_READ => events = EV_READ | EV__IOFDSET);
    check!(ev_timer, ev_shim_timer_init, ev_shim_timer_set, 1.5 => at = 1.5, 2.5 => repeat = 2.5);
    check!(ev_signal, ev_shim_signal_init, ev_shim_signal_set, 10 => signum = 10);
    check!(ev_child, ev_shim_child_init, ev_shim_child_set, 42 => pid = 42, 5 => flags = 1);
    check!(ev_stat, ev_shim_stat_init, ev_shim_stat_set, path => path = path, 0.5 => interval = 0.5);
    check!(ev_embed, ev_shim_embed_init, ev_shim_embed_set, other => other = other);
    check!(ev_idle, ev_shim_idle_init, ev_shim_idle_set);
    check!(ev_prepare, ev_shim_prepare_init, ev_shim_prepare_set);
    check!(ev_check, ev_shim_check_init, ev_shim_check_set);
    check!(ev_fork, ev_shim_fork_init, ev_shim_fork_set);
    check!(ev_cleanup, ev_shim_cleanup_init, ev_shim_cleanup_set);
    check!(ev_async, ev_shim_async_init, ev_shim_async_set);

    unsafe extern "C" fn cb(_: *mut ev_loop, _: *mut ev_periodic, _: c_int) {}
    unsafe extern "C" fn next(_: *mut ev_periodic, now: f64) -> f64 {
        now + 1.0
    }
    // SAFETY: the watcher is never started.
    unsafe {
        let mut w: ev_periodic = zeroed();
        ev_shim_periodic_init(&mut w, Some(cb), 1.0, 2.0, Some(next));
        near([w.offset, w.interval], [1.0, 2.0]);
        assert!(w.reschedule_cb.is_some());
        ev_shim_periodic_set(&mut w, 3.0, 4.0, None);
        near([w.offset, w.interval], [3.0, 4.0]);
        assert!(w.reschedule_cb.is_none());
        w.at = 5.0;
        near([ev_shim_periodic_at(&w)], [5.0]);
    }
}

#[test]
fn priority_and_callback_can_be_read_back() {
    let mut fired: c_int = 0;
    // SAFETY: the watcher is initialised and never started.
    unsafe {
        let mut w: ev_watcher = zeroed();
        ev_shim_init(&mut w, None);
        let any: *mut c_void = (&raw mut w).cast();
        ev_shim_set_priority(any, EV_MAXPRI);
        assert_eq!(ev_shim_priority(any), EV_MAXPRI);
        assert!(ev_shim_cb(any).is_none());
        ev_shim_set_cb(any, Some(on_any));
        w.data = (&raw mut fired).cast();
        ev_shim_cb(any).expect("just set")(ptr::null_mut(), &mut w, EV_CUSTOM);
    }
    assert_eq!(fired, EV_CUSTOM);
}

#[test]
fn fed_watcher_is_pending_until_it_is_called() -> io::Result<()> {
    let mut fired: c_int = 0;
    // SAFETY: C structs of integers and pointers may be zero.
    let mut w: ev_async = unsafe { zeroed() };
    let loop_ = Loop::new(EVFLAG_AUTO)?;
    // SAFETY: watcher and counter outlive the loop.
    unsafe {
        ev_shim_async_init(&mut w, Some(on_async));
        w.data = (&raw mut fired).cast();
        ev_async_start(loop_.0, &mut w);
        assert_eq!(ev_shim_async_pending(&w), 0);
        ev_async_send(loop_.0, &mut w);
        assert_eq!(ev_shim_async_pending(&w), 1);
        loop_.run(EVRUN_ONCE);
        assert_eq!((ev_shim_async_pending(&w), fired), (0, EV_ASYNC));

        ev_feed_event(loop_.0, (&raw mut w).cast(), EV_CUSTOM);
        assert_ne!(ev_shim_is_pending((&raw const w).cast()), 0);
        ev_invoke_pending(loop_.0);
        assert_eq!(ev_shim_is_pending((&raw const w).cast()), 0);
        ev_async_stop(loop_.0, &mut w);
    }
    assert_eq!(fired, EV_ASYNC | EV_CUSTOM);
    Ok(())
}

#[test]
fn internals_are_told_or_said_to_be_unavailable() -> io::Result<()> {
    // SAFETY: C structs of integers and pointers may be zero.
    let (mut timer, mut signal): (ev_timer, ev_signal) = unsafe { (zeroed(), zeroed()) };
    let loop_ = Loop::new(EVBACKEND_POLL | EVFLAG_FORKCHECK)?;
    // SAFETY: the watchers outlive the loop; no other test uses SIGUSR2.
    unsafe {
        ev_shim_timer_init(&mut timer, Some(on_timer), 1000.0, 0.0);
        ev_timer_start(loop_.0, &mut timer);
        ev_shim_signal_init(&mut signal, Some(on_signal), libc::SIGUSR2);
        ev_signal_start(loop_.0, &mut signal);
        ev_loop_fork(loop_.0);

        let numbers = [
            ev_shim_loop_activecnt(loop_.0),
            ev_shim_loop_timercnt(loop_.0),
            ev_shim_loop_sig_pending(loop_.0),
            ev_shim_loop_backend_fd(loop_.0),
            ev_shim_loop_sigfd(loop_.0),
            ev_shim_loop_postfork(loop_.0),
            ev_shim_loop_asynccnt(loop_.0),
        ];
        let flags = ev_shim_loop_origflags(loop_.0);
        if cfg!(feature = "system") {
            assert_eq!(ev_shim_has_internals(), 0);
            assert_eq!(numbers, [EV_SHIM_UNAVAILABLE; 7]);
            assert_eq!(flags, EV_SHIM_UNAVAILABLE as u32);
            assert!(ev_shim_signal_loop(libc::SIGUSR2).is_null());
        } else {
            assert_eq!(ev_shim_has_internals(), 1);
            assert_eq!(numbers, [2, 1, 0, -1, -1, 1, 0]);
            assert_eq!(flags, EVBACKEND_POLL | EVFLAG_FORKCHECK | EVFLAG_NOENV);
            assert_eq!(ev_shim_signal_loop(libc::SIGUSR2), loop_.0);
            assert!(ev_shim_signal_loop(libc::SIGHUP).is_null());
            assert!(ev_shim_signal_loop(0).is_null() && ev_shim_signal_loop(ev_shim_nsig()).is_null());
        }
        ev_signal_stop(loop_.0, &mut signal);
        ev_timer_stop(loop_.0, &mut timer);
    }
    Ok(())
}

#[test]
fn what_comes_next_is_told_while_an_event_is_delivered() -> io::Result<()> {
    /// The watcher whose event will be delivered after `n` others; null if there is none.
    unsafe fn next(loop_: *mut ev_loop, n: usize) -> *mut ev_watcher {
        let mut count = -1;
        // SAFETY: the callers pass a loop that is alive, and there are `count` events.
        unsafe {
            let events = ev_shim_loop_pendings(loop_, &mut count);
            let count = usize::try_from(count).unwrap();
            if n < count {
                (*events.add(count - 1 - n)).w
            } else {
                ptr::null_mut()
            }
        }
    }
    extern "C" fn on_fed(loop_: *mut ev_loop, w: *mut ev_timer, _: c_int) {
        // SAFETY: the loop is running; `data` is the vector below.
        unsafe {
            let seen = &mut *(*w).data.cast::<Vec<[*mut ev_watcher; 3]>>();
            seen.push([0, 1, 2].map(|n| next(loop_, n)));
        }
    }
    let mut seen: Vec<[*mut ev_watcher; 3]> = Vec::new();
    // SAFETY: C structs of integers and pointers may be zero.
    let mut timers: [ev_timer; 3] = unsafe { zeroed() };
    let loop_ = Loop::new(EVBACKEND_POLL)?;
    let [first, second, _] = timers.each_mut().map(|timer| -> *mut ev_watcher {
        // SAFETY: the timers and the vector outlive the loop.
        unsafe {
            ev_shim_timer_init(timer, Some(on_fed), 0.0, 0.0);
            timer.data = (&raw mut seen).cast();
            ev_feed_event(loop_.0, ptr::from_mut(timer).cast(), EV_CUSTOM);
        }
        ptr::from_mut(timer).cast()
    });
    // SAFETY: as above.
    unsafe {
        assert!(next(loop_.0, 0).is_null());
        ev_invoke_pending(loop_.0);
        assert!(next(loop_.0, 0).is_null());
    }
    let none = ptr::null_mut();
    if cfg!(feature = "system") {
        assert_eq!(seen, [[none; 3]; 3]);
    } else {
        // The event that was fed last is delivered first.
        assert_eq!(seen, [[second, first, none], [first, none, none], [none; 3]]);
    }
    Ok(())
}
