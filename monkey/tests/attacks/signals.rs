//! Signals that come in the midst of calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gevent_threading::spawn;

use crate::bound;

/// Descriptors are closed in handlers while the interrupted code lists its waits.
#[test]
fn handlers_close() {
    static FD: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn closes(_: i32) {
        let fd = FD.load(Ordering::Relaxed) as i32;
        // SAFETY: whatever it is, it is not open. As any handler, this leaves `errno` alone.
        unsafe {
            let errno = *libc::__errno_location();
            libc::close(fd);
            *libc::__errno_location() = errno;
        }
    }
    let _bound = bound();
    gevent_monkey::patch_all().unwrap();
    FD.store(100_000, Ordering::Relaxed);
    let carrier = thread::spawn(|| {
        // SAFETY: the handler makes a call that it may make.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = closes as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut());
        }
        // SAFETY: no conditions.
        let this = unsafe { libc::pthread_self() } as usize;
        let stop = Arc::new(AtomicUsize::new(0));
        let theirs = stop.clone();
        let sender = thread::spawn(move || {
            while theirs.load(Ordering::Relaxed) == 0 {
                // SAFETY: the thread lives until this one was joined.
                unsafe { libc::pthread_kill(this as libc::pthread_t, libc::SIGUSR1) };
                for _ in 0..200 {
                    std::hint::spin_loop();
                }
            }
        });
        let pairs: Vec<_> = (0..4)
            .map(|_| {
                use std::io::{Read, Write};
                let (mut one, mut other) = std::os::unix::net::UnixStream::pair().unwrap();
                // So the handler's descriptor is in the same shelf as one that is waited for.
                use std::os::fd::AsRawFd;
                FD.store(1024 * 1024 + one.as_raw_fd() as usize, Ordering::Relaxed);
                let reader = spawn(move || {
                    let mut bytes = [0; 1];
                    (0..2000).for_each(|_| {
                        one.read_exact(&mut bytes).unwrap();
                        one.write_all(&bytes).unwrap();
                    });
                });
                let writer = spawn(move || {
                    let mut bytes = [7; 1];
                    (0..2000).for_each(|_| {
                        other.write_all(&bytes).unwrap();
                        other.read_exact(&mut bytes).unwrap();
                    });
                });
                [reader, writer]
            })
            .collect();
        pairs.into_iter().flatten().for_each(|thread| thread.join().unwrap());
        stop.store(1, Ordering::Relaxed);
        sender.join().unwrap();
    });
    carrier.join().unwrap();
}
