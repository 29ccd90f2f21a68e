//! The C library's own idea of the thread.

use std::ffi::{c_int, c_void};
use std::io;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use gevent_threading::{spawn, yield_now};

unsafe extern "C" {
    fn isalpha(c: c_int) -> c_int;
    fn toupper(c: c_int) -> c_int;
}

#[test]
fn errno_is_the_threads_own() {
    let fail = |number: i32| {
        move || {
            // SAFETY: this sets the calling thread's variable.
            unsafe { *libc::__errno_location() = number };
            yield_now();
            io::Error::last_os_error().raw_os_error()
        }
    };
    let threads = [spawn(fail(2)), spawn(fail(13))];
    assert_eq!(
        threads.map(|thread| thread.join().expect("it does not panic")),
        [Some(2), Some(13)]
    );
}

#[test]
fn letters_are_known_and_locales_are_the_threads_own() {
    let thread = spawn(|| {
        // SAFETY: the functions take every letter, and the locale is freed when it is out of use.
        unsafe {
            let letters = isalpha(c_int::from(b'x')) != 0 && toupper(c_int::from(b'x')) == c_int::from(b'X');
            let before = libc::uselocale(ptr::null_mut());
            let own = libc::newlocale(libc::LC_ALL_MASK, c"C".as_ptr(), ptr::null_mut());
            libc::uselocale(own);
            yield_now();
            let kept = libc::uselocale(ptr::null_mut()) == own && own != before;
            libc::uselocale(before);
            libc::freelocale(own);
            letters && kept
        }
    });
    yield_now();
    // SAFETY: the call only asks. The global locale is -1.
    let mine = unsafe { libc::uselocale(ptr::null_mut()) };
    assert_eq!(mine as isize, -1);
    assert_eq!(thread.join().ok(), Some(true));
}

#[test]
fn pthread_self_is_another_for_each() {
    // SAFETY: the call has no preconditions.
    let myself = || unsafe { libc::pthread_self() } as usize;
    let look = move || {
        let before = myself();
        yield_now();
        (before, myself())
    };
    let threads = [spawn(look), spawn(look)];
    let seen = threads.map(|thread| thread.join().expect("it does not panic"));
    assert!(
        seen.iter()
            .all(|(before, after)| before == after && *before != myself())
    );
    assert_ne!(seen[0], seen[1]);
}

static DESTROYED: AtomicUsize = AtomicUsize::new(0);

unsafe extern "C" fn destroy(value: *mut c_void) {
    DESTROYED.fetch_add(value as usize, Ordering::Relaxed);
}

#[test]
fn values_by_key_are_the_threads_own_and_destroyed() {
    // More than the first block has.
    let keys: Vec<_> = (0..100)
        .map(|_| {
            let mut key = 0;
            // SAFETY: the key is written, and the function stays.
            assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(destroy)) }, 0);
            key
        })
        .collect();
    let theirs = keys.clone();
    let set = move |value: usize| {
        let keys = theirs.clone();
        move || {
            for key in &keys {
                // SAFETY: the keys exist.
                unsafe {
                    assert!(libc::pthread_getspecific(*key).is_null());
                    libc::pthread_setspecific(*key, value as *const c_void);
                }
            }
            yield_now();
            // SAFETY: as above.
            keys.iter()
                .all(|key| unsafe { libc::pthread_getspecific(*key) } as usize == value)
        }
    };
    let threads = [spawn(set(1)), spawn(set(1000))];
    assert_eq!(
        threads.map(|thread| thread.join().expect("it does not panic")),
        [true, true]
    );
    assert_eq!(DESTROYED.load(Ordering::Relaxed), 100 * 1001);
    for key in keys {
        // SAFETY: the key exists, and nobody uses it any more.
        unsafe { libc::pthread_key_delete(key) };
    }
}

/// A mutex of the C library that its owner may lock again, and nobody else.
struct Recursive(std::cell::UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: the functions of the C library may be called from any thread.
unsafe impl Sync for Recursive {}
// SAFETY: as above.
unsafe impl Send for Recursive {}

#[test]
fn a_recursive_mutex_knows_its_owner() {
    let mutex = std::sync::Arc::new(Recursive(std::cell::UnsafeCell::new(
        libc::PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP,
    )));
    let theirs = mutex.clone();
    let holder = spawn(move || {
        // SAFETY: the mutex is initialised, and unlocked by its owner.
        unsafe {
            assert_eq!(libc::pthread_mutex_lock(theirs.0.get()), 0);
            yield_now();
            assert_eq!(libc::pthread_mutex_trylock(theirs.0.get()), 0);
            libc::pthread_mutex_unlock(theirs.0.get());
            yield_now();
            libc::pthread_mutex_unlock(theirs.0.get());
        }
    });
    yield_now();
    let others = mutex.clone();
    // SAFETY: as above.
    let other = spawn(move || unsafe { libc::pthread_mutex_trylock(others.0.get()) });
    assert_eq!(other.join().ok(), Some(libc::EBUSY));
    holder.join().expect("it does not panic");
    // SAFETY: as above.
    assert_eq!(unsafe { libc::pthread_mutex_trylock(mutex.0.get()) }, 0);
}

#[test]
fn what_needs_the_real_threads_number_is_refused() {
    let thread = spawn(|| {
        let mut clock = 0;
        // SAFETY: the clock's number is written if this returns 0, and not used. The set of processors is only read.
        unsafe {
            let set = std::mem::zeroed::<libc::cpu_set_t>();
            [
                libc::pthread_setaffinity_np(libc::pthread_self(), size_of_val(&set), &raw const set),
                libc::pthread_setschedprio(libc::pthread_self(), 0),
                libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock),
            ]
        }
    });
    let seen = thread.join().expect("it does not panic");
    assert_eq!(seen, [libc::ESRCH, libc::ESRCH, 0]);
}

#[test]
fn programs_are_started_both_ways() {
    use std::os::unix::process::CommandExt;
    let thread = spawn(|| {
        let spawned = Command::new("true").status().expect("it starts").success();
        yield_now();
        let mut forked = Command::new("sh");
        forked.args(["-c", "exit 3"]);
        // SAFETY: the function does nothing. With it, std forks.
        unsafe { forked.pre_exec(|| Ok(())) };
        let forked = forked.status().expect("it starts").code();
        yield_now();
        (spawned, forked)
    });
    assert_eq!(thread.join().ok(), Some((true, Some(3))));
}

#[test]
fn the_processor_is_asked_for() {
    // SAFETY: the call only asks.
    let thread = spawn(|| unsafe { libc::sched_getcpu() });
    assert!(thread.join().is_ok_and(|cpu| cpu >= 0));
}

#[test]
fn names_are_looked_up() {
    use std::net::ToSocketAddrs;
    let thread = spawn(|| {
        ("localhost", 80)
            .to_socket_addrs()
            .is_ok_and(|mut addresses| addresses.next().is_some())
    });
    assert_eq!(thread.join().ok(), Some(true));
}

/// The resolver keeps sockets and addresses of servers; two threads of different carriers must not share them.
#[test]
fn each_has_a_resolver_of_its_own() {
    unsafe extern "C" {
        fn __res_state() -> *mut u32;
        fn __res_ninit(state: *mut u32) -> c_int;
    }
    let look = || {
        // SAFETY: the state is the calling thread's, and its fifth number is how many servers it knows.
        unsafe {
            let state = __res_state();
            let before = state.add(4).read();
            assert_eq!(__res_ninit(state), 0);
            yield_now();
            (state.addr(), before, state.add(4).read() > 0)
        }
    };
    let threads = [spawn(look), spawn(look)];
    let [one, other] = threads.map(|thread| thread.join().expect("it does not panic"));
    // SAFETY: the call only asks.
    let mine = unsafe { __res_state() }.addr();
    assert!(one.0 != other.0 && one.0 != mine && other.0 != mine);
    assert_eq!([(one.1, one.2), (other.1, other.2)], [(0, true); 2]);
}

#[test]
fn memory_goes_from_thread_to_thread() {
    let make = |size: usize| {
        move || {
            (0..100)
                .map(|number| vec![number as u8; size + number])
                .collect::<Vec<_>>()
        }
    };
    for size in [1, 100, 10_000, 200_000] {
        let threads = [spawn(make(size)), spawn(make(size))];
        for thread in threads {
            let all = thread.join().expect("it does not panic");
            spawn(move || drop(all)).join().expect("it does not panic");
        }
    }
}

/// C code may have set how its thread rounds.
#[test]
fn each_rounds_in_its_own_way() {
    #[link(name = "m")]
    unsafe extern "C" {
        fn fegetround() -> c_int;
        fn fesetround(way: c_int) -> c_int;
    }
    const NEAREST: c_int = 0;
    const UPWARD: c_int = if cfg!(target_arch = "x86_64") { 0x800 } else { 0x40_0000 };
    const DOWNWARD: c_int = if cfg!(target_arch = "x86_64") { 0x400 } else { 0x80_0000 };
    // SAFETY: the call only asks.
    let way = || unsafe { fegetround() };
    // SAFETY: no Rust code computes with fractions until it is set back.
    let set = |way| assert_eq!(unsafe { fesetround(way) }, 0);
    let sets = move || {
        let before = way();
        set(UPWARD);
        yield_now();
        let during = way();
        yield_now();
        (before, during, way())
    };
    let looks = move || {
        let before = way();
        yield_now();
        (before, way())
    };
    let (one, other) = (spawn(sets), spawn(looks));
    yield_now();
    let carriers = way();
    // The carrier, too, finds its own again.
    set(DOWNWARD);
    yield_now();
    let changed = way();
    set(NEAREST);
    assert_eq!(one.join().ok(), Some((NEAREST, UPWARD, UPWARD)));
    assert_eq!(other.join().ok(), Some((NEAREST, NEAREST)));
    assert_eq!((carriers, changed, way()), (NEAREST, DOWNWARD, NEAREST));
}

#[test]
fn the_scheduling_is_that_of_the_carrier() {
    let ask = || {
        let (mut policy, mut parameters) = (-1, libc::sched_param { sched_priority: -1 });
        // SAFETY: the call writes both.
        let asked = unsafe { libc::pthread_getschedparam(libc::pthread_self(), &raw mut policy, &raw mut parameters) };
        (asked, policy, parameters.sched_priority)
    };
    let carriers = ask();
    assert_eq!(carriers.0, 0);
    let thread = spawn(move || (ask(), std::thread::spawn(ask).join().ok()));
    assert_eq!(thread.join().ok(), Some((carriers, Some(carriers))));
}
