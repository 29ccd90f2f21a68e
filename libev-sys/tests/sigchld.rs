//! SIGCHLD and the default loop, in a process of their own: both belong to the whole process.

use std::ffi::c_int;
use std::mem::zeroed;
use std::process::Command;
use std::ptr;

use libev_sys::*;

unsafe extern "C" fn somebody_else_s(_: c_int) {}

unsafe extern "C" fn on_child(loop_: *mut ev_loop, w: *mut ev_child, _: c_int) {
    // SAFETY: libev passes the running loop and the started watcher.
    unsafe {
        ev_child_stop(loop_, w);
        ev_break(loop_, EVBREAK_ALL);
    }
}

/// The address of the process's SIGCHLD handler.
fn handler() -> usize {
    // SAFETY: only reads the disposition.
    unsafe {
        let mut action: libc::sigaction = zeroed();
        assert_eq!(libc::sigaction(libc::SIGCHLD, ptr::null(), &mut action), 0);
        action.sa_sigaction
    }
}

fn set_handler(handler: usize) {
    // SAFETY: the handler does nothing, or is SIG_DFL.
    unsafe { libc::signal(libc::SIGCHLD, handler) };
}

fn sigchld_is_blocked() -> bool {
    // SAFETY: only reads the mask.
    unsafe {
        let mut mask: libc::sigset_t = zeroed();
        libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &mut mask);
        libc::sigismember(&mask, libc::SIGCHLD) == 1
    }
}

/// Waits for a child with a child watcher, and returns its exit code.
#[expect(clippy::zombie_processes, reason = "libev waits for it")]
fn reap_with_a_watcher(loop_: *mut ev_loop) -> c_int {
    let child = Command::new("sh")
        .args(["-c", "exit 7"])
        .spawn()
        .expect("there is a shell");
    // SAFETY: the watcher's callback stops it before this function returns.
    unsafe {
        let mut w: ev_child = zeroed();
        ev_shim_child_init(&mut w, Some(on_child), child.id() as c_int, 0);
        ev_child_start(loop_, &mut w);
        libc::alarm(60);
        ev_run(loop_, 0);
        libc::alarm(0);
        assert_eq!(w.rpid, child.id() as c_int);
        libc::WEXITSTATUS(w.rstatus)
    }
}

fn main() {
    sigchld_is_libev_s_only_between_install_and_destroy();
}

fn sigchld_is_libev_s_only_between_install_and_destroy() {
    let foreign = somebody_else_s as *const () as usize;
    set_handler(foreign);

    for flags in [EVFLAG_AUTO, EVFLAG_SIGNALFD] {
        let by_signalfd = flags == EVFLAG_SIGNALFD;
        if by_signalfd && cfg!(any(feature = "system", not(target_os = "linux"))) {
            continue; // The system's libev cannot be kept from taking SIGCHLD by its signalfd.
        }
        // SAFETY: this is the only thread that uses the default loop.
        unsafe {
            assert!(ev_shim_default_loop_ptr().is_null());
            assert_eq!(ev_shim_sigchld_state(), 0);
            ev_shim_install_sigchld();
            ev_shim_reset_sigchld();
            assert_eq!(
                (ev_shim_sigchld_state(), handler()),
                (0, foreign),
                "nothing to install yet"
            );

            let loop_ = ev_shim_default_loop(flags | EVFLAG_NOENV);
            assert!(!loop_.is_null());
            assert_eq!(ev_shim_default_loop(0), loop_);
            assert_eq!((ev_shim_default_loop_ptr(), ev_shim_is_default_loop(loop_)), (loop_, 1));
            assert_eq!((ev_shim_sigchld_state(), handler()), (1, foreign));
            assert!(!sigchld_is_blocked());

            // A child that other code waits for is left to that.
            let mut child = Command::new("true").spawn().expect("there is `true`");
            let mut info: libc::siginfo_t = zeroed();
            libc::waitid(libc::P_PID, child.id(), &mut info, libc::WEXITED | libc::WNOWAIT);
            ev_run(loop_, EVRUN_NOWAIT);
            assert!(child.wait().expect("still ours to wait for").success());

            ev_shim_install_sigchld();
            assert_eq!(ev_shim_sigchld_state(), 2);
            assert_eq!(sigchld_is_blocked(), by_signalfd);
            assert_eq!(reap_with_a_watcher(loop_), 7);

            if !by_signalfd {
                assert_ne!(handler(), foreign);
                set_handler(foreign);
                ev_shim_reset_sigchld();
                assert_eq!((ev_shim_sigchld_state(), handler()), (1, foreign));
                ev_shim_install_sigchld();
                assert_eq!(reap_with_a_watcher(loop_), 7, "installed again");
                set_handler(foreign);
            }

            ev_shim_loop_destroy(loop_);
            assert_eq!(
                (ev_shim_sigchld_state(), handler()),
                (0, foreign),
                "not libev's: left alone"
            );
            assert!(!sigchld_is_blocked());
        }
    }

    // SAFETY: this is the only thread that uses the default loop.
    unsafe {
        let loop_ = ev_shim_default_loop(EVFLAG_AUTO);
        ev_shim_install_sigchld();
        ev_shim_loop_destroy(loop_);
        assert_eq!(handler(), libc::SIG_DFL, "libev's own handler goes with its loop");
    }
}
