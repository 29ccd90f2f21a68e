//! The memory of thread-locals is used again: what one virtual thread leaves there, none of the next ones sees.

use std::cell::Cell;
use std::ffi::{c_int, c_long, c_void};
use std::mem::transmute;
use std::ptr;

use gevent_threading::{spawn, yield_now};

use super::c_code::load;

const SOURCE: &str = "
    static __thread long counted = 5;
    static __thread char room[4000];
    long count(void) { room[17] += 1; room[3999] += 1; return counted++ + 10 * room[17] + 1000 * room[3999]; }
";

type Count = unsafe extern "C" fn() -> c_long;

/// A C library with thread-locals, which are allocated in each thread that uses them. None without a compiler.
fn c_library() -> Option<Count> {
    let library = load("c-locals", SOURCE)?;
    // SAFETY: the library has this function.
    Some(unsafe { transmute::<*mut c_void, Count>(libc::dlsym(library, c"count".as_ptr())) })
}

/// What a thread finds in the C library's data of it.
#[derive(Debug, PartialEq)]
struct Found {
    local: u32,
    counted: c_long,
    errno: c_int,
    has_its_own_locale: bool,
    values: Vec<usize>,
    cancel: (c_int, c_int),
    has_robust_mutexes: bool,
}

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, old: *mut c_int) -> c_int;
    fn pthread_setcanceltype(kind: c_int, old: *mut c_int) -> c_int;
}

const ENABLE: c_int = 0;
const DISABLE: c_int = 1;
const DEFERRED: c_int = 0;

/// Looks, and then changes all that it has looked at.
fn look_and_change(keys: &[libc::pthread_key_t], count: Option<Count>) -> Found {
    thread_local!(static LOCAL: Cell<u32> = const { Cell::new(7) });
    let (mut state, mut kind) = (0, 0);
    // SAFETY: the keys exist, the locale is one that stays, and the other calls take numbers. The state is set back
    // after a look, as a thread that has ended its life with another one.
    unsafe {
        let errno = libc::__errno_location();
        let own = libc::newlocale(libc::LC_ALL_MASK, c"C".as_ptr(), ptr::null_mut());
        let found = Found {
            local: LOCAL.get(),
            counted: count.map_or(0, |count| count()),
            errno: *errno,
            has_its_own_locale: libc::uselocale(own) as isize != -1,
            values: keys.iter().map(|key| libc::pthread_getspecific(*key).addr()).collect(),
            cancel: {
                pthread_setcancelstate(DISABLE, &raw mut state);
                pthread_setcanceltype(DEFERRED, &raw mut kind);
                (state, kind)
            },
            has_robust_mutexes: robust_mutexes(),
        };
        LOCAL.set(1);
        *errno = 33;
        for key in keys {
            libc::pthread_setspecific(*key, 11 as *const c_void);
        }
        found
    }
}

/// Whether the calling thread, by its own idea, holds a robust mutex; it locks one then.
fn robust_mutexes() -> bool {
    // SAFETY: the mutex is initialised as a robust one before it is locked, and lives until it is unlocked.
    unsafe {
        let mut attributes = std::mem::MaybeUninit::uninit();
        libc::pthread_mutexattr_init(attributes.as_mut_ptr());
        libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST);
        let mutex = Box::into_raw(Box::new(std::mem::zeroed::<libc::pthread_mutex_t>()));
        libc::pthread_mutex_init(mutex, attributes.as_ptr());
        libc::pthread_mutexattr_destroy(attributes.as_mut_ptr());
        assert_eq!(libc::pthread_mutex_lock(mutex), 0);
        // The links of a list of robust mutexes: the next one of the only mutex is the list's head, which is among
        // the data of the thread.
        let next = mutex.cast::<usize>().add(4).read();
        let myself = libc::pthread_self() as usize;
        let alone = (next & !1).wrapping_sub(myself) < 16384;
        // It stays locked for ever, and in the list of a thread that is gone.
        !alone
    }
}

#[test]
fn nothing_of_a_thread_is_in_the_next_one() {
    // More than the first block has.
    let keys: Vec<_> = (0..70)
        .map(|_| {
            let mut key = 0;
            // SAFETY: the key is written.
            assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, None) }, 0);
            key
        })
        .collect();
    let count = c_library();
    let fresh = Found {
        local: 7,
        counted: count.map_or(0, |_| 5 + 10 + 1000),
        errno: 0,
        has_its_own_locale: false,
        values: vec![0; keys.len()],
        cancel: (ENABLE, DEFERRED),
        has_robust_mutexes: false,
    };
    let make = || {
        let keys = keys.clone();
        spawn(move || {
            let found = look_and_change(&keys, count);
            yield_now();
            let mut again = look_and_change(&keys, count);
            // The locked mutex is the first one of the list, and so on.
            again.has_robust_mutexes = false;
            let changed = Found {
                local: 1,
                counted: count.map_or(0, |_| 6 + 20 + 2000),
                errno: 33,
                has_its_own_locale: true,
                values: vec![11; keys.len()],
                cancel: (DISABLE, DEFERRED),
                has_robust_mutexes: false,
            };
            (found, again == changed)
        })
    };
    for _ in 0..30 {
        // Several live at once, and have memory of their own.
        for thread in [make(), make(), make()] {
            let (found, is_changed) = thread.join().expect("it does not panic");
            assert_eq!(found, fresh);
            assert!(is_changed);
        }
    }
    for key in keys {
        // SAFETY: the key exists, and nobody uses it any more.
        unsafe { libc::pthread_key_delete(key) };
    }
}

/// The memory of a virtual thread that has ended is there for the next one.
#[test]
fn memory_is_used_again() {
    let myself = || {
        // SAFETY: the call only asks.
        let thread = spawn(|| unsafe { libc::pthread_self() } as usize);
        thread.join().expect("it does not panic")
    };
    let first = myself();
    assert!((0..100).all(|_| myself() == first));
}
