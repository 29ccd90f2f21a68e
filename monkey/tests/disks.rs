//! Writes to disks, and locks of files.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gevent_threading::{on_carrier, sleep, spawn};
use greenlet_core::{GreenletExit, RawGreenlet, getcurrent};
use libc::c_int;

/// A file of the test's own.
fn file() -> (PathBuf, File) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("disks-{}-{number}", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let file = File::create_new(&path).unwrap();
    (path, file)
}

fn flock(file: &File, operation: c_int) -> io::Result<()> {
    // SAFETY: the function takes any numbers.
    match unsafe { libc::flock(file.as_raw_fd(), operation) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Calls `f` in a virtual thread, and checks that another one runs meanwhile.
#[track_caller]
fn assert_parks(f: impl FnOnce() + Send + 'static) {
    gevent_monkey::patch_disk().unwrap();
    spawn(|| {
        let ran = Arc::new(AtomicBool::new(false));
        let other = ran.clone();
        let other = spawn(move || other.store(true, Ordering::Relaxed));
        f();
        assert!(ran.load(Ordering::Relaxed));
        other.join().unwrap();
    })
    .join()
    .unwrap();
}

#[test]
fn writes_are_waited_for_by_the_pool() {
    let (path, file) = file();
    let file = Arc::new(file);
    for write in [libc::fsync, libc::fdatasync, libc::syncfs] {
        let file = file.clone();
        // SAFETY: the function takes any number.
        assert_parks(move || assert_eq!(unsafe { write(file.as_raw_fd()) }, 0));
    }
    assert_parks({
        let file = file.clone();
        move || file.sync_all().unwrap()
    });
    // SAFETY: the function has no conditions.
    assert_parks(|| unsafe { libc::sync() });
    assert_parks(move || {
        file.set_len(4096).unwrap();
        // SAFETY: the mapping is new, and not used but here.
        unsafe {
            let (protection, fd) = (libc::PROT_READ, file.as_raw_fd());
            let memory = libc::mmap(std::ptr::null_mut(), 4096, protection, libc::MAP_SHARED, fd, 0);
            assert_ne!(memory, libc::MAP_FAILED);
            assert_eq!(libc::msync(memory, 4096, libc::MS_SYNC), 0);
            libc::munmap(memory, 4096);
        }
    });
    std::fs::remove_file(path).unwrap();
}

#[test]
fn errors_are_the_callers() {
    assert_parks(|| {
        // SAFETY: the function takes any number.
        assert_eq!(unsafe { libc::fsync(-1) }, -1);
        assert_eq!(io::Error::last_os_error().raw_os_error(), Some(libc::EBADF));
    });
}

/// A flag that says that its thread is about to wait. All are of one carrier, so whoever sees it set finds that thread
/// waiting.
#[derive(Clone, Default)]
struct Begun(Arc<AtomicBool>);

impl Begun {
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wait(&self) {
        while !self.0.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(1));
        }
    }
}

/// One waits until the other one has unlocked, in one carrier; and what is free is got at once.
#[test]
fn a_lock_of_an_opened_file_is_waited_for() {
    gevent_monkey::patch_disk().unwrap();
    let (path, first) = file();
    let second = File::open(&path).unwrap();
    spawn(move || {
        flock(&first, libc::LOCK_EX).unwrap();
        let begun = Begun::default();
        let waiter = spawn({
            let begun = begun.clone();
            move || {
                begun.set();
                flock(&second, libc::LOCK_EX).unwrap();
                second
            }
        });
        begun.wait();
        assert!(!waiter.is_finished());
        flock(&first, libc::LOCK_UN).unwrap();
        let second = waiter.join().unwrap();
        // It has the lock.
        assert!(flock(&first, libc::LOCK_EX | libc::LOCK_NB).is_err());
        flock(&second, libc::LOCK_UN).unwrap();
        flock(&first, libc::LOCK_EX | libc::LOCK_NB).unwrap();
    })
    .join()
    .unwrap();
    std::fs::remove_file(path).unwrap();
}

/// Who is killed meanwhile does not have the lock afterwards.
#[test]
fn a_lock_that_nobody_wants_any_more_is_given_back() {
    thread_local!(static GREENLET: RefCell<Option<RawGreenlet>> = const { RefCell::new(None) });
    gevent_monkey::patch_disk().unwrap();
    let (path, first) = file();
    let second = Arc::new(File::open(&path).unwrap());
    let third = File::open(&path).unwrap();
    flock(&first, libc::LOCK_EX).unwrap();
    let begun = Begun::default();
    let waiter = spawn({
        let (second, begun) = (second.clone(), begun.clone());
        move || {
            on_carrier(|| GREENLET.set(Some(getcurrent())));
            gevent_monkey::run(|| {
                begun.set();
                let locked = flock(&second, libc::LOCK_EX);
                assert_eq!(locked.unwrap_err().raw_os_error(), Some(libc::ECANCELED));
                Ok::<_, io::Error>(())
            })
        }
    });
    begun.wait();
    let greenlet = GREENLET.take().expect("it has begun");
    hub::kill(&greenlet, GreenletExit).unwrap();
    assert!(waiter.join().unwrap().unwrap_err().is::<GreenletExit>());
    flock(&first, libc::LOCK_UN).unwrap();
    // Its thread gets the lock, and gives it back, though the file is still open.
    flock(&third, libc::LOCK_EX).unwrap();
    drop((second, third));
    std::fs::remove_file(path).unwrap();
}

/// Whoever asks again after a kill has the lock when he is told so: the thread that has waited before does not give
/// back what is his.
#[test]
fn a_lock_that_is_asked_for_again_is_kept() {
    thread_local!(static GREENLET: RefCell<Option<RawGreenlet>> = const { RefCell::new(None) });
    gevent_monkey::patch_disk().unwrap();
    for _ in 0..20 {
        let (path, first) = file();
        let second = File::open(&path).unwrap();
        let third = File::open(&path).unwrap();
        flock(&first, libc::LOCK_EX).unwrap();
        let (begun, again) = (Begun::default(), Begun::default());
        let waiter = spawn({
            let (begun, again) = (begun.clone(), again.clone());
            move || {
                on_carrier(|| GREENLET.set(Some(getcurrent())));
                let killed = gevent_monkey::run(|| {
                    begun.set();
                    flock(&second, libc::LOCK_EX)
                });
                assert!(killed.unwrap_err().is::<GreenletExit>());
                let tried = flock(&second, libc::LOCK_EX | libc::LOCK_NB).unwrap_err();
                assert_eq!(tried.raw_os_error(), Some(libc::EWOULDBLOCK));
                again.set();
                flock(&second, libc::LOCK_EX).unwrap();
                second
            }
        });
        begun.wait();
        hub::kill(&GREENLET.take().expect("it has begun"), GreenletExit).unwrap();
        again.wait();
        flock(&first, libc::LOCK_UN).unwrap();
        let second = waiter.join().unwrap();
        for _ in 0..5 {
            sleep(Duration::from_millis(1));
            assert!(flock(&third, libc::LOCK_EX | libc::LOCK_NB).is_err());
        }
        drop(second);
        flock(&third, libc::LOCK_EX).unwrap();
        std::fs::remove_file(path).unwrap();
    }
}

/// The test calls itself for this.
const HOLDS: &str = "GEVENT_MONKEY_TEST_HOLDS";

fn whole_file(kind: c_int) -> libc::flock {
    // SAFETY: zeros are a lock of the whole file.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    range.l_type = kind as _;
    range
}

/// Locks of the process, while another process has them, by both functions.
#[test]
fn a_lock_of_the_process_is_waited_for() {
    if let Some(path) = std::env::var_os(HOLDS) {
        let file = File::options().write(true).open(path).unwrap();
        // SAFETY: the function takes any numbers.
        assert_eq!(unsafe { libc::lockf(file.as_raw_fd(), libc::F_LOCK, 0) }, 0);
        println!("holds");
        io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    gevent_monkey::patch_disk().unwrap();
    let (path, file) = file();
    let lock: [fn(c_int) -> c_int; 2] = [
        // SAFETY: the pointer is that of a lock.
        |fd| unsafe { libc::fcntl(fd, libc::F_SETLKW, &whole_file(libc::F_WRLCK)) },
        // SAFETY: the function takes any numbers.
        |fd| unsafe { libc::lockf(fd, libc::F_LOCK, 0) },
    ];
    let file = Arc::new(file);
    for lock in lock {
        let mut holder = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_lock_of_the_process_is_waited_for", "--nocapture"])
            .env(HOLDS, &path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        assert!(lines.any(|line| line.contains("holds")));
        let begun = Begun::default();
        let waiter = spawn({
            let (file, begun) = (file.clone(), begun.clone());
            move || {
                begun.set();
                lock(file.as_raw_fd())
            }
        });
        begun.wait();
        assert!(!waiter.is_finished());
        drop(holder.stdin.take());
        assert_eq!(waiter.join().unwrap(), 0);
        lines.for_each(drop);
        assert!(holder.wait().unwrap().success());
        // SAFETY: the pointer is that of a lock.
        let unlocked = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &whole_file(libc::F_UNLCK)) };
        assert_eq!(unlocked, 0);
    }
    std::fs::remove_file(path).unwrap();
}
