//! Threads that std makes in virtual threads.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use gevent_monkey::real_threads;
use gevent_threading::{is_virtual, os_thread, spawn};

/// Calls a function in a virtual thread.
fn in_virtual_thread<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    gevent_monkey::patch_all().unwrap();
    spawn(f).join().unwrap()
}

#[test]
fn std_makes_virtual_threads_of_the_same_carrier() {
    in_virtual_thread(|| {
        let here = os_thread();
        let one = thread::spawn(|| (is_virtual(), os_thread(), 7));
        assert_eq!(one.join().unwrap(), (true, here, 7));
    });
}

#[test]
fn real_threads_are_real_and_joined() {
    in_virtual_thread(|| {
        let here = os_thread();
        let (go, gone) = mpsc::channel();
        let real = real_threads(|| thread::spawn(move || (gone.recv().unwrap(), is_virtual(), os_thread())));
        // The join parks, so that the other one can let the real one go.
        let other = thread::spawn(move || go.send(3).unwrap());
        let (value, is_virtual, thread) = real.join().unwrap();
        assert!(value == 3 && !is_virtual && thread != here);
        other.join().unwrap();
    });
}

/// Asks for the number of processors, and returns which of the next threads are virtual: one more than there are
/// processors.
fn virtual_after(asked: impl FnOnce() -> usize) -> Vec<bool> {
    let processors = asked();
    (0..=processors)
        .map(|_| thread::spawn(is_virtual).join().unwrap())
        .collect()
}

#[test]
fn workers_for_each_processor_are_real() {
    fn by_affinity() -> usize {
        // SAFETY: zeros are an empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: the set has room for what the C library writes.
        assert_eq!(0, unsafe {
            libc::sched_getaffinity(0, size_of_val(&set), &raw mut set)
        });
        // SAFETY: the set is initialised.
        unsafe { libc::CPU_COUNT(&set) as usize }
    }
    fn by_sysconf() -> usize {
        // SAFETY: the function takes any number.
        unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) as usize }
    }
    for asked in [by_affinity, by_sysconf] {
        let mut wanted = vec![false; asked()];
        wanted.push(true);
        assert_eq!(in_virtual_thread(move || virtual_after(asked)), wanted);
        // Other threads of the same carrier have not asked.
        in_virtual_thread(move || {
            asked();
            let other = spawn(|| thread::spawn(is_virtual).join().unwrap());
            assert!(other.join().unwrap());
        });
    }
    // std asks by one of them, and may know of a lower limit.
    in_virtual_thread(|| {
        thread::available_parallelism().unwrap();
        assert!(!thread::spawn(is_virtual).join().unwrap());
    });
    // Whoever asks for something else is no maker of workers.
    in_virtual_thread(|| {
        // SAFETY: the function takes any number.
        unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        assert!(thread::spawn(is_virtual).join().unwrap());
    });
}

#[test]
fn a_real_thread_makes_real_threads() {
    gevent_monkey::patch_all().unwrap();
    assert!(!thread::spawn(is_virtual).join().unwrap());
}

#[test]
fn names_panics_and_handles_are_right() {
    in_virtual_thread(|| {
        let named = thread::Builder::new().name("a worker".into()).spawn(|| {
            let id = thread::current().id();
            (thread::current().name().map(String::from), id)
        });
        let named = named.unwrap();
        let id = named.thread().id();
        assert_eq!(named.join().unwrap(), (Some("a worker".into()), id));
        let panics = thread::spawn(|| {
            assert!(!thread::panicking());
            std::panic::resume_unwind(Box::new(5_u8));
        });
        assert_eq!(panics.join().unwrap_err().downcast_ref(), Some(&5_u8));
        assert!(!thread::panicking());
    });
}

#[test]
fn a_thread_that_nobody_joins_goes_on() {
    in_virtual_thread(|| {
        let done = Arc::new(AtomicBool::new(false));
        let theirs = done.clone();
        drop(thread::spawn(move || {
            thread::sleep(Duration::from_millis(2));
            theirs.store(true, Ordering::Relaxed);
        }));
        while !done.load(Ordering::Relaxed) {
            thread::yield_now();
        }
    });
}

#[test]
fn threads_of_a_scope_borrow() {
    in_virtual_thread(|| {
        let (count, barrier) = (AtomicUsize::new(0), Barrier::new(10));
        let sum: usize = thread::scope(|s| {
            let threads: Vec<_> = (0..10)
                .map(|number| {
                    let (count, barrier) = (&count, &barrier);
                    s.spawn(move || {
                        barrier.wait();
                        count.fetch_add(1, Ordering::Relaxed);
                        number
                    })
                })
                .collect();
            // One that is not joined.
            s.spawn(|| {
                thread::sleep(Duration::from_millis(2));
                count.fetch_add(1, Ordering::Relaxed);
            });
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!((sum, count.into_inner()), (45, 11));
    });
}

#[test]
fn thread_locals_are_destroyed_before_the_join() {
    struct Tells(mpsc::Sender<&'static str>);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.send("dropped").unwrap();
        }
    }
    thread_local!(static TELLS: RefCell<Option<Tells>> = const { RefCell::new(None) });
    in_virtual_thread(|| {
        let (send, receive) = mpsc::channel();
        let thread = thread::spawn(move || {
            let tells = Tells(send.clone());
            TELLS.with_borrow_mut(|value| *value = Some(tells));
            send.send("ends").unwrap();
        });
        thread.join().unwrap();
        assert_eq!(receive.try_iter().collect::<Vec<_>>(), ["ends", "dropped"]);
    });
}

#[test]
fn the_size_of_the_stack_counts() {
    fn deep(depth: usize) -> usize {
        let mut room = [0_u8; 1 << 10];
        std::hint::black_box(&mut room);
        if depth == 0 {
            0
        } else {
            deep(depth - 1) + usize::from(room[depth % 7] == 0)
        }
    }
    in_virtual_thread(|| {
        let large = thread::Builder::new().stack_size(64 << 20).spawn(|| deep(20_000));
        assert_eq!(large.unwrap().join().unwrap(), 20_000);
    });
}

/// The C library's functions take the number of such a thread, living or ended.
#[test]
fn the_c_library_takes_the_numbers() {
    use std::os::unix::thread::JoinHandleExt;

    /// The name of the thread, by the C library's function.
    fn name(thread: libc::pthread_t) -> String {
        let mut name = [0_u8; 16];
        // SAFETY: the thread is not joined yet, and there is room for a name.
        let got = unsafe { libc::pthread_getname_np(thread, name.as_mut_ptr().cast(), name.len()) };
        assert_eq!(got, 0);
        let len = name.iter().position(|byte| *byte == 0).unwrap();
        String::from_utf8(name[..len].to_vec()).unwrap()
    }
    in_virtual_thread(|| {
        // SAFETY: the function has no conditions.
        let carriers = || std::fs::read_to_string("/proc/thread-self/comm").unwrap();
        let before = carriers();
        let (tell, told) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name("of std".into()).spawn(move || {
            // SAFETY: the function has no conditions.
            tell.send(unsafe { libc::pthread_self() } as usize).unwrap();
            ends.recv().unwrap_err();
        });
        let thread = thread.unwrap();
        let number = thread.as_pthread_t();
        assert_eq!(told.recv().unwrap(), number as usize);
        assert_eq!((name(number), carriers()), ("of std".into(), before));
        // SAFETY: the thread is not joined, and its name ends with a zero.
        unsafe {
            assert_eq!(libc::pthread_setname_np(number, c"other".as_ptr()), 0);
            // The kernel does not know it.
            assert_eq!(libc::pthread_kill(number, 0), libc::ESRCH);
        }
        assert_eq!(name(number), "other");
        drop(end);
        while !thread.is_finished() {
            thread::yield_now();
        }
        assert_eq!(name(number), "other");
        thread.join().unwrap();
    });
}

/// A real thread joins a virtual one, and a virtual one a virtual one of another carrier.
#[test]
fn threads_are_joined_from_elsewhere() {
    let made = in_virtual_thread(|| {
        let (go, gone) = mpsc::channel();
        let thread = thread::spawn(move || {
            let value: u32 = gone.recv().unwrap();
            value
        });
        let joiner = real_threads(|| thread::spawn(move || thread.join().unwrap()));
        go.send(1).unwrap();
        let (go, gone) = mpsc::channel();
        let thread = thread::spawn(move || {
            let value: u32 = gone.recv().unwrap();
            value
        });
        let other = real_threads(|| thread::spawn(move || spawn(move || thread.join().unwrap()).join().unwrap()));
        go.send(2).unwrap();
        (joiner.join().unwrap(), other.join().unwrap())
    });
    assert_eq!(made, (1, 2));
}

/// Many threads come and go; what they leave behind is used again.
#[test]
fn many_threads_come_and_go() {
    in_virtual_thread(|| {
        for _ in 0..20 {
            let threads: Vec<_> = (0..100_u64).map(|number| thread::spawn(move || number)).collect();
            let sum: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert_eq!(sum, 4950);
        }
    });
}
