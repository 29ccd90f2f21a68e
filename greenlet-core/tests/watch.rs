//! Snapshots of threads: wherever a thread is, it says so, and nothing of it is disturbed. In a program of its own, as
//! the signal belongs to the process.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use std::ffi::c_void;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use greenlet_core::{
    Exception, RawGreenlet, Snapshot, SnapshotError, StackSize, ThreadWatch, Value, WatchSignal, getcurrent,
    ignore_running, watch_running,
};

type TestResult = Result<(), Exception>;

/// The stack of the greenlets.
const STACK: StackSize = StackSize::kib(64);

/// Longer than any thread waits for a processor.
const LONG: Duration = Duration::from_secs(30);

/// The signal of all tests but the one that has signals of its own. An emulator does not have the highest ones.
fn signal() -> WatchSignal {
    WatchSignal::install(Some(libc::SIGRTMAX() - 4)).expect("it is free")
}

/// The names of the functions in a snapshot, the innermost first.
fn names(snapshot: &Snapshot) -> Vec<String> {
    let mut names = Vec::new();
    for address in &snapshot.addresses {
        backtrace::resolve(*address as *mut c_void, |symbol| {
            names.extend(symbol.name().map(|name| format!("{name:#}")));
        });
    }
    names
}

/// Whether one of the names contains `part`.
fn has(names: &[String], part: &str) -> bool {
    names.iter().any(|name| name.contains(part))
}

/// Runs `block` in a greenlet of another thread until `rounds` snapshots are taken, and returns them. The first one is
/// taken after `block` has asked whether to go on.
fn snapshots(rounds: usize, block: fn(&dyn Fn() -> bool)) -> Vec<Snapshot> {
    let (enough, asked) = (AtomicBool::new(false), AtomicBool::new(false));
    let (sender, watches) = channel();
    thread::scope(|scope| {
        let (enough, asked) = (&enough, &asked);
        scope.spawn(move || {
            let goes_on = || {
                asked.store(true, Ordering::Relaxed);
                !enough.load(Ordering::Relaxed)
            };
            let goes_on: &dyn Fn() -> bool = &goes_on;
            // SAFETY: the greenlet ends before this closure does.
            let goes_on: &'static dyn Fn() -> bool = unsafe { std::mem::transmute(goes_on) };
            let blocks = move |_| {
                sender.send(ThreadWatch::here()).expect("it waits");
                watch_running();
                block(goes_on);
                Ok(Value::None)
            };
            let greenlet = RawGreenlet::builder().stack_size(STACK).build(blocks);
            greenlet.switch(()).expect("it ends");
        });
        let watch = watches.recv().expect("it sends one");
        while !asked.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let taken = (0..rounds)
            .map(|_| watch.snapshot(signal(), LONG).expect("it answers"))
            .collect();
        enough.store(true, Ordering::Relaxed);
        taken
    })
}

#[inline(never)]
fn blocks_by_computing(goes_on: &dyn Fn() -> bool) {
    while goes_on() {
        black_box((0..100_u64).sum::<u64>());
    }
}

#[test]
fn a_greenlet_that_computes_is_seen_with_its_functions() {
    for snapshot in snapshots(100, blocks_by_computing) {
        let names = names(&snapshot);
        assert!(has(&names, "blocks_by_computing"), "{names:#?}");
        assert!(is_complete(&snapshot), "{names:#?}");
        let greenlet = snapshot.greenlet.expect("it was chosen so");
        assert_eq!(greenlet.id, 1);
        assert!(greenlet.made_at.file().ends_with("watch.rs"));
    }
}

#[inline(never)]
fn blocks_in_a_system_call(goes_on: &dyn Fn() -> bool) {
    while goes_on() {
        // SAFETY: the call takes a number.
        unsafe { libc::usleep(100_000) };
    }
}

#[test]
#[cfg_attr(target_env = "musl", ignore = "musl has no unwind tables for its functions")]
fn a_greenlet_in_a_system_call_is_seen_with_its_functions() {
    for snapshot in snapshots(100, blocks_in_a_system_call) {
        let names = names(&snapshot);
        assert!(has(&names, "blocks_in_a_system_call"), "{names:#?}");
        assert!(is_complete(&snapshot), "{names:#?}");
    }
}

#[inline(never)]
fn blocks_in_the_heap(goes_on: &dyn Fn() -> bool) {
    while goes_on() {
        for size in [16, 100, 1000, 10_000, 200_000] {
            black_box(Vec::<u8>::with_capacity(size));
        }
    }
}

#[test]
#[cfg_attr(target_env = "musl", ignore = "musl has no unwind tables for its functions")]
fn a_greenlet_in_malloc_is_seen_with_its_functions() {
    let mut inside = 0;
    for snapshot in snapshots(300, blocks_in_the_heap) {
        let names = names(&snapshot);
        assert!(has(&names, "blocks_in_the_heap"), "{names:#?}");
        assert!(is_complete(&snapshot), "{names:#?}");
        inside += usize::from(has(&names, "malloc") || has(&names, "free"));
    }
    assert!(
        inside > 0,
        "some of 300 snapshots of a thread that does nothing else are taken there"
    );
}

#[inline(never)]
fn blocks_in_a_callback_of_c(goes_on: &dyn Fn() -> bool) {
    static GOES_ON: Mutex<Option<usize>> = Mutex::new(None);

    extern "C" fn compare(one: *const c_void, other: *const c_void) -> i32 {
        let goes_on = GOES_ON.lock().expect("nothing panics").expect("it is set");
        // SAFETY: it is the address of a reference that is there until `qsort` returns.
        blocks_by_computing(unsafe { *(goes_on as *const &dyn Fn() -> bool) });
        // SAFETY: these are elements of the array.
        unsafe { *one.cast::<i32>() - *other.cast::<i32>() }
    }

    *GOES_ON.lock().expect("nothing panics") = Some((&raw const goes_on).addr());
    let mut numbers: Vec<i32> = (0..1000).map(|number| number * 7919 % 1000).collect();
    // SAFETY: the array has 1000 elements of four bytes.
    unsafe { libc::qsort(numbers.as_mut_ptr().cast(), numbers.len(), 4, Some(compare)) };
    assert!(numbers.is_sorted());
}

#[test]
#[cfg_attr(target_env = "musl", ignore = "musl has no unwind tables for its functions")]
fn a_greenlet_in_a_callback_of_c_is_seen_with_its_functions() {
    for snapshot in snapshots(100, blocks_in_a_callback_of_c) {
        let names = names(&snapshot);
        let compare = names
            .iter()
            .position(|name| name.contains("compare"))
            .expect("it is called");
        // The frames of the C library are between the two.
        let caller = names
            .iter()
            .position(|name| name.contains("blocks_in_a_callback_of_c::compare"));
        let outer = names
            .iter()
            .rposition(|name| name.contains("blocks_in_a_callback_of_c"));
        assert!(caller.unwrap_or(compare) < outer.expect("it calls qsort"), "{names:#?}");
        assert!(is_complete(&snapshot), "{names:#?}");
    }
}

/// Whether the snapshot has all frames of a greenlet. Where the switch is the `context` crate's, which marks the end of
/// stacks in a way of its own, none is known to.
fn is_complete(snapshot: &Snapshot) -> bool {
    snapshot.complete || cfg!(feature = "context-switch")
}

/// Recurses until there is little room left on the stack.
#[inline(never)]
fn blocks_near_the_end_of_the_stack(goes_on: &dyn Fn() -> bool) {
    #[inline(never)]
    fn descend(low: usize, goes_on: &dyn Fn() -> bool) {
        // No more than 256 frames are looked for.
        let here = black_box([0_u8; 256]);
        if stack_pointer() < low {
            blocks_by_computing(goes_on);
        } else {
            descend(low, goes_on);
        }
        black_box(here);
    }
    let here = black_box([0_u8; 64]);
    // Some of the 64 KiB are in use already, and a sanitizer's frames are larger.
    let depth = if cfg!(feature = "asan") { 44 } else { 57 };
    descend(stack_pointer() - depth * 1024, goes_on);
    black_box(here);
}

/// The processor's stack pointer. The address of a variable does not tell how deep the stack is under a sanitizer,
/// which keeps variables elsewhere.
#[inline(always)]
fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: this only reads a register.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

#[test]
fn a_greenlet_near_the_end_of_its_stack_is_seen() {
    let snapshots = snapshots(100, blocks_near_the_end_of_the_stack);
    assert!(snapshots.iter().all(is_complete));
    // How many frames there are depends on how the program is compiled; both ends of the stack are there.
    let names = names(&snapshots[0]);
    for name in ["blocks_by_computing", "descend", "blocks_near_the_end_of_the_stack"] {
        assert!(has(&names, name), "{names:#?}");
    }
}

#[test]
#[cfg_attr(target_env = "musl", ignore = "musl has no unwind tables for its functions")]
fn a_thread_without_greenlets_and_a_main_greenlet_are_seen() -> TestResult {
    let (sender, watches) = channel();
    let (go_on, wait) = channel::<()>();
    let thread = thread::spawn(move || {
        sender.send(ThreadWatch::here()).expect("it waits");
        let _ = wait.recv();
    });
    let watch = watches.recv().expect("it sends one");
    assert_eq!(watch.look(), None);
    let snapshot = watch.snapshot(signal(), LONG).expect("it answers");
    assert_eq!(snapshot.greenlet, None);
    assert!(
        has(&names(&snapshot), "a_thread_without_greenlets"),
        "{:#?}",
        names(&snapshot)
    );
    assert!(snapshot.complete);
    drop(go_on);
    thread.join().expect("it does not panic");

    // The thread itself may ask, too.
    let watch = ThreadWatch::here();
    RawGreenlet::new(|_| Ok(Value::None)).switch(())?;
    let snapshot = watch.snapshot(signal(), LONG).expect("it answers");
    assert_eq!(snapshot.greenlet.map(|greenlet| greenlet.id), Some(0));
    assert!(
        has(&names(&snapshot), "a_thread_without_greenlets"),
        "{:#?}",
        names(&snapshot)
    );
    Ok(())
}

#[test]
fn a_look_tells_whether_nothing_has_switched() -> TestResult {
    let watch = ThreadWatch::here();
    let main = getcurrent();
    let greenlet = RawGreenlet::new(move |_| {
        main.switch(())?;
        Ok(Value::None)
    });
    let look = || watch.look().map(|running| (running.id, running.unchanged));
    assert_eq!(look(), None);
    greenlet.switch(())?;
    assert_eq!(
        [look(), look(), look()],
        [Some((0, false)), Some((0, true)), Some((0, true))]
    );
    ignore_running();
    assert_eq!(look(), None);
    watch_running();
    assert_eq!([look(), look()], [Some((0, false)), Some((0, true))]);
    greenlet.switch(())?;
    assert_eq!(look(), Some((0, false)));
    Ok(())
}

#[test]
fn a_thread_that_ends_meanwhile_does_no_harm() {
    for round in 0..200 {
        let (sender, watches) = channel();
        let thread = thread::spawn(move || {
            RawGreenlet::new(|_| Ok(Value::None)).switch(()).expect("it ends");
            sender.send(ThreadWatch::here()).expect("it waits");
            // Ends at another moment in each round.
            for _ in 0..round * 50 {
                black_box(vec![0_u8; 64]);
            }
        });
        let watch = watches.recv().expect("it sends one");
        loop {
            match watch.snapshot(signal(), Duration::from_millis(2)) {
                Ok(snapshot) => assert!(!snapshot.addresses.is_empty()),
                Err(error) => {
                    assert_eq!(error, SnapshotError::NoAnswer);
                    if watch.is_over() {
                        break;
                    }
                }
            }
        }
        thread.join().expect("it does not panic");
        assert_eq!(
            watch.snapshot(signal(), LONG).expect_err("it is over"),
            SnapshotError::NoAnswer
        );
        assert_eq!(watch.look(), None);
    }
}

/// Lets the signal through, or not.
fn mask(how: i32, signal: WatchSignal) {
    // SAFETY: the set is made before it is used.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal.number());
        libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut());
    }
}

#[test]
#[cfg_attr(target_env = "musl", ignore = "musl has no unwind tables for its functions")]
fn a_thread_that_blocks_the_signal_does_not_answer_and_answers_later() {
    let signal = signal();
    let (sender, watches) = channel();
    let (go_on, wait) = channel();
    let (unblocked, is_unblocked) = channel();
    let thread = thread::spawn(move || {
        mask(libc::SIG_BLOCK, signal);
        sender.send(ThreadWatch::here()).expect("it waits");
        wait.recv().expect("it is told");
        mask(libc::SIG_UNBLOCK, signal);
        unblocked.send(()).expect("it waits");
        let _ = wait.recv();
    });
    let watch = watches.recv().expect("it sends one");
    for _ in 0..20 {
        let none = watch.snapshot(signal, Duration::from_millis(1));
        assert_eq!(none.expect_err("it is blocked"), SnapshotError::NoAnswer);
    }
    go_on.send(()).expect("it waits");
    is_unblocked.recv().expect("it is told");
    // The late signal was for nobody.
    let snapshot = watch.snapshot(signal, LONG).expect("it answers");
    assert!(
        has(&names(&snapshot), "a_thread_that_blocks"),
        "{:#?}",
        names(&snapshot)
    );
    drop(go_on);
    thread.join().expect("it does not panic");
}

#[test]
fn a_signal_with_a_handler_is_left_alone() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn own(_: i32) {
        CALLS.fetch_add(1, Ordering::Relaxed);
    }

    let taken = libc::SIGRTMIN() + 3;
    // SAFETY: the handler only counts.
    unsafe { libc::signal(taken, own as *const () as usize) };
    let refused = WatchSignal::install(Some(taken)).expect_err("it is taken");
    assert_eq!(refused, SnapshotError::SignalTaken { signal: taken });
    assert!(WatchSignal::install(Some(libc::SIGKILL)).is_err());
    assert!(WatchSignal::install(Some(4711)).is_err());

    // A handler that comes later is not called by us, either.
    let watch = ThreadWatch::here();
    let wanted = libc::SIGRTMIN() + 4;
    let installed = WatchSignal::install(Some(wanted)).expect("it is free");
    assert_eq!(installed.number(), wanted);
    watch.snapshot(installed, LONG).expect("it answers");
    // SAFETY: as above.
    unsafe { libc::signal(wanted, own as *const () as usize) };
    let refused = watch.snapshot(installed, LONG).expect_err("it is taken");
    assert_eq!(refused, SnapshotError::SignalTaken { signal: wanted });
    assert_eq!(CALLS.load(Ordering::Relaxed), 0);
    let other = WatchSignal::install(None).expect("others are free");
    assert!(![taken, wanted].contains(&other.number()));
}

#[test]
fn errno_and_the_mask_are_as_before() {
    static SEEN: AtomicI32 = AtomicI32::new(0);

    fn blocks(goes_on: &dyn Fn() -> bool) {
        // SAFETY: the place is this thread's.
        unsafe { *libc::__errno_location() = libc::EXDEV };
        blocks_by_computing(goes_on);
        // SAFETY: as above.
        SEEN.store(unsafe { *libc::__errno_location() }, Ordering::Relaxed);
    }

    snapshots(100, blocks);
    assert_eq!(SEEN.load(Ordering::Relaxed), libc::EXDEV);
}

#[test]
fn only_one_thread_at_a_time_takes_a_snapshot() {
    let (sender, watches) = channel();
    let (go_on, wait) = channel::<()>();
    let signal = signal();
    let thread = thread::spawn(move || {
        mask(libc::SIG_BLOCK, signal);
        sender.send(ThreadWatch::here()).expect("it waits");
        let _ = wait.recv();
        mask(libc::SIG_UNBLOCK, signal);
    });
    let watch = watches.recv().expect("it sends one");
    thread::scope(|scope| {
        let first = scope.spawn(|| watch.snapshot(signal, LONG));
        // Before the first thread asks, there is no answer.
        loop {
            match watch.snapshot(signal, Duration::from_millis(1)) {
                Err(SnapshotError::Busy) => break,
                // If this one was there first, the other one has found it busy.
                _ if first.is_finished() => break,
                other => assert!(matches!(other, Err(SnapshotError::NoAnswer)), "{other:?}"),
            }
        }
        drop(go_on);
        match first.join().expect("it does not panic") {
            Ok(_) | Err(SnapshotError::Busy) => {}
            Err(error) => panic!("{error}"),
        }
    });
    thread.join().expect("it does not panic");
}
