//! Crashes, each in a process of its own: this binary runs itself with `CRASH_CASE` set.

// AddressSanitizer would report these crashes in its own words.
#![cfg(not(feature = "asan"))]

#[path = "../../tests/common/this_program.rs"]
mod this_program;

use std::hint::black_box;
use std::process::ExitStatus;
use std::time::Duration;

use greenlet_core::{Exception, RawGreenlet, StackError, StackSize, Value, getcurrent};

/// How a child ended, and what it printed.
struct Ended {
    status: ExitStatus,
    stderr: String,
}

impl Ended {
    #[track_caller]
    fn by_signal(&self, signal: i32) -> &Self {
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(self.status.signal(), Some(signal), "{}", self.stderr);
        self
    }

    #[track_caller]
    fn with_code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{}", self.stderr);
        self
    }

    #[track_caller]
    fn saying(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "no {text:?} in: {}", self.stderr);
        self
    }

    #[track_caller]
    fn not_saying(&self, text: &str) -> &Self {
        assert!(!self.stderr.contains(text), "{text:?} in: {}", self.stderr);
        self
    }
}

fn run_case(case: &str, variables: &[(&str, &str)]) -> Ended {
    let mut command = this_program::command();
    let output = command
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env("CRASH_CASE", case)
        .env_remove("GREENLET_STACK_SIZE")
        .env_remove("GREENLET_GUARD")
        .envs(variables.iter().copied())
        .output()
        .expect("a test binary can be run");
    Ended {
        status: output.status,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The case that a child is to run; without one, this does nothing.
#[test]
fn child() {
    let Ok(case) = std::env::var("CRASH_CASE") else {
        return;
    };
    // A child that hangs is ended.
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(60));
        std::process::exit(99);
    });
    let outcome = match case.as_str() {
        "overflow" => RawGreenlet::new(|_| Ok(Value::Token(recurse(u64::MAX)))).switch(()),
        "overflow nested" => nested(),
        "overflow small" => RawGreenlet::builder()
            .stack_size(StackSize::kib(8))
            .build(|_| Ok(Value::Token(recurse(u64::MAX))))
            .switch(()),
        "overflow with 4 KiB left" => with_4_kib_left(),
        "overflow after trimming" => after_trimming(),
        "overflow in locked memory" => in_locked_memory(),
        "overflow in a thread" => std::thread::spawn(|| {
            let g = RawGreenlet::new(|_| Ok(Value::Token(recurse(u64::MAX))));
            g.switch(()).map(drop)
        })
        .join()
        .expect("does not come back")
        .map(Value::from),
        "overflow in a thread of C" => in_a_thread_of_c(),
        "overflow while switching" => while_switching(),
        "overflow by one large frame" => RawGreenlet::new(|_| {
            let frame = black_box([0_u8; 1024 * 1024]);
            Ok(Value::Token(u64::from(frame[4096])))
        })
        .switch(()),
        "overflow without probes" => without_probes(),
        "huge stacks" => huge_stacks(),
        "overflow in main" => {
            let g = RawGreenlet::new(|_| Ok(Value::None));
            g.switch(()).map(|_| Value::Token(recurse(u64::MAX)))
        }
        "segv" => RawGreenlet::new(|_| Ok(Value::Token(wild_read()))).switch(()),
        "segv with a handler" => with_a_handler(),
        "segv with a later handler" => with_a_later_handler(),
        "segv sent" | "bus error sent" | "segv sent and ignored" => sent(&case),
        "no address space" => no_address_space(),
        "too many guards" => too_many_guards(),
        "panic in a destructor" => panic_in_a_destructor(),
        "exit" => RawGreenlet::new(|_| std::process::exit(3)).switch(()),
        "swallow" => swallow(),
        "stack size" => {
            eprintln!("default {:?}", StackSize::default());
            std::process::exit(0)
        }
        other => panic!("no case {other}"),
    };
    eprintln!("came back with {outcome:?}");
    std::process::exit(98);
}

/// Overflows the stack; every level takes at least a few dozen bytes of it.
#[expect(unconditional_recursion, reason = "the overflow is the point")]
fn recurse(n: u64) -> u64 {
    black_box(recurse(black_box(n - 1))) + n
}

fn nested() -> Result<Value, Exception> {
    RawGreenlet::new(|_| {
        let inner = RawGreenlet::new(|_| Ok(Value::Token(recurse(u64::MAX))));
        inner.set_name("the deep one");
        inner.switch(())
    })
    .switch(())
}

/// Parks with less than 4 KiB of stack left, which is enough for parking, and overflows afterwards. Without
/// optimisation, the switch by `context` may take a little more.
fn with_4_kib_left() -> Result<Value, Exception> {
    const LEFT: usize = if cfg!(feature = "context-switch") { 8192 } else { 4096 };
    fn down(main: &RawGreenlet, low: usize) -> Result<u64, Exception> {
        let frame = black_box([0_u8; 128]);
        if frame.as_ptr().addr() - low > LEFT {
            return down(main, low).map(|n| n + u64::from(frame[0]));
        }
        main.switch(())?;
        Ok(recurse(u64::MAX))
    }
    let main = getcurrent();
    let g = RawGreenlet::builder().stack_size(StackSize::kib(64)).build(move |_| {
        let top = black_box(0_u8);
        let low = (&raw const top).addr().next_multiple_of(4096) - 64 * 1024;
        down(&main, low).map(Value::Token)
    });
    g.switch(())?;
    eprintln!("parked with little left");
    g.switch(())
}

/// Stacks whose pages went back to the system, all in one go, are still guarded.
fn after_trimming() -> Result<Value, Exception> {
    let main = getcurrent();
    let all: Vec<_> = (0..50)
        .map(|_| {
            let main = main.clone();
            RawGreenlet::new(move |_| main.switch(()))
        })
        .collect();
    for _ in 0..2 {
        all.iter().try_for_each(|g| g.switch(()).map(drop))?;
    }
    greenlet_core::trim_stacks();
    RawGreenlet::new(|_| Ok(Value::Token(recurse(u64::MAX)))).switch(())
}

/// The exit status of the child if it may not lock memory.
const MAY_NOT_LOCK: i32 = 77;

/// Overflows in locked memory, where not every kernel makes a guard by advice, although advice has worked before.
fn in_locked_memory() -> Result<Value, Exception> {
    RawGreenlet::new(|_| Ok(Value::None)).switch(())?;
    // SAFETY: the call changes only when pages are in memory.
    if unsafe { libc::mlockall(libc::MCL_CURRENT | libc::MCL_FUTURE | libc::MCL_ONFAULT) } != 0 {
        eprintln!("mlockall: {}", std::io::Error::last_os_error());
        std::process::exit(MAY_NOT_LOCK);
    }
    // Stacks of another size are new ones.
    let locked = || RawGreenlet::builder().stack_size(StackSize::kib(512));
    for _ in 0..50 {
        locked().build(|_| Ok(Value::None)).switch(())?;
    }
    locked().build(|_| Ok(Value::Token(recurse(u64::MAX)))).switch(())
}

/// Acts like a frame of C that was compiled without stack probes: touches nothing of it but its far end.
///
/// # Safety
/// The byte at `end` faults.
unsafe fn touch_far_end(end: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the stack pointer is put back.
    unsafe {
        std::arch::asm!(
            "mov {saved}, rsp",
            "mov rsp, {end}",
            "mov byte ptr [rsp], 1",
            "mov rsp, {saved}",
            saved = out(reg) _,
            end = in(reg) end,
        );
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the stack pointer is put back.
    unsafe {
        std::arch::asm!(
            "mov {saved}, sp",
            "mov sp, {end}",
            "strb wzr, [sp]",
            "mov sp, {saved}",
            saved = out(reg) _,
            end = in(reg) end,
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    // SAFETY: by this function's contract.
    unsafe {
        std::ptr::without_provenance_mut::<u8>(end).write_volatile(1)
    }
}

/// The lowest address of the running greenlet's stack.
fn end_of_stack() -> usize {
    let here = black_box(0_u8);
    let mut page = (&raw const here).addr() / 4096 * 4096;
    // The system is asked to read there, and the call fails if it cannot.
    let readable = |page: usize| {
        // SAFETY: the system takes the bytes there for a path, if they can be read.
        let found = unsafe { libc::access(std::ptr::without_provenance(page), libc::F_OK) };
        found == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::EFAULT)
    };
    while readable(page - 4096) {
        page -= 4096;
    }
    page
}

/// Overflows by a frame without stack probes, of `FRAME` bytes, that begins `LEFT` bytes above the end of
/// the stack. Another greenlet's stack is below; both stacks were used and trimmed before.
fn without_probes() -> Result<Value, Exception> {
    let number = |name| std::env::var(name).expect("a number").parse::<usize>();
    let (left, frame) = (number("LEFT")?, number("FRAME")?);
    let size = number("SIZE")?;
    let run = |fails: bool| {
        let main = getcurrent();
        let g = RawGreenlet::builder().stack_size(size).build(move |_| {
            if fails {
                let low = end_of_stack();
                // SAFETY: the byte is in the guard and faults: this is the overflow that the test wants.
                unsafe { touch_far_end(low + left - frame) };
            }
            main.switch(())
        });
        g.switch(()).map(|_| g)
    };
    for g in [run(false)?, run(false)?] {
        g.switch(())?;
    }
    greenlet_core::trim_stacks();
    let _all = [run(false)?, run(false)?, run(true)?];
    Ok(Value::None)
}

/// Uses stacks as large as the system allows, up to those that 47 bits can address.
fn huge_stacks() -> Result<Value, Exception> {
    for bits in 28..47 {
        let main = getcurrent();
        let g = RawGreenlet::builder()
            .stack_size(1_usize << bits)
            .build(move |_| main.switch(()));
        match g.switch(()) {
            Ok(_) => {
                assert!(g.stack_usage().is_some_and(|bytes| bytes <= 64 * 1024));
                g.switch(())?;
            }
            Err(error) => assert!(error.is::<StackError>(), "{error}"),
        }
        greenlet_core::trim_stacks();
    }
    std::process::exit(0)
}

fn wild_read() -> u64 {
    // SAFETY: nothing is mapped there, so the read faults: this is the crash that the test wants.
    unsafe { std::ptr::read_volatile(std::ptr::without_provenance(0x10)) }
}

fn with_a_handler() -> Result<Value, Exception> {
    extern "C" fn handler(_: libc::c_int) {
        let text = b"the handler before\n";
        // SAFETY: both functions may be called in a signal handler.
        unsafe {
            libc::write(2, text.as_ptr().cast(), text.len());
            libc::_exit(7)
        }
    }
    // SAFETY: `handler` is a signal handler.
    unsafe { libc::signal(libc::SIGSEGV, handler as *const () as usize) };
    RawGreenlet::new(|_| Ok(Value::Token(wild_read()))).switch(())
}

/// Installs a handler after ours, which passes signals on to ours.
fn with_a_later_handler() -> Result<Value, Exception> {
    static mut OURS: std::mem::MaybeUninit<libc::sigaction> = std::mem::MaybeUninit::uninit();
    extern "C" fn handler(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        let text = b"the handler in front\n";
        // SAFETY: `write` may be called in a signal handler, and the other handler is ours.
        unsafe {
            libc::write(2, text.as_ptr().cast(), text.len());
            let ours = (&raw const OURS).read().assume_init().sa_sigaction;
            type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
            std::mem::transmute::<usize, Handler>(ours)(signal, info, context);
        }
    }
    // The first greenlet installs our handler.
    RawGreenlet::new(Ok).switch(())?;
    // SAFETY: the action is complete, and nobody else writes to `OURS`.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGSEGV, &raw const action, (&raw mut OURS).cast());
    }
    RawGreenlet::new(|_| Ok(Value::Token(recurse(u64::MAX)))).switch(())
}

/// Raises signals that are no faults, as another process might send them.
fn sent(case: &str) -> Result<Value, Exception> {
    let (signal, before) = match case {
        "segv sent" => (libc::SIGSEGV, libc::SIG_DFL),
        "segv sent and ignored" => (libc::SIGSEGV, libc::SIG_IGN),
        _ => (libc::SIGBUS, libc::SIG_DFL),
    };
    // SAFETY: `before` is `SIG_DFL` or `SIG_IGN`, and no handler.
    unsafe { libc::signal(signal, before) };
    RawGreenlet::new(move |_| {
        // SAFETY: `raise` has no preconditions.
        unsafe { libc::raise(signal) };
        eprintln!("not impressed");
        std::process::exit(6)
    })
    .switch(())
}

/// A thread that the standard library knows nothing of has no alternate stack.
fn in_a_thread_of_c() -> Result<Value, Exception> {
    extern "C" fn run(fails: *mut libc::c_void) -> *mut libc::c_void {
        let fails = !fails.is_null();
        let g = RawGreenlet::new(move |_| match fails {
            true => Ok(Value::Token(recurse(u64::MAX))),
            false => Ok(Value::None),
        });
        // SAFETY: the call only asks, and fills `alternate` in.
        let alternate = unsafe {
            let mut alternate = std::mem::zeroed();
            let before = libc::sigaltstack(std::ptr::null(), &raw mut alternate);
            (before == 0).then_some(alternate.ss_flags)
        };
        assert_eq!(alternate, Some(libc::SS_DISABLE));
        let _ = g.switch(());
        std::ptr::null_mut()
    }
    for fails in [std::ptr::null_mut(), std::ptr::dangling_mut()] {
        // SAFETY: the function takes any pointer, and the thread is joined.
        unsafe {
            let mut thread = std::mem::zeroed();
            let made = libc::pthread_create(&raw mut thread, std::ptr::null(), run, fails);
            assert_eq!(made, 0);
            libc::pthread_join(thread, std::ptr::null_mut());
        }
        eprintln!("a thread has ended");
    }
    Ok(Value::None)
}

/// Recurses with a switch at every level, so that in some runs a call meets the guard first, and in others
/// a switch.
fn while_switching() -> Result<Value, Exception> {
    fn down(main: &RawGreenlet) -> Result<Value, Exception> {
        main.switch(())?;
        let result = down(main);
        black_box(&result);
        result
    }
    fn offset(main: &RawGreenlet, by: usize) -> Result<Value, Exception> {
        let result = match by {
            0 => down(main),
            _ => offset(main, by - 1),
        };
        black_box(&result);
        result
    }
    let by = std::env::var("OFFSET").expect("a number").parse()?;
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| offset(&main, by));
    loop {
        g.switch(())?;
    }
}

/// Limits the address space, as `ulimit -v` does.
fn no_address_space() -> Result<Value, Exception> {
    let large = || {
        RawGreenlet::builder()
            .stack_size(StackSize::mib(4096))
            .build(|_| Ok(Value::Token(4)))
    };
    RawGreenlet::new(Ok).switch(())?;
    let mut limit = libc::rlimit {
        rlim_cur: 2 << 30,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the calls only read and set a limit.
    unsafe {
        libc::getrlimit(libc::RLIMIT_AS, &raw mut limit);
        limit.rlim_cur = 2 << 30;
        libc::setrlimit(libc::RLIMIT_AS, &raw const limit);
    }
    let g = large();
    let error = g.switch(()).expect_err("there is no room");
    assert!(error.is::<StackError>() && !g.started());
    eprintln!("{error}");
    // Smaller stacks have room: one of these fits, if not sixteen of them.
    let fits = RawGreenlet::builder().stack_size(StackSize::mib(512)).build(Ok);
    fits.switch(())?;
    RawGreenlet::new(Ok).switch(())?;
    // SAFETY: as above.
    unsafe {
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_AS, &raw const limit);
    }
    assert!(matches!(g.switch(())?, Value::Token(4)));
    std::process::exit(0)
}

fn too_many_guards() -> Result<Value, Exception> {
    let main = getcurrent();
    let mut all = Vec::new();
    for _ in 0..40_000 {
        let main = main.clone();
        let g = RawGreenlet::builder()
            .stack_size(StackSize::kib(16))
            .build(move |_| main.switch(()));
        if let Err(e) = g.switch(()) {
            assert!(e.is::<StackError>());
            eprintln!("after more than 30000: {}; {e}", all.len() > 30_000);
            std::process::exit(5);
        }
        all.push(g);
    }
    Ok(Value::None)
}

fn panic_in_a_destructor() -> Result<Value, Exception> {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| {
        let _panics = Panics;
        main.switch(())
    });
    g.switch(())?;
    drop(g);
    Ok(Value::None)
}

fn swallow() -> Result<Value, Exception> {
    let main = getcurrent();
    let g = RawGreenlet::new(move |_| {
        loop {
            let switch = std::panic::AssertUnwindSafe(|| main.switch(()));
            let _ = std::panic::catch_unwind(switch);
        }
    });
    g.set_name("stubborn");
    g.switch(())?;
    drop(g);
    std::process::exit(0)
}

#[test]
fn test_overflow_says_which_greenlet_and_what_to_do() {
    for variables in GUARDS {
        run_case("overflow", variables)
            .by_signal(libc::SIGABRT)
            .saying("greenlet #1 has overflowed its stack of 262144 bytes")
            .saying("crash.rs:")
            .saying("GREENLET_STACK_SIZE=512K");
    }
}

#[test]
fn test_overflow_in_a_nested_greenlet() {
    run_case("overflow nested", &[])
        .by_signal(libc::SIGABRT)
        .saying("greenlet #2 \"the deep one\" has overflowed");
}

#[test]
fn test_overflow_of_the_smallest_stack() {
    run_case("overflow small", &[])
        .by_signal(libc::SIGABRT)
        .saying("its stack of 8192 bytes");
}

#[test]
fn test_overflow_after_a_switch_with_4_kib_left() {
    run_case("overflow with 4 KiB left", &[])
        .by_signal(libc::SIGABRT)
        .saying("parked with little left")
        .saying("its stack of 65536 bytes");
}

/// The environment variables for all the ways in which guards are made.
const GUARDS: [&[(&str, &str)]; 3] = [&[], &[("GREENLET_GUARD", "madvise")], &[("GREENLET_GUARD", "mprotect")]];

#[test]
fn test_overflow_after_trimming() {
    for variables in GUARDS {
        run_case("overflow after trimming", variables)
            .by_signal(libc::SIGABRT)
            .saying("greenlet #51 has overflowed");
    }
}

#[test]
fn test_overflow_in_locked_memory() {
    for variables in GUARDS {
        let ended = run_case("overflow in locked memory", variables);
        if ended.status.code() == Some(MAY_NOT_LOCK) {
            eprintln!("not tested: {}", ended.stderr);
            continue;
        }
        ended.by_signal(libc::SIGABRT).saying("greenlet #52 has overflowed");
    }
}

#[test]
fn test_overflow_in_a_thread() {
    run_case("overflow in a thread", &[])
        .by_signal(libc::SIGABRT)
        .saying("greenlet #1 has overflowed");
}

#[test]
fn test_overflow_in_a_thread_that_is_not_of_the_standard_library() {
    run_case("overflow in a thread of C", &[])
        .by_signal(libc::SIGABRT)
        .saying("a thread has ended")
        .saying("greenlet #1 has overflowed");
}

/// The words that a switch pushes last may not fit on the stack: then the leaving greenlet has overflowed it.
#[test]
fn test_overflow_in_the_midst_of_a_switch() {
    for by in ["0", "1", "2", "3", "4", "5", "6", "7"] {
        run_case("overflow while switching", &[("OFFSET", by)])
            .by_signal(libc::SIGABRT)
            .saying("greenlet #1 has overflowed");
    }
}

#[test]
fn test_overflow_by_one_large_frame() {
    run_case("overflow by one large frame", &[])
        .by_signal(libc::SIGABRT)
        .saying("greenlet #1 has overflowed");
}

/// A C frame without stack probes would step over a small guard.
#[test]
fn test_overflow_by_a_frame_without_stack_probes() {
    for (left, frame) in [(16, 32), (4096, 32), (30 * 1024, 32), (16, 64)] {
        for size in [8, 12, 256, 260] {
            for guard in GUARDS {
                let [left, frame, bytes] = [left, frame * 1024, size * 1024].map(|number: usize| number.to_string());
                let numbers = [("LEFT", &*left), ("FRAME", &frame), ("SIZE", &bytes)];
                run_case("overflow without probes", &[&numbers, guard].concat())
                    .by_signal(libc::SIGABRT)
                    .saying(&format!("greenlet #5 has overflowed its stack of {bytes} bytes"));
            }
        }
    }
}

/// To look at the stacks page by page would take minutes: the child ends itself before.
#[test]
fn test_huge_stacks_are_given_back_in_no_time() {
    run_case("huge stacks", &[]).with_code(0);
}

#[test]
fn test_overflow_in_main_is_left_to_the_standard_library() {
    run_case("overflow in main", &[])
        .by_signal(libc::SIGABRT)
        .saying("has overflowed its stack")
        .not_saying("greenlet #");
}

#[test]
fn test_other_faults_kill_as_ever() {
    run_case("segv", &[]).by_signal(libc::SIGSEGV).not_saying("overflowed");
}

#[test]
fn test_other_faults_reach_the_handler_that_was_there_before() {
    run_case("segv with a handler", &[])
        .with_code(7)
        .saying("the handler before");
}

#[test]
fn test_a_handler_that_came_later_can_pass_on_to_ours() {
    run_case("segv with a later handler", &[])
        .by_signal(libc::SIGABRT)
        .saying("the handler in front\n\ngreenlet-core: greenlet #2 has overflowed");
}

#[test]
fn test_signals_that_somebody_sends_do_what_they_did_before() {
    run_case("segv sent", &[])
        .by_signal(libc::SIGSEGV)
        .not_saying("not impressed");
    run_case("bus error sent", &[])
        .by_signal(libc::SIGBUS)
        .not_saying("not impressed");
    run_case("segv sent and ignored", &[])
        .with_code(6)
        .saying("not impressed");
}

#[test]
fn test_no_address_space_is_an_error() {
    if std::env::var_os(this_program::RUNNER).is_some() {
        // In an emulator, the limit is on the emulator's memory, too.
        return;
    }
    let reason = std::io::Error::from_raw_os_error(libc::ENOMEM);
    run_case("no address space", &[]).with_code(0).saying(&format!(
        "cannot reserve 4295036928 bytes for greenlet stacks: {reason}"
    ));
}

#[test]
fn test_too_many_guards_name_the_limit() {
    if std::fs::read_to_string("/proc/sys/vm/max_map_count").is_ok_and(|n| n.trim() != "65530") {
        // With another limit than Linux's default, it fails at another number of greenlets.
        return;
    }
    run_case("too many guards", &[("GREENLET_GUARD", "mprotect")])
        .with_code(5)
        .saying("after more than 30000: true")
        .saying("vm.max_map_count");
}

#[test]
fn test_panic_in_a_destructor_while_unwinding_aborts() {
    run_case("panic in a destructor", &[])
        .by_signal(libc::SIGABRT)
        .saying("in a destructor");
}

#[test]
fn test_exit_inside_a_greenlet() {
    run_case("exit", &[]).with_code(3);
}

#[test]
fn test_giving_up_a_stack_warns() {
    run_case("swallow", &[])
        .with_code(0)
        .saying("\"stubborn\" current> swallows the unwinding of its stack");
}

#[test]
fn test_stack_size_from_the_environment() {
    run_case("stack size", &[("GREENLET_STACK_SIZE", "96K")]).saying("StackSize(98304 bytes)");
    run_case("stack size", &[("GREENLET_STACK_SIZE", "lots")])
        .saying("GREENLET_STACK_SIZE=lots: not a stack size")
        .saying("StackSize(262144 bytes)");
}
