//! Writes to disks by the thread pool, and locks of files by threads of their own, if that was asked for.
//!
//! The kernel tells of neither when it is done, so a thread has to wait. A lock may be held for long, by somebody who
//! needs the pool meanwhile: so whoever waits for one has a thread of his own. Locks of the process (`F_SETLKW`) are
//! the process's whichever thread takes them, and the others are the opened file's.
//!
//! Who is killed while he waits for a lock does not get it: the thread that waits for him gives it back. Whoever asks
//! for the same lock meanwhile waits until that is done, as it would be his that is given back.

use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use gevent::threadpool::ThreadPool;
use greenlet_core::Exception;
use hub::core::ForkMutex;
use libc::{c_int, c_long, c_void, off_t, size_t};

use crate::guards::never_parks;
use crate::originals::originals;
use crate::patches::Module;
use crate::place::{Place, place};
use crate::wait::{Failed, errno, set_errno};

mod original {
    use super::*;

    originals! {
        fsync(fd: c_int) -> c_int;
        fdatasync(fd: c_int) -> c_int;
        syncfs(fd: c_int) -> c_int;
        sync() -> ();
        msync(memory: *mut c_void, len: size_t, flags: c_int) -> c_int;
        flock(fd: c_int, operation: c_int) -> c_int;
        fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int;
        lockf(fd: c_int, command: c_int, len: off_t) -> c_int;
    }
}

/// What a call has returned in another thread, and its `errno` there.
type Returned = (c_int, c_int);

fn with_errno(result: c_int) -> Returned {
    (result, errno())
}

/// Returns from a call that another thread has made. None if the caller has to make it.
fn returned(result: Result<Returned, Failed>) -> Option<c_int> {
    match result {
        Ok((result, error)) => {
            if result < 0 {
                set_errno(error);
            }
            Some(result)
        }
        Err(Failed::Errno(error)) => {
            set_errno(error);
            Some(-1)
        }
        Err(Failed::MustBlock) => None,
    }
}

macro_rules! writes {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name(fd: c_int) -> c_int {
                if let Some(place) = place(Module::Disk)
                    // SAFETY: the function takes any number.
                    && let Some(result) = returned(place.in_pool(move || with_errno(unsafe { original::$name(fd) })))
                {
                    return result;
                }
                // SAFETY: as above.
                unsafe { original::$name(fd) }
            }
        )*
    };
}

writes! {
    /// fsync(2).
    fsync;
    /// fdatasync(2).
    fdatasync;
    /// syncfs(2).
    syncfs;
}

/// sync(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn sync() {
    if let Some(place) = place(Module::Disk)
        // SAFETY: the function has no conditions.
        && place.in_pool(|| unsafe { original::sync() }) != Err(Failed::MustBlock)
    {
        return;
    }
    // SAFETY: as above.
    unsafe { original::sync() }
}

/// msync(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn msync(memory: *mut c_void, len: size_t, flags: c_int) -> c_int {
    if flags & libc::MS_SYNC != 0
        && let Some(place) = place(Module::Disk)
    {
        let address = memory.addr();
        // SAFETY: the kernel looks whether there is memory at the address, and what kind.
        let job = move || with_errno(unsafe { original::msync(address as *mut c_void, len, flags) });
        if let Some(result) = returned(place.in_pool(job)) {
            return result;
        }
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::msync(memory, len, flags) }
}

/// flock(2).
#[unsafe(no_mangle)]
unsafe extern "C" fn flock(fd: c_int, operation: c_int) -> c_int {
    if operation & libc::LOCK_UN == 0
        && let Some(place) = place(Module::Disk)
    {
        let request = || Request::new(Owner::OpenedFile(fd), fd, None);
        if operation & libc::LOCK_NB != 0 {
            // SAFETY: as below.
            return at_once(request, || unsafe { original::flock(fd, operation) });
        }
        let lock = Lock {
            request,
            file: File::OfOpenedFile(fd),
            try_it: move |fd| {
                // SAFETY: the function takes any numbers.
                let result = unsafe { original::flock(fd, operation | libc::LOCK_NB) };
                (result, errno() == libc::EWOULDBLOCK)
            },
            // SAFETY: as above.
            take: move |fd| unsafe { original::flock(fd, operation) },
            // SAFETY: as above.
            give_back: |fd| unsafe { original::flock(fd, libc::LOCK_UN) },
        };
        if let Some(result) = lock.wait(place) {
            return result;
        }
    }
    // SAFETY: as above.
    unsafe { original::flock(fd, operation) }
}

/// lockf(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn lockf(fd: c_int, command: c_int, len: off_t) -> c_int {
    if matches!(command, libc::F_LOCK | libc::F_TLOCK)
        && let Some(place) = place(Module::Disk)
    {
        // It begins where the file is read and written next.
        // SAFETY: the function takes any number.
        let start = || unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) };
        let request = || Request::new(Owner::Process, fd, Some((libc::SEEK_SET, start(), len)));
        if command == libc::F_TLOCK {
            // SAFETY: as below.
            return at_once(request, || unsafe { original::lockf(fd, command, len) });
        }
        let lock = Lock {
            request,
            file: File::OfProcess(fd),
            try_it: move |fd| {
                // SAFETY: the function takes any numbers.
                let result = unsafe { original::lockf(fd, libc::F_TLOCK, len) };
                (result, matches!(errno(), libc::EAGAIN | libc::EACCES))
            },
            // SAFETY: as above.
            take: move |fd| unsafe { original::lockf(fd, libc::F_LOCK, len) },
            // SAFETY: as above.
            give_back: move |fd| unsafe { original::lockf(fd, libc::F_ULOCK, len) },
        };
        if let Some(result) = lock.wait(place) {
            return result;
        }
    }
    // SAFETY: as above.
    unsafe { original::lockf(fd, command, len) }
}

/// The name for programs with large files, which all are here.
#[cfg(target_pointer_width = "64")]
#[unsafe(no_mangle)]
unsafe extern "C" fn lockf64(fd: c_int, command: c_int, len: off_t) -> c_int {
    // SAFETY: by the prototype's contract.
    unsafe { lockf(fd, command, len) }
}

/// fcntl(2). Its third argument, if there is one, is a number or a pointer, which is passed as if the function always
/// had it.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int {
    if matches!(
        command,
        libc::F_SETLKW | libc::F_OFD_SETLKW | libc::F_SETLK | libc::F_OFD_SETLK
    ) && let Some(place) = place(Module::Disk)
        // SAFETY: by the prototype's contract, these commands have a pointer to a lock, or null.
        && let Some(range) = unsafe { (argument as *const libc::flock).as_ref() }
        && c_int::from(range.l_type) != libc::F_UNLCK
        && let Some(result) = lock_range(place, fd, command, *range)
    {
        return result;
    }
    // SAFETY: by the prototype's contract.
    unsafe { original::fcntl(fd, command, argument) }
}

/// The name for programs with large files.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl64(fd: c_int, command: c_int, argument: c_long) -> c_int {
    // SAFETY: by the prototype's contract.
    unsafe { fcntl(fd, command, argument) }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn lock_range(place: Place, fd: c_int, command: c_int, range: libc::flock) -> Option<c_int> {
    let (try_it, file, owner) = match command {
        libc::F_OFD_SETLKW | libc::F_OFD_SETLK => (libc::F_OFD_SETLK, File::OfOpenedFile(fd), Owner::OpenedFile(fd)),
        _ => (libc::F_SETLK, File::OfProcess(fd), Owner::Process),
    };
    let call = move |fd, command, range: &libc::flock| {
        // SAFETY: the pointer is that of a lock.
        unsafe { original::fcntl(fd, command, std::ptr::from_ref(range) as c_long) }
    };
    let request = || Request::new(owner, fd, Some((range.l_whence.into(), range.l_start, range.l_len)));
    if command == try_it {
        return Some(at_once(request, || call(fd, command, &range)));
    }
    let mut nothing = range;
    nothing.l_type = libc::F_UNLCK as _;
    let lock = Lock {
        request,
        file,
        try_it: move |fd| {
            let result = call(fd, try_it, &range);
            (result, matches!(errno(), libc::EAGAIN | libc::EACCES))
        },
        take: move |fd| call(fd, command, &range),
        give_back: move |fd| call(fd, try_it, &nothing),
    };
    lock.wait(place)
}

/// The descriptor of a file, whose number may belong to another one before its lock is free.
enum File {
    /// The lock is the opened file's, so a copy of the descriptor is as good as the caller's.
    OfOpenedFile(RawFd),
    /// The lock is the process's, which would lose all that it has of the file if a copy were closed.
    OfProcess(RawFd),
}

/// The same for the thread that waits.
enum Kept {
    Copy(OwnedFd),
    /// The number, and which file that was.
    Number(RawFd, (libc::dev_t, libc::ino_t)),
}

impl File {
    fn fd(&self) -> RawFd {
        let (File::OfOpenedFile(fd) | File::OfProcess(fd)) = self;
        *fd
    }

    fn keep(&self) -> Option<Kept> {
        match self {
            File::OfOpenedFile(fd) => {
                // SAFETY: the call takes any number.
                let copy = unsafe { libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, 0) };
                // SAFETY: it is a new descriptor, which belongs to nobody else.
                (copy >= 0).then(|| Kept::Copy(unsafe { OwnedFd::from_raw_fd(copy) }))
            }
            File::OfProcess(fd) => Some(Kept::Number(*fd, which(*fd)?)),
        }
    }
}

/// The device and the number of a file.
fn which(fd: RawFd) -> Option<(libc::dev_t, libc::ino_t)> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the call takes any number, and writes what is read if it has succeeded.
    unsafe { (libc::fstat(fd, stat.as_mut_ptr()) == 0).then(|| stat.assume_init()) }
        .map(|stat| (stat.st_dev, stat.st_ino))
}

impl Kept {
    fn fd(&self) -> RawFd {
        match self {
            Kept::Copy(fd) => fd.as_raw_fd(),
            Kept::Number(fd, _) => *fd,
        }
    }

    fn is_the_same(&self) -> bool {
        match self {
            Kept::Copy(_) => true,
            Kept::Number(fd, file) => which(*fd) == Some(*file),
        }
    }
}

/// Whose a lock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// The file's that was opened by this descriptor. (Copies of the descriptor are taken for others.)
    OpenedFile(RawFd),
    Process,
}

/// What is locked, for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Request {
    /// The child of a fork has none of its parent's threads.
    process: libc::pid_t,
    owner: Owner,
    file: (libc::dev_t, libc::ino_t),
    /// From where, the begin and the length; all of the file for `flock`.
    range: Option<(c_int, off_t, off_t)>,
}

impl Request {
    /// None if that is no file.
    fn new(owner: Owner, fd: RawFd, range: Option<(c_int, off_t, off_t)>) -> Option<Request> {
        Some(Request {
            // SAFETY: no conditions.
            process: unsafe { libc::getpid() },
            owner,
            file: which(fd)?,
            range,
        })
    }
}

/// What threads wait for whose callers were killed.
static LEFT: ForkMutex<Vec<Request>> = ForkMutex::new(Vec::new());
/// How many these are.
static LEFT_COUNT: AtomicUsize = AtomicUsize::new(0);

/// Whether a thread waits for the same for nobody, and will give it back.
fn is_left(request: impl Fn() -> Option<Request>) -> bool {
    LEFT_COUNT.load(Ordering::Acquire) > 0
        && request().is_some_and(|request| never_parks(|| LEFT.lock().contains(&request)))
}

fn leave(request: Request) {
    never_parks(|| LEFT.lock().push(request));
    LEFT_COUNT.fetch_add(1, Ordering::Release);
}

fn is_given_back(request: Request) {
    never_parks(|| {
        let mut left = LEFT.lock();
        if let Some(place) = left.iter().position(|other| *other == request) {
            left.swap_remove(place);
        }
    });
    LEFT_COUNT.fetch_sub(1, Ordering::Release);
}

/// Tries to take a lock, which is not free for those whose own is about to be given back.
fn at_once(request: impl Fn() -> Option<Request>, try_it: impl FnOnce() -> c_int) -> c_int {
    if is_left(request) {
        set_errno(libc::EAGAIN);
        return -1;
    }
    try_it()
}

/// A lock of a file.
struct Lock<What, Try, Take, GiveBack> {
    request: What,
    file: File,
    /// Takes it if it is free. Returns the result, and whether it was not free.
    try_it: Try,
    /// Takes it, and blocks the thread until then.
    take: Take,
    give_back: GiveBack,
}

/// A wait for a lock, as the caller and his thread share it.
struct Wait<GiveBack> {
    state: AtomicU8,
    request: Option<Request>,
    file: Kept,
    give_back: GiveBack,
}

const WAITS: u8 = 0;
/// The thread has got the lock.
const GOT: u8 = 1;
const FAILED: u8 = 2;
/// The caller waits no longer.
const GONE: u8 = 3;

impl<GiveBack: Fn(RawFd) -> c_int> Wait<GiveBack> {
    /// To be said once by each of the two. The second one gives back what nobody wants.
    fn end(&self, state: u8) {
        if state == GONE
            && let Some(request) = self.request
        {
            leave(request);
        }
        let ends = [self.state.swap(state, Ordering::AcqRel), state];
        if !ends.contains(&GONE) || ends.contains(&WAITS) {
            return;
        }
        if ends.contains(&GOT) && self.file.is_the_same() {
            (self.give_back)(self.file.fd());
        }
        if let Some(request) = self.request {
            is_given_back(request);
        }
    }
}

/// How long the pauses are while somebody else's thread may have the lock: the first one, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_micros(250), Duration::from_millis(10)];

impl<What, Try, Take, GiveBack> Lock<What, Try, Take, GiveBack>
where
    What: Fn() -> Option<Request>,
    Try: FnOnce(RawFd) -> (c_int, bool),
    Take: FnOnce(RawFd) -> c_int + Send + 'static,
    GiveBack: Fn(RawFd) -> c_int + Send + Sync + 'static,
{
    /// Takes the lock. None if the caller has to do that himself.
    fn wait(self, place: Place) -> Option<c_int> {
        let Lock {
            request,
            file,
            try_it,
            take,
            give_back,
        } = self;
        let [mut pause, longest] = PAUSES;
        while is_left(&request) {
            match place.sleep(pause) {
                Ok(()) => pause = (2 * pause).min(longest),
                Err(failed) => return returned(Err(failed)),
            }
        }
        let (result, is_taken) = try_it(file.fd());
        if result >= 0 || !is_taken {
            return Some(result);
        }
        let wait = Arc::new(Wait {
            state: AtomicU8::new(WAITS),
            request: request(),
            file: file.keep()?,
            give_back,
        });
        let its = wait.clone();
        let job = move || {
            let result = with_errno(take(its.file.fd()));
            its.end(if result.0 >= 0 { GOT } else { FAILED });
            result
        };
        let waited = place.wait(move |_| ThreadPool::new(1).apply(move || Ok::<_, Exception>(job())));
        if waited.is_err() {
            wait.end(GONE);
        }
        returned(waited)
    }
}
