//! The cases.

use std::cell::{Cell, RefCell};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output, exit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use gevent_threading::{Builder, on_carrier, park, sleep, spawn, supported, yield_now};
use greenlet_core::{ThreadWatch, WatchSignal};

use crate::{settings, this_program};

type Case = (&'static str, fn(), fn(&Output) -> bool);

const CASES: [Case; 16] = [
    ("nothing", || (), succeeds),
    ("overflow", overflow, |output| {
        let told = String::from_utf8_lossy(&output.stderr);
        output.status.signal() == Some(libc::SIGABRT) && told.contains("has overflowed its stack of")
    }),
    ("usual_stack", usual_stack, succeeds),
    ("exit", exits, |output| output.status.code() == Some(3)),
    ("exec", execs, |output| {
        output.status.success() && output.stdout == b"replaced\n"
    }),
    ("fork_on_first_thread", fork_here, succeeds),
    ("fork_on_other_thread", fork_elsewhere, succeeds),
    ("signals", signals, succeeds),
    ("snapshots", snapshots, succeeds),
    ("user_ids", user_ids, succeeds),
    ("implicit_end", implicit_end, |output| {
        let told = String::from_utf8_lossy(&output.stderr);
        output.status.success() && told.contains("while 10 greenlets of it were parked")
    }),
    ("parked_at_exit", parked_at_exit, succeeds),
    ("a_call_that_cannot_end", a_call_that_cannot_end, |output| {
        let told = String::from_utf8_lossy(&output.stderr);
        output.status.signal() == Some(libc::SIGABRT) && told.contains("while its carrier worked for a destructor")
    }),
    ("several_carriers", several_carriers, succeeds),
    ("no_leaks", no_leaks, succeeds),
    ("many_at_once", many_at_once, succeeds),
];

fn succeeds(output: &Output) -> bool {
    output.status.success()
}

pub(crate) fn main() {
    // What the harness of other tests is asked for is not for this program.
    let name = std::env::args()
        .nth(1)
        .filter(|name| CASES.iter().any(|(known, ..)| known == name));
    if let Some(name) = name {
        let (_, case, _) = CASES.iter().find(|(known, ..)| *known == name).expect("it is known");
        // Nothing hangs for ever.
        // SAFETY: without a handler, the signal ends the process.
        unsafe { libc::alarm(300) };
        case();
        return;
    }
    if let Err(reason) = supported() {
        println!("SKIPPED: {reason}");
        return;
    }
    let mut runs: Vec<_> = CASES
        .iter()
        .map(|(name, _, is_right)| (*name, None, *is_right))
        .collect();
    for (setting, names) in settings::settings() {
        let cases = CASES.iter().filter(|(name, ..)| names.contains(name));
        runs.extend(cases.map(|(name, _, is_right)| (*name, Some(setting), *is_right)));
    }
    for (name, setting, is_right) in runs {
        let mut command = this_program::command();
        command.arg(name).envs(setting);
        if setting.is_some() && std::env::var_os("THREADS").is_none() {
            command.env("THREADS", "5000");
        }
        let output = command.output().expect("it starts");
        let with = setting.map_or(String::new(), |(_, value)| format!(", with {value}"));
        if !is_right(&output) {
            println!(
                "{}\n{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            println!("{name}{with}: FAILED: {}", output.status);
            exit(1);
        }
        println!("{name}{with}: ok");
        if name.starts_with("no_leaks") || name.starts_with("many") {
            print!("{}", String::from_utf8_lossy(&output.stdout));
        }
    }
}

/// Needs half a kilobyte for each level, and more without optimisation.
fn dig(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    if depth == 0 { 0 } else { dig(depth - 1) + room[3] }
}

fn overflow() {
    let thread = Builder::new().stack_size(128 << 10).spawn(|| {
        yield_now();
        dig(u64::MAX)
    });
    let _ = thread.expect("it is made").join();
}

/// A quarter of the stack is used, whatever size is usual.
fn usual_stack() {
    let set = std::env::var("RUST_MIN_STACK").map(|size| size.parse().expect("a number"));
    let size: u64 = set.unwrap_or(2 << 20);
    assert!(spawn(move || dig(size / 4 / 1024)).join().is_ok());
}

fn exits() {
    let _ = spawn(|| {
        yield_now();
        exit(3)
    })
    .join();
}

fn execs() {
    let _ = spawn(|| {
        yield_now();
        panic!("{}", Command::new("echo").arg("replaced").exec())
    })
    .join();
}

fn fork_here() {
    thread_local!(static LOCAL: Cell<u32> = const { Cell::new(0) });
    LOCAL.set(1);
    let other = spawn(|| {
        LOCAL.set(3);
        sleep(Duration::from_millis(20));
        LOCAL.get()
    });
    let forker = spawn(|| {
        LOCAL.set(2);
        yield_now();
        // SAFETY: the child goes on with what this process has tested: other threads hold no locks of it.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        (pid, LOCAL.get(), std::io::Error::last_os_error().raw_os_error())
    });
    let handle = forker.thread().clone();
    // In the child, the carrier goes on here, too.
    let (pid, local, _) = forker.join().expect("it does not panic");
    handle.unpark();
    assert_eq!((local, LOCAL.get()), (2, 1));
    if pid == 0 {
        hub::reinit().expect("there is a hub");
    }
    // What the C library knows of the carrier is right in both: its number, and that its stack is in use.
    let mut attributes = std::mem::MaybeUninit::uninit();
    // SAFETY: the attributes are written if this returns 0, and destroyed once.
    unsafe {
        assert_eq!(
            libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()),
            0
        );
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
    }
    let fill = |number: u8| {
        std::thread::spawn(move || {
            std::hint::black_box([number; 500_000])
                .iter()
                .map(|n| u64::from(*n))
                .sum::<u64>()
        })
    };
    for round in 0..20 {
        let threads: Vec<_> = (0..4).map(fill).collect();
        let sum: u64 = threads
            .into_iter()
            .map(|thread| thread.join().expect("it does not panic"))
            .sum();
        assert_eq!(sum, 3_000_000, "in round {round}");
        assert_eq!(spawn(|| LOCAL.get()).join().ok(), Some(0));
    }
    assert_eq!(other.join().ok(), Some(3));
    if pid == 0 {
        exit(0);
    }
    let mut status = 0;
    // SAFETY: the status is written.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0);
}

fn fork_elsewhere() {
    std::thread::spawn(fork_here).join().expect("it does not panic");
}

static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

fn signals() {
    // SAFETY: the handler changes one atomic number.
    unsafe { libc::signal(libc::SIGUSR1, count as extern "C" fn(libc::c_int) as libc::sighandler_t) };
    // SAFETY: these only ask.
    let (process, carrier) = unsafe { (libc::getpid(), libc::gettid()) };
    let stop = Arc::new(AtomicBool::new(false));
    let their_stop = stop.clone();
    let sender = std::thread::spawn(move || {
        let mut sent = 0;
        while !their_stop.load(Ordering::Relaxed) {
            // SAFETY: the process has a handler.
            unsafe { libc::syscall(libc::SYS_tgkill, process, carrier, libc::SIGUSR1) };
            sent += 1;
            std::thread::sleep(Duration::from_micros(50));
        }
        sent
    });
    let busy = || {
        spawn(|| {
            // SAFETY: the process has a handler.
            assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0);
            // SAFETY: as above.
            assert_eq!(unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGUSR1) }, 0);
            for _ in 0..2000 {
                std::hint::black_box(vec![1; 100]);
                yield_now();
            }
        })
    };
    let threads: Vec<_> = (0..10).map(|_| busy()).collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().expect("it does not panic"));
    assert!(SIGNALS.load(Ordering::Relaxed) >= 20);
    stop.store(true, Ordering::Relaxed);
    assert!(sender.join().expect("it does not panic") > 0);
}

fn snapshots() {
    let watch = ThreadWatch::here();
    // An emulator does not have the highest ones.
    let signal = WatchSignal::install(Some(libc::SIGRTMAX() - 4)).expect("it is free");
    let (done, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (their_done, their_begun) = (done.clone(), begun.clone());
    let watcher = std::thread::spawn(move || {
        while !their_begun.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        let snapshot = watch.snapshot(signal, Duration::from_secs(60));
        their_done.store(true, Ordering::Release);
        let snapshot = snapshot.expect("the thread answers");
        snapshot
            .greenlet
            .map(|greenlet| (greenlet.id, snapshot.addresses.len()))
    });
    let thread = spawn(move || {
        begun.store(true, Ordering::Release);
        while !done.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
    });
    thread.join().expect("it does not panic");
    let (id, frames) = watcher.join().expect("it does not panic").expect("a greenlet ran");
    assert!(id > 0 && frames > 3, "greenlet {id}, {frames} frames");
}

fn user_ids() {
    let stop = Arc::new(AtomicBool::new(false));
    let theirs = stop.clone();
    let other = std::thread::spawn(move || {
        while !theirs.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let thread = spawn(|| {
        yield_now();
        // SAFETY: the ids are those that the process has.
        unsafe { (libc::setuid(libc::getuid()), libc::setgid(libc::getgid())) }
    });
    assert_eq!(thread.join().ok(), Some((0, 0)));
    // std forks for this, and the child sets the id.
    // SAFETY: the call only asks.
    let id = unsafe { libc::getuid() };
    let run = || {
        spawn(move || {
            Command::new("true")
                .uid(id)
                .status()
                .is_ok_and(|status| status.success())
        })
    };
    assert_eq!(run().join().ok(), Some(true));
    // Another thread sets it while a virtual thread runs, and while it is parked.
    let set = || {
        // SAFETY: as above.
        std::thread::spawn(|| unsafe { libc::setuid(libc::getuid()) })
    };
    let busy = spawn(move || set().join().is_ok_and(|set| set == 0));
    assert_eq!(busy.join().ok(), Some(true));
    stop.store(true, Ordering::Relaxed);
    other.join().expect("it does not panic");
}

thread_local!(static BORROWED: RefCell<String> = const { RefCell::new(String::new()) });

fn park_ten() {
    for _ in 0..10 {
        spawn(|| {
            BORROWED.with_borrow_mut(|word| {
                word.push('x');
                park();
            });
        });
    }
    yield_now();
}

fn implicit_end() {
    std::thread::spawn(park_ten).join().expect("it does not panic");
    assert_eq!(spawn(|| 1).join().ok(), Some(1));
}

fn parked_at_exit() {
    park_ten();
}

/// The hub ends while a destructor that a panic runs waits by its carrier.
fn a_call_that_cannot_end() {
    struct Waits;
    impl Drop for Waits {
        fn drop(&mut self) {
            on_carrier(|| gevent::sleep(1000).is_ok());
        }
    }
    let ended = hub::run(|| {
        let thread = spawn(|| {
            let _waits = Waits;
            std::panic::resume_unwind(Box::new(()))
        });
        yield_now();
        drop::<gevent_threading::JoinHandle<()>>(thread);
    });
    ended.expect("a main greenlet");
}

fn several_carriers() {
    let work = || {
        for _ in 0..50 {
            let all: Vec<_> = (0..20)
                .map(|number| {
                    spawn(move || {
                        BORROWED.with_borrow_mut(|word| {
                            word.push_str("ab");
                            yield_now();
                            word.len() + number
                        })
                    })
                })
                .collect();
            let sum: usize = all
                .into_iter()
                .map(|thread| thread.join().expect("it does not panic"))
                .sum();
            assert_eq!(sum, 20 * 2 + 190);
        }
    };
    let carriers: Vec<_> = (0..4).map(|_| std::thread::spawn(work)).collect();
    carriers
        .into_iter()
        .for_each(|carrier| carrier.join().expect("it does not panic"));
}

/// The memory of the process, in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it is there");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .expect("it is told");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}

/// Bytes that are allocated, in all arenas. The function is looked up, as older C libraries, with which there are no
/// virtual threads, do not have it.
fn allocated() -> usize {
    type Ask = unsafe extern "C" fn() -> libc::mallinfo2;
    // SAFETY: the name is a C string, the function of this name has this type, and it only asks.
    unsafe {
        let ask = libc::dlsym(libc::RTLD_DEFAULT, c"mallinfo2".as_ptr());
        std::mem::transmute::<*mut libc::c_void, Option<Ask>>(ask).expect("it is there")().uordblks
    }
}

unsafe extern "C" {
    fn __res_state() -> *mut libc::c_void;
    fn __res_ninit(state: *mut libc::c_void) -> libc::c_int;
}

fn a_life(number: usize) -> usize {
    BORROWED.with_borrow_mut(|word| *word = number.to_string());
    if number.is_multiple_of(3) {
        yield_now();
    }
    let name = std::thread::current().id();
    std::hint::black_box(name);
    // The seed is one of the thread's, and asked of the C library.
    std::hint::black_box(std::hash::RandomState::new());
    if number.is_multiple_of(50) {
        // SAFETY: the state is the calling thread's.
        assert_eq!(unsafe { __res_ninit(__res_state()) }, 0);
    }
    // SAFETY: the call looks at nothing but the name, and its message is the thread's own.
    assert!(unsafe { libc::dlopen(c"/nowhere".as_ptr(), libc::RTLD_NOW) }.is_null());
    BORROWED.with_borrow(String::len)
}

/// Makes and ends so many, in groups.
fn live(count: usize) {
    for group in 0..count / 100 {
        let threads: Vec<_> = (0..100)
            .map(|number| spawn(move || a_life(group * 100 + number)))
            .collect();
        threads
            .into_iter()
            .for_each(|thread| assert!(thread.join().is_ok_and(|len| len > 0)));
    }
}

fn no_leaks() {
    let count = std::env::var("THREADS").map_or(20_000, |count| count.parse().expect("a number"));
    live(2000);
    let (bytes, kib) = (allocated(), memory());
    let begun = std::time::Instant::now();
    live(count);
    let time = begun.elapsed();
    let (more_bytes, more_kib) = (allocated() as isize - bytes as isize, memory() as i64 - kib as i64);
    println!(
        "    {count} made and ended in {time:?}: {more_bytes} bytes more are allocated, {more_kib} KiB more in use"
    );
    assert!(more_bytes < 100_000 && more_kib < 4096);
}

fn many_at_once() {
    const COUNT: usize = 10_000;
    let before = memory();
    let threads: Vec<_> = (0..COUNT)
        .map(|number| {
            spawn(move || {
                BORROWED.with_borrow_mut(|word| {
                    word.push_str("word");
                    park();
                    word.len() + number
                })
            })
        })
        .collect();
    yield_now();
    yield_now();
    let kib = memory() - before;
    threads.iter().for_each(|thread| thread.thread().unpark());
    let sum: usize = threads
        .into_iter()
        .map(|thread| thread.join().expect("it does not panic"))
        .sum();
    assert_eq!(sum, 4 * COUNT + COUNT * (COUNT - 1) / 2);
    println!(
        "    {COUNT} at once: {} bytes each, with the stack's page",
        kib * 1024 / COUNT as u64
    );
}
