//! In signal handlers. Each test has signals of its own.

use std::ffi::c_void;
use std::mem::zeroed;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use libc::{c_int, siginfo_t};

use crate::{assert_parks, in_virtual_thread, others_run_in};

/// How often a handler was called.
static CALLED: AtomicUsize = AtomicUsize::new(0);

/// A handler that makes a patched call.
extern "C" fn pauses(_signal: c_int) {
    // SAFETY: the function has no conditions.
    unsafe { libc::usleep(1000) };
    CALLED.fetch_add(1, Ordering::Relaxed);
}

fn action(handler: usize, flags: c_int) -> libc::sigaction {
    // SAFETY: zeros are an action.
    let mut action: libc::sigaction = unsafe { zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    action
}

fn install(signal: c_int, handler: usize, flags: c_int) {
    let action = action(handler, flags);
    // SAFETY: the action is one, and its handler stays.
    let result = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
    assert_eq!(result, 0);
}

fn installed(signal: c_int) -> libc::sigaction {
    let mut action = action(0, 0);
    // SAFETY: the place is that of an action.
    assert_eq!(unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) }, 0);
    action
}

fn raise(signal: c_int) {
    // SAFETY: the signal has a handler.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

#[track_caller]
fn assert_handler_does_not_park(signal: c_int) {
    in_virtual_thread(move || {
        let before = CALLED.load(Ordering::Relaxed);
        assert!(!others_run_in(|| raise(signal)));
        assert!(CALLED.load(Ordering::Relaxed) > before);
        assert_parks();
    });
}

#[test]
fn a_handler_does_not_park() {
    install(libc::SIGUSR1, pauses as *const () as usize, 0);
    assert_handler_does_not_park(libc::SIGUSR1);
}

#[test]
fn a_handler_on_the_alternate_stack_does_not_park() {
    static ADDRESS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn handler(signal: c_int) {
        let here = 0;
        ADDRESS.store((&raw const here).addr(), Ordering::Relaxed);
        pauses(signal);
    }
    install(libc::SIGUSR2, handler as *const () as usize, libc::SA_ONSTACK);
    assert_handler_does_not_park(libc::SIGUSR2);
    in_virtual_thread(|| {
        // SAFETY: zeros are a place for an answer.
        let stack = unsafe {
            let mut stack: libc::stack_t = zeroed();
            libc::sigaltstack(ptr::null(), &raw mut stack);
            stack
        };
        raise(libc::SIGUSR2);
        let start = stack.ss_sp.addr();
        assert!((start..start + stack.ss_size).contains(&ADDRESS.load(Ordering::Relaxed)));
    });
}

unsafe extern "C" {
    fn sigset(signal: c_int, handler: usize) -> usize;
    fn sysv_signal(signal: c_int, handler: usize) -> usize;
    fn ssignal(signal: c_int, handler: usize) -> usize;
    fn bsd_signal(signal: c_int, handler: usize) -> usize;
}

/// The older functions do the same, and return the handler before.
#[test]
fn handlers_of_all_functions_do_not_park() {
    let functions: [unsafe extern "C" fn(c_int, usize) -> usize; 5] =
        [libc::signal, sigset, ssignal, bsd_signal, sysv_signal];
    let handler = pauses as *const () as usize;
    for (number, install) in functions.into_iter().enumerate() {
        let signal = libc::SIGRTMIN() + 2 + number as c_int;
        // SAFETY: the handler stays.
        unsafe {
            assert_eq!(install(signal, handler), libc::SIG_DFL);
            assert_eq!(install(signal, handler), handler);
        }
        assert_eq!(installed(signal).sa_sigaction, handler);
        assert_handler_does_not_park(signal);
    }
}

#[test]
fn what_was_installed_is_told_as_it_was_given() {
    let signal = libc::SIGRTMIN() + 8;
    let handler = pauses as *const () as usize;
    assert_eq!(installed(signal).sa_sigaction, libc::SIG_DFL);
    for (handler, flags) in [
        (handler, libc::SA_RESTART | libc::SA_NODEFER),
        (libc::SIG_IGN, 0),
        (handler, libc::SA_SIGINFO),
        (libc::SIG_DFL, 0),
    ] {
        install(signal, handler, flags);
        let now = installed(signal);
        assert_eq!(now.sa_sigaction, handler);
        let asked_for = libc::SA_RESTART | libc::SA_NODEFER | libc::SA_SIGINFO | libc::SA_RESETHAND;
        assert_eq!(now.sa_flags & asked_for, flags);
    }
    // One that fails changes nothing.
    let refused = action(handler, 0);
    // SAFETY: the action is one.
    let result = unsafe { libc::sigaction(libc::SIGKILL, &raw const refused, ptr::null_mut()) };
    assert_eq!(result, -1);
}

#[test]
fn a_handler_gets_what_the_kernel_tells() {
    static VALUE: AtomicI32 = AtomicI32::new(0);
    static PLACE: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn handler(_signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: the kernel has written it.
        VALUE.store(unsafe { (*info).si_pid() }, Ordering::Relaxed);
        PLACE.store(context.addr(), Ordering::Relaxed);
    }
    let signal = libc::SIGRTMIN() + 9;
    install(signal, handler as *const () as usize, libc::SA_SIGINFO);
    raise(signal);
    assert_eq!(VALUE.load(Ordering::Relaxed), std::process::id() as i32);
    assert_ne!(PLACE.load(Ordering::Relaxed), 0);
}

#[test]
fn a_handler_for_once_is_for_once() {
    let signal = libc::SIGRTMIN() + 10;
    install(signal, pauses as *const () as usize, libc::SA_RESETHAND);
    raise(signal);
    assert_eq!(installed(signal).sa_sigaction, libc::SIG_DFL);
}

/// A program that asks the kernel itself gets what works.
#[test]
fn what_the_kernel_has_can_be_installed_again() {
    let signal = libc::SIGRTMIN() + 11;
    let handler = pauses as *const () as usize;
    install(signal, handler, 0);
    let mut words = [0usize; 4];
    // SAFETY: the kernel's action is four words: handler, flags, restorer, mask.
    let told = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, ptr::null::<()>(), words.as_mut_ptr(), 8) };
    assert_eq!(told, 0);
    assert_ne!(words[0], handler);
    install(signal, words[0], 0);
    assert_eq!(installed(signal).sa_sigaction, handler);
    assert_handler_does_not_park(signal);
}

/// Handlers are installed, asked for and called in several threads at once.
#[test]
fn threads_install_handlers_at_once() {
    extern "C" fn one(_signal: c_int) {}
    extern "C" fn another(_signal: c_int) {}
    let signal = libc::SIGRTMIN() + 12;
    let handlers = [one as *const () as usize, another as *const () as usize];
    install(signal, handlers[0], 0);
    thread::scope(|scope| {
        for handler in handlers {
            scope.spawn(move || {
                for _ in 0..1000 {
                    install(signal, handler, 0);
                    assert!(handlers.contains(&installed(signal).sa_sigaction));
                    raise(signal);
                }
            });
        }
    });
}

/// libev's own handler does its work.
#[test]
fn the_loop_sees_signals() {
    gevent_monkey::patch_all().unwrap();
    thread::spawn(|| {
        let signal = libc::SIGWINCH;
        let (sender, receiver) = mpsc::channel();
        let watcher = hub::get_hub().loop_().signal(signal).unwrap();
        watcher.start(move || sender.send(()).unwrap()).unwrap();
        raise(signal);
        while receiver.try_recv().is_err() {
            hub::sleep(0.001).unwrap();
        }
        watcher.close().unwrap();
        assert_eq!(installed(signal).sa_sigaction, libc::SIG_DFL);
    })
    .join()
    .unwrap();
}
