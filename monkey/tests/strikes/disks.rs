//! Writes to disks, and locks of files: what `patch_disk` patches.

use std::cell::Cell;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr::null_mut;
use std::rc::Rc;

use libc::{c_int, off_t};

use crate::files::{pipe, wait_for};
use crate::pools::{Pool, queued};
use crate::row::{Case, Row, done};
use crate::sockets::file;
use crate::strike::until;

unsafe extern "C" {
    fn lockf64(fd: c_int, command: c_int, len: off_t) -> c_int;
    fn fcntl64(fd: c_int, command: c_int, ...) -> c_int;
}

/// Has a call write a file to its disk. It is one in memory, so that this takes no time.
fn writes(call: impl FnOnce(RawFd) -> c_int) -> io::Result<()> {
    done(call(file(b"x").as_raw_fd())).map(drop)
}

fn msync() -> io::Result<()> {
    let file = file(b"x");
    let (size, protection) = (4096, libc::PROT_READ);
    // SAFETY: the mapping is new, and nobody uses it but here.
    unsafe {
        let memory = libc::mmap(null_mut(), size, protection, libc::MAP_SHARED, file.as_raw_fd(), 0);
        assert_ne!(memory, libc::MAP_FAILED);
        let written = done(libc::msync(memory, size, libc::MS_SYNC));
        libc::munmap(memory, size);
        written.map(drop)
    }
}

/// A lock of a whole file.
fn whole(kind: c_int) -> libc::flock {
    // SAFETY: zeros are a lock of the whole file.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    range.l_type = kind as _;
    range
}

/// The same file, opened once more.
fn opened_again(file: &File) -> File {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    File::options().read(true).write(true).open(path).expect("it is there")
}

/// Whether somebody has a lock that was taken in this way.
#[derive(Clone, Copy)]
enum By {
    Flock,
    Range,
}

impl By {
    /// Asks by another descriptor of the file. A process loses its locks of a file with each of these that it closes.
    fn is_locked(self, other: &File) -> bool {
        match self {
            // SAFETY: the function takes any numbers. If it gets the lock, that is gone with the file.
            By::Flock => unsafe { libc::flock(other.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) != 0 },
            By::Range => {
                let mut range = whole(libc::F_WRLCK);
                // SAFETY: the pointer is that of a lock.
                done(unsafe { libc::fcntl(other.as_raw_fd(), libc::F_OFD_GETLK, &raw mut range) }).expect("it is open");
                c_int::from(range.l_type) != libc::F_UNLCK
            }
        }
    }
}

/// How many threads the process has.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("it is there").count()
}

/// A call that waits for the lock of a file, which somebody holds until he is dropped. The thread that waits for it in
/// the place of the caller gives it back if nobody wants it any more.
fn locks(by: By, hold: fn(&File) -> Box<dyn Send>, call: fn(RawFd) -> c_int) -> Case {
    let file = file(b"");
    let holder = Rc::new(Cell::new(Some(hold(&file))));
    let held = holder.clone();
    let (fd, before) = (file.as_raw_fd(), threads());
    Case::new(move || done(call(fd)).map(drop), move || drop(held.take())).checked(move |succeeded| {
        drop(holder.take());
        until("the thread ends", || threads() <= before);
        assert_eq!(by.is_locked(&opened_again(&file)), succeeded);
    })
}

/// The file is opened once more, and has the lock there.
fn by_flock(file: &File) -> Box<dyn Send> {
    let other = opened_again(file);
    // SAFETY: the function takes any numbers.
    done(unsafe { libc::flock(other.as_raw_fd(), libc::LOCK_EX) }).expect("it is free");
    Box::new(other)
}

fn by_opened_file(file: &File) -> Box<dyn Send> {
    let other = opened_again(file);
    // SAFETY: the pointer is that of a lock.
    done(unsafe { libc::fcntl(other.as_raw_fd(), libc::F_OFD_SETLK, &whole(libc::F_WRLCK)) }).expect("it is free");
    Box::new(other)
}

/// Another process, which ends with the pipe that is dropped.
struct Process {
    pipe: Option<OwnedFd>,
    number: c_int,
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // SAFETY: no status is asked for. Whoever is parked is not to be woken by this.
        let waited = unsafe { libc::syscall(libc::SYS_wait4, self.number, null_mut::<()>(), 0, null_mut::<()>()) };
        assert_eq!(waited, self.number.into());
    }
}

/// Another process has the lock: one of the same would have it, too.
fn by_process(file: &File) -> Box<dyn Send> {
    let ((reader, writer), (told, tells)) = (pipe(), pipe());
    // SAFETY: the child makes system calls only, which wait for nobody of its parent.
    match unsafe { libc::fork() } {
        0 => {
            let (range, mut byte) = (whole(libc::F_WRLCK), b'x');
            // SAFETY: the pointers are those of variables.
            unsafe {
                libc::syscall(libc::SYS_close, writer.as_raw_fd());
                let locked = libc::syscall(libc::SYS_fcntl, file.as_raw_fd(), libc::F_SETLK, &raw const range);
                let byte = &raw mut byte;
                libc::syscall(libc::SYS_write, tells.as_raw_fd(), byte, usize::from(locked == 0));
                libc::syscall(libc::SYS_close, tells.as_raw_fd());
                libc::syscall(libc::SYS_read, reader.as_raw_fd(), byte, 1);
                libc::_exit(0)
            }
        }
        number => {
            drop(tells);
            wait_for(told.as_raw_fd());
            assert_eq!(crate::files::take(told.as_raw_fd()), b"x");
            Box::new(Process {
                pipe: Some(writer),
                number,
            })
        }
    }
}

pub(crate) fn rows() -> Vec<Row> {
    fn case(call: fn() -> io::Result<()>) -> Case {
        queued(Pool::OfHub, call)
    }
    // SAFETY: in each row, the function takes any numbers, and a pointer is that of a lock.
    unsafe {
        vec![
            Row::new("fsync", || case(|| writes(|fd| libc::fsync(fd)))),
            Row::new("fdatasync", || case(|| writes(|fd| libc::fdatasync(fd)))),
            Row::new("syncfs", || case(|| writes(|fd| libc::syncfs(fd)))),
            Row::new("msync", || case(msync)),
            Row::new("flock", || {
                locks(By::Flock, by_flock, |fd| libc::flock(fd, libc::LOCK_EX))
            }),
            Row::new("lockf", || {
                locks(By::Range, by_process, |fd| libc::lockf(fd, libc::F_LOCK, 0))
            }),
            Row::new("lockf64", || {
                locks(By::Range, by_process, |fd| lockf64(fd, libc::F_LOCK, 0))
            }),
            Row::new("fcntl", || {
                locks(By::Range, by_process, |fd| {
                    libc::fcntl(fd, libc::F_SETLKW, &whole(libc::F_WRLCK))
                })
            }),
            Row::new("fcntl64", || {
                locks(By::Range, by_opened_file, |fd| {
                    fcntl64(fd, libc::F_OFD_SETLKW, &whole(libc::F_WRLCK))
                })
            }),
        ]
    }
}
