//! Where a virtual thread's stack is, as others ask for it.

use std::ffi::{c_int, c_void};
use std::mem::{MaybeUninit, transmute};
use std::ops::Range;

use gevent_threading::{Builder, NativeThread, park, spawn, yield_now};

use super::c_code::load;

const SIZE: usize = 512 << 10;

/// What the C library tells of a thread.
#[derive(Debug, PartialEq)]
struct Told {
    stack: Range<usize>,
    guard: usize,
    is_detached: bool,
    processors: c_int,
}

type GetAttributes = unsafe extern "C" fn(libc::pthread_t, *mut libc::pthread_attr_t) -> c_int;

unsafe extern "C" {
    fn pthread_attr_getdetachstate(attributes: *const libc::pthread_attr_t, state: *mut c_int) -> c_int;
    fn pthread_attr_getaffinity_np(
        attributes: *const libc::pthread_attr_t,
        size: usize,
        set: *mut libc::cpu_set_t,
    ) -> c_int;
}

fn told_by(function: GetAttributes, thread: libc::pthread_t) -> Result<Told, c_int> {
    let mut attributes = MaybeUninit::uninit();
    let (mut low, mut size, mut guard, mut detached) = (std::ptr::null_mut(), 0, 0, 0);
    // SAFETY: the attributes are initialised if the first call returns 0, and destroyed by the last one.
    unsafe {
        match function(thread, attributes.as_mut_ptr()) {
            0 => {}
            error => return Err(error),
        }
        let attributes = attributes.as_mut_ptr();
        assert_eq!(libc::pthread_attr_getstack(attributes, &raw mut low, &raw mut size), 0);
        assert_eq!(libc::pthread_attr_getguardsize(attributes, &raw mut guard), 0);
        assert_eq!(pthread_attr_getdetachstate(attributes, &raw mut detached), 0);
        let mut set = std::mem::zeroed::<libc::cpu_set_t>();
        assert_eq!(
            pthread_attr_getaffinity_np(attributes, size_of_val(&set), &raw mut set),
            0
        );
        libc::pthread_attr_destroy(attributes);
        Ok(Told {
            stack: low.addr()..low.addr() + size,
            guard,
            is_detached: detached == libc::PTHREAD_CREATE_DETACHED,
            processors: libc::CPU_COUNT(&set),
        })
    }
}

fn told() -> Told {
    // SAFETY: the call only asks.
    told_by(libc::pthread_getattr_np, unsafe { libc::pthread_self() }).expect("it is told")
}

/// The address of a frame of the caller's stack.
#[inline(never)]
fn here() -> usize {
    let local = 1_u8;
    std::hint::black_box(&raw const local).addr()
}

fn small<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = Builder::new().stack_size(SIZE).spawn(f).expect("it is made");
    thread.join().expect("it does not panic")
}

#[test]
fn the_attributes_are_its_own() {
    let before = told();
    let (own, again, at) = small(|| {
        let before = told();
        yield_now();
        (before, told(), here())
    });
    assert_eq!(own, again);
    assert!(own.stack.contains(&at) && !before.stack.contains(&at));
    assert!(
        own.stack.len() >= SIZE && own.stack.end - at < 64 << 10,
        "{own:?}, {at:x}"
    );
    assert!(own.guard >= 4096 && own.is_detached);
    // The real thread is told of as before.
    assert_eq!(told(), before);
    assert!(before.stack.contains(&here()));
    assert_eq!(before.processors, own.processors);
    let while_both_live = || {
        yield_now();
        let told = told();
        yield_now();
        told
    };
    let each =
        [spawn(while_both_live), spawn(while_both_live)].map(|thread| thread.join().expect("it does not panic").stack);
    assert!(each[0].end <= each[1].start || each[1].end <= each[0].start, "{each:?}");
}

/// As std's, a stack is never too small for what this crate itself does there.
#[test]
fn the_smallest_stack_does_for_waits() {
    for size in [0, 1, 4096, 64 << 10] {
        let thread = Builder::new().stack_size(size).spawn(|| {
            yield_now();
            let caught = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(3)));
            (caught.is_err(), told().stack.len())
        });
        let (caught, len) = thread.expect("it is made").join().expect("it does not panic");
        assert!(caught && len >= 128 << 10, "{len} bytes for {size}");
    }
}

/// Of the threads that run on others' behalf, the C library tells as ever.
#[test]
fn real_threads_are_told_of_in_a_virtual_one() {
    // SAFETY: the call only asks.
    let carrier = unsafe { libc::pthread_self() };
    let before = told();
    let seen = small(move || told_by(libc::pthread_getattr_np, carrier));
    assert_eq!(seen, Ok(before));
}

/// Any thread may ask, as a collector of garbage does that looks into the stacks of all threads.
#[test]
fn another_thread_is_told_of() {
    let ask = |thread| told_by(libc::pthread_getattr_np, thread);
    let (send, receive) = std::sync::mpsc::channel();
    let thread = Builder::new().stack_size(SIZE).spawn(move || {
        // SAFETY: the call only asks.
        let myself = unsafe { libc::pthread_self() };
        send.send((myself, told())).expect("it is received");
        park();
    });
    let thread = thread.expect("it is made");
    yield_now();
    let (its, seen_by_itself) = receive.recv().expect("it has run");
    assert_eq!(ask(its), Ok(seen_by_itself));
    let seen = small(move || (ask(its), told()));
    assert_ne!(seen.0, Ok(seen.1));
    assert_eq!(seen.0, ask(its));
    let real = std::thread::spawn(move || ask(its)).join();
    assert_eq!(real.expect("it does not panic"), ask(its));
    thread.thread().unpark();
    thread.join().expect("it does not panic");
}

/// The handle of one that has not begun is that which it has for itself.
#[test]
fn a_native_thread_is_told_of_by_its_handle() {
    let (send, receive) = std::sync::mpsc::channel();
    let thread = NativeThread::spawn(SIZE, move || {
        // SAFETY: the call only asks.
        let myself = unsafe { libc::pthread_self() };
        send.send((myself, told())).expect("it is received");
        park();
    });
    let thread = thread.expect("it is made");
    let handle = thread.pthread() as libc::pthread_t;
    assert!(told_by(libc::pthread_getattr_np, handle).is_err());
    yield_now();
    let (myself, seen_by_itself) = receive.recv().expect("it has run");
    assert_eq!(myself, handle);
    assert_eq!(told_by(libc::pthread_getattr_np, handle), Ok(seen_by_itself));
    thread.thread().unpark();
    while !thread.is_finished() {
        yield_now();
    }
}

#[test]
fn the_function_is_found_by_name() {
    // SAFETY: the function that is found has this type.
    let (found, used): (GetAttributes, GetAttributes) = unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, c"pthread_getattr_np".as_ptr());
        (transmute::<*mut c_void, GetAttributes>(found), libc::pthread_getattr_np)
    };
    assert_eq!(found as usize, used as usize);
    // SAFETY: the call only asks.
    let (by_name, own) = small(move || (told_by(found, unsafe { libc::pthread_self() }), told()));
    assert_eq!(by_name, Ok(own));
}

#[test]
fn a_c_library_finds_its_stack() {
    const SOURCE: &str = "
        #define _GNU_SOURCE
        #include <pthread.h>
        #include <stdint.h>
        int find_stack(uintptr_t *low, size_t *size) {
            pthread_attr_t attributes;
            int error = pthread_getattr_np(pthread_self(), &attributes);
            if (error) return error;
            error = pthread_attr_getstack(&attributes, (void **)low, size);
            pthread_attr_destroy(&attributes);
            return error;
        }
    ";
    type FindStack = unsafe extern "C" fn(*mut usize, *mut usize) -> c_int;
    let Some(library) = load("find-stack", SOURCE) else {
        return;
    };
    // SAFETY: the library has this function.
    let find = unsafe { transmute::<*mut c_void, FindStack>(libc::dlsym(library, c"find_stack".as_ptr())) };
    let (result, found, told) = small(move || {
        let (mut low, mut size) = (0, 0);
        // SAFETY: the function writes two words.
        let result = unsafe { find(&raw mut low, &raw mut size) };
        (result, low..low + size, told())
    });
    assert_eq!((result, found), (0, told.stack));
}

#[test]
fn stacker_knows_what_is_left() {
    let (left, told, at) = small(|| (stacker::remaining_stack(), told(), here()));
    let (left, real) = (left.expect("it is known"), at - told.stack.start);
    assert!(left.abs_diff(real) < 4096, "{left} and {real}");
}

/// Needs a kilobyte for each level.
fn dig(depth: usize) -> usize {
    stacker::maybe_grow(64 << 10, 1 << 20, || {
        let room = std::hint::black_box([depth; 128]);
        if depth == 0 {
            yield_now();
            0
        } else {
            dig(depth - 1) + usize::from(room[7] == depth)
        }
    })
}

#[test]
fn stacker_makes_a_stack_longer() {
    // Far more than the stack has.
    let threads = [spawn(|| dig(10_000)), spawn(|| dig(9_000))];
    let depths = threads.map(|thread| thread.join().expect("it does not panic"));
    assert_eq!(depths, [10_000, 9_000]);
}

/// A stack is trimmed while its greenlet is parked on another one.
#[test]
fn a_longer_stack_is_not_trimmed_away() {
    const LONG: usize = 1 << 20;
    // A place for the longer stack above the greenlet's, which is mapped after this.
    let map = || {
        // SAFETY: the mapping is a new one.
        unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                2 * LONG,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        }
    };
    let place = map();
    let addresses = place as usize;
    let thread = spawn(move || {
        let outer = std::hint::black_box([3_u8; 4096]);
        // SAFETY: nobody uses the mapping.
        unsafe { libc::munmap(addresses as *mut c_void, 2 * LONG) };
        stacker::grow(LONG, || {
            let room = std::hint::black_box([5_u8; 8192]);
            yield_now();
            room.iter().all(|byte| *byte == 5)
        }) && outer.iter().all(|byte| *byte == 3)
    });
    yield_now();
    greenlet_core::greenlets()
        .iter()
        .for_each(|greenlet| greenlet.trim_stack());
    assert_eq!(thread.join().ok(), Some(true));
}
