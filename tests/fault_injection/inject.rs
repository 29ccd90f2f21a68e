//! Calls of the C library that fail when the test says so.
//!
//! This binary defines the functions itself, so what is linked into it calls these: our crates, libev, and what they
//! use, the standard library and socket2. They forward to the C library's own. That one calls itself by other names, so
//! what it does by itself (the memory of `malloc`, the stacks of threads, the sockets of the resolver) is never
//! touched.
//!
//! Calls are counted, and fail, only in threads that are [armed]: what the standard library does at a thread's
//! beginning and end is not ours.

use std::arch::global_asm;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use libc::{epoll_event, msghdr, off_t, off64_t, size_t, sockaddr, socklen_t, ssize_t, stack_t};

thread_local! {
    static ARMED: Cell<bool> = const { Cell::new(false) };
}

/// Calls `f`, and counts what it calls in this thread.
pub(crate) fn armed<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ARMED.set(self.0);
        }
    }
    let _restore = Restore(ARMED.replace(true));
    f()
}

/// Which calls fail: so many of this kind, from the n-th on, with this error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) kind: usize,
    pub(crate) nth: usize,
    pub(crate) times: usize,
    pub(crate) errno: c_int,
}

/// Not a function, but whatever makes a descriptor: what else fails when there are none left.
pub(crate) const DESCRIPTORS: usize = KINDS.len() - 1;

static KIND: AtomicUsize = AtomicUsize::new(usize::MAX);
static FROM: AtomicUsize = AtomicUsize::new(0);
static TO: AtomicUsize = AtomicUsize::new(0);
static ERRNO: AtomicUsize = AtomicUsize::new(0);
static FIRED: AtomicBool = AtomicBool::new(false);
static CALLS: [AtomicUsize; KINDS.len()] = [const { AtomicUsize::new(0) }; KINDS.len()];

/// Counts from zero again, with this plan or none. No thread is armed.
pub(crate) fn begin(plan: Option<Plan>) {
    CALLS.iter().for_each(|calls| calls.store(0, Relaxed));
    FIRED.store(false, Relaxed);
    KIND.store(usize::MAX, Relaxed);
    FROM.store(0, Relaxed);
    TO.store(0, Relaxed);
    if let Some(plan) = plan {
        FROM.store(plan.nth, Relaxed);
        TO.store(plan.nth + plan.times, Relaxed);
        ERRNO.store(plan.errno.unsigned_abs() as usize, Relaxed);
        KIND.store(plan.kind, Relaxed);
    }
}

/// How often each kind was called.
pub(crate) fn calls() -> [usize; KINDS.len()] {
    std::array::from_fn(|kind| CALLS[kind].load(Relaxed))
}

/// Whether a call failed as planned.
pub(crate) fn fired() -> bool {
    FIRED.load(Relaxed)
}

/// Whether the calls that fail are only interrupted: whoever makes them makes them again, and nobody hears of it.
pub(crate) fn interrupts() -> bool {
    ERRNO.load(Relaxed) == libc::EINTR as usize
}

/// Whether many calls in a row fail: a server may never accept.
pub(crate) fn lasting() -> bool {
    TO.load(Relaxed) - FROM.load(Relaxed) > 2
}

/// Counts a call; the error it is to fail with, if it is.
fn fails(kind: usize) -> Option<c_int> {
    if !ARMED.get() {
        return None;
    }
    let makes_one = KINDS[kind].1[0] == libc::EMFILE;
    let is_meant = counts(kind) | (makes_one && counts(DESCRIPTORS));
    is_meant.then(|| {
        FIRED.store(true, Relaxed);
        ERRNO.load(Relaxed) as c_int
    })
}

fn counts(kind: usize) -> bool {
    let nth = CALLS[kind].fetch_add(1, Relaxed) + 1;
    KIND.load(Relaxed) == kind && (FROM.load(Relaxed)..TO.load(Relaxed)).contains(&nth)
}

/// The C library's own; with AddressSanitizer, the one that it has in front of that.
fn real(known: &AtomicUsize, sanitizers: usize, name: &CStr) -> usize {
    if sanitizers != 0 {
        return sanitizers;
    }
    if known.load(Relaxed) == 0 {
        // SAFETY: the name is a C string.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
        assert!(!found.is_null(), "the C library has {name:?}");
        known.store(found.addr(), Relaxed);
    }
    known.load(Relaxed)
}

fn minus_one(errno: c_int) -> c_int {
    // SAFETY: the place is this thread's.
    unsafe { *libc::__errno_location() = errno };
    -1
}

fn map_failed(errno: c_int) -> *mut c_void {
    minus_one(errno);
    libc::MAP_FAILED
}

fn long_minus_one(errno: c_int) -> c_long {
    minus_one(errno).into()
}

fn size_minus_one(errno: c_int) -> ssize_t {
    minus_one(errno) as ssize_t
}

fn itself(errno: c_int) -> c_int {
    errno
}

/// Says of each function its kind's name, its arguments, how it fails and with which errors, and when it counts.
macro_rules! interpose {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty, $fail:path, [$($errno:ident),+] $(, if $counts:expr)?;)*) => {
        #[allow(non_camel_case_types, reason = "they are the functions' names")]
        #[derive(Clone, Copy)]
        enum Name { $($name),* }

        /// The functions, and the errors each is made to fail with.
        pub(crate) const KINDS: &[(&str, &[c_int])] =
            &[$((stringify!($name), &[$(libc::$errno),+])),*, ("descriptors", &[libc::EMFILE])];

        // Where the sanitizer's function is; nowhere without one.
        $(
            global_asm!(
                concat!(".weak __interceptor_", stringify!($name)),
                ".pushsection .data.rel.ro, \"aw\"",
                ".balign 8",
                concat!("sanitizers_", stringify!($name), ": .dc.a __interceptor_", stringify!($name)),
                ".popsection",
            );
        )*

        $(
            // SAFETY: it has the C library's name and signature, and does what that does, or fails as that may.
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($arg: $type),*) -> $result {
                static REAL: AtomicUsize = AtomicUsize::new(0);
                unsafe extern "C" {
                    #[link_name = concat!("sanitizers_", stringify!($name))]
                    safe static SANITIZERS: usize;
                }
                if true $(&& $counts)? && let Some(errno) = fails(Name::$name as usize) {
                    return $fail(errno);
                }
                let name = const { match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                    Ok(name) => name,
                    Err(_) => panic!("it ends with the only zero"),
                } };
                // SAFETY: that is the C library's function of this name.
                let real = unsafe {
                    std::mem::transmute::<usize, unsafe extern "C" fn($($type),*) -> $result>(real(&REAL, SANITIZERS, name))
                };
                // SAFETY: by this function's contract.
                unsafe { real($($arg),*) }
            }
        )*
    };
}

// Where C has `...`, what is passed is in registers, as here.
interpose! {
    mmap(address: *mut c_void, len: size_t, access: c_int, flags: c_int, fd: c_int, offset: off_t) -> *mut c_void,
        map_failed, [ENOMEM];
    madvise(address: *mut c_void, len: size_t, advice: c_int) -> c_int, minus_one, [ENOMEM, EINVAL, EAGAIN];
    mprotect(address: *mut c_void, len: size_t, access: c_int) -> c_int, minus_one, [ENOMEM];
    syscall(number: c_long, a: c_long, b: c_long, c: c_long, d: c_long, e: c_long, f: c_long) -> c_long,
        long_minus_one, [EPERM], if number == libc::SYS_process_madvise;
    // AddressSanitizer only asks.
    sigaltstack(new: *const stack_t, old: *mut stack_t) -> c_int, minus_one, [ENOMEM], if !new.is_null();
    socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int, minus_one, [EMFILE, ENOBUFS];
    socketpair(domain: c_int, kind: c_int, protocol: c_int, pair: *mut c_int) -> c_int, minus_one, [EMFILE, ENOBUFS];
    bind(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int, minus_one, [EADDRINUSE];
    listen(fd: c_int, backlog: c_int) -> c_int, minus_one, [EADDRINUSE];
    connect(fd: c_int, address: *const sockaddr, len: socklen_t) -> c_int, minus_one, [ECONNREFUSED, EAGAIN];
    accept4(fd: c_int, address: *mut sockaddr, len: *mut socklen_t, flags: c_int) -> c_int,
        minus_one, [EMFILE, ECONNABORTED, ENOMEM, EINTR];
    recv(fd: c_int, data: *mut c_void, len: size_t, flags: c_int) -> ssize_t,
        size_minus_one, [ECONNRESET, ENOMEM, EINTR];
    recvfrom(
        fd: c_int, data: *mut c_void, len: size_t, flags: c_int, address: *mut sockaddr, address_len: *mut socklen_t
    ) -> ssize_t, size_minus_one, [ECONNREFUSED, ENOMEM, EINTR];
    recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t, size_minus_one, [ECONNRESET, ENOMEM, EINTR];
    send(fd: c_int, data: *const c_void, len: size_t, flags: c_int) -> ssize_t,
        size_minus_one, [ENOBUFS, EPIPE, ENOMEM, EINTR];
    sendto(
        fd: c_int, data: *const c_void, len: size_t, flags: c_int, address: *const sockaddr, address_len: socklen_t
    ) -> ssize_t, size_minus_one, [ENOBUFS, ENOMEM, EINTR];
    sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t, size_minus_one, [ENOBUFS, EPIPE, EINTR];
    shutdown(fd: c_int, how: c_int) -> c_int, minus_one, [ENOTCONN];
    pread64(fd: c_int, data: *mut c_void, len: size_t, offset: off64_t) -> ssize_t, size_minus_one, [EIO, EINTR];
    getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut c_void, len: *mut socklen_t) -> c_int,
        minus_one, [ENOBUFS];
    getpeername(fd: c_int, address: *mut sockaddr, len: *mut socklen_t) -> c_int, minus_one, [ENOBUFS];
    setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, len: socklen_t) -> c_int,
        minus_one, [ENOMEM];
    getsockname(fd: c_int, address: *mut sockaddr, len: *mut socklen_t) -> c_int, minus_one, [ENOBUFS];
    fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int, minus_one, [EINVAL, EMFILE];
    dup2(from: c_int, to: c_int) -> c_int, minus_one, [EMFILE];
    pipe(pair: *mut c_int) -> c_int, minus_one, [EMFILE];
    pipe2(pair: *mut c_int, flags: c_int) -> c_int, minus_one, [EMFILE];
    eventfd(value: c_uint, flags: c_int) -> c_int, minus_one, [EMFILE, ENOMEM];
    timerfd_create(clock: c_int, flags: c_int) -> c_int, minus_one, [EMFILE];
    signalfd(fd: c_int, mask: *const libc::sigset_t, flags: c_int) -> c_int, minus_one, [EMFILE];
    inotify_init1(flags: c_int) -> c_int, minus_one, [EMFILE];
    inotify_add_watch(fd: c_int, path: *const c_char, mask: u32) -> c_int, minus_one, [ENOSPC];
    epoll_create1(flags: c_int) -> c_int, minus_one, [EMFILE];
    epoll_ctl(epoll: c_int, operation: c_int, fd: c_int, event: *mut epoll_event) -> c_int,
        minus_one, [ENOMEM, ENOSPC];
    epoll_wait(epoll: c_int, events: *mut epoll_event, most: c_int, timeout: c_int) -> c_int,
        minus_one, [EINTR, ENOMEM];
    pthread_create(
        thread: *mut libc::pthread_t,
        attributes: *const libc::pthread_attr_t,
        function: extern "C" fn(*mut c_void) -> *mut c_void,
        argument: *mut c_void
    ) -> c_int, itself, [EAGAIN];
}
