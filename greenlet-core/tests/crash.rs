//! What ends a process, in processes of their own: this binary runs itself with `CRASH_CASE` set.

// AddressSanitizer reports crashes in its own words.
#![cfg(not(feature = "asan"))]

use std::hint::black_box;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use greenlet_core::{Exception, RawGreenlet, StackError, StackSize, Value, getcurrent};

/// How a child ended, and what it said.
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
        assert!(
            self.stderr.contains(text),
            "no {text:?} in: {}",
            self.stderr
        );
        self
    }

    #[track_caller]
    fn not_saying(&self, text: &str) -> &Self {
        assert!(!self.stderr.contains(text), "{text:?} in: {}", self.stderr);
        self
    }
}

fn run_case(case: &str, variables: &[(&str, &str)]) -> Ended {
    let this = std::env::current_exe().expect("a test binary");
    // On a foreign machine, an emulator and its options.
    let runner = std::env::var("CRASH_RUNNER").unwrap_or_default();
    let mut words = runner.split_whitespace();
    let mut command = match words.next() {
        None => Command::new(this),
        Some(emulator) => {
            let mut command = Command::new(emulator);
            command.args(words).arg(this);
            command
        }
    };
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

/// The children's side.
#[test]
fn child() {
    let Ok(case) = std::env::var("CRASH_CASE") else {
        return;
    };
    // A child that hangs ends all the same.
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
        "overflow in a thread" => std::thread::spawn(|| {
            let g = RawGreenlet::new(|_| Ok(Value::Token(recurse(u64::MAX))));
            g.switch(()).map(drop)
        })
        .join()
        .expect("does not come back")
        .map(Value::from),
        "overflow in main" => {
            let g = RawGreenlet::new(|_| Ok(Value::None));
            g.switch(()).map(|_| Value::Token(recurse(u64::MAX)))
        }
        "segv" => RawGreenlet::new(|_| Ok(Value::Token(wild_read()))).switch(()),
        "segv with a handler" => with_a_handler(),
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

/// Needs at least a few dozen bytes of stack per level.
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

/// Parks with less than 4 KiB of stack left, which is enough for that, and overflows afterwards.
fn with_4_kib_left() -> Result<Value, Exception> {
    fn down(main: &RawGreenlet, low: usize) -> Result<u64, Exception> {
        let frame = black_box([0_u8; 128]);
        if frame.as_ptr().addr() - low > 4096 {
            return down(main, low).map(|n| n + u64::from(frame[0]));
        }
        main.switch(())?;
        Ok(recurse(u64::MAX))
    }
    let main = getcurrent();
    let g = RawGreenlet::builder()
        .stack_size(StackSize::kib(64))
        .build(move |_| {
            let top = black_box(0_u8);
            let low = (&raw const top).addr().next_multiple_of(4096) - 64 * 1024;
            down(&main, low).map(Value::Token)
        });
    g.switch(())?;
    eprintln!("parked with less than 4 KiB");
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

fn wild_read() -> u64 {
    // SAFETY: none: this is the crash that is asked for.
    unsafe { std::ptr::read_volatile(std::ptr::without_provenance(0x10)) }
}

fn with_a_handler() -> Result<Value, Exception> {
    extern "C" fn handler(_: libc::c_int) {
        let text = b"the handler before\n";
        // SAFETY: both may be called in a signal handler.
        unsafe {
            libc::write(2, text.as_ptr().cast(), text.len());
            libc::_exit(7)
        }
    }
    // SAFETY: the handler is one.
    unsafe { libc::signal(libc::SIGSEGV, handler as *const () as usize) };
    RawGreenlet::new(|_| Ok(Value::Token(wild_read()))).switch(())
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
    for variables in [&[][..], &[("GREENLET_GUARD", "mprotect")]] {
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
        .saying("parked with less than 4 KiB")
        .saying("its stack of 65536 bytes");
}

#[test]
fn test_overflow_after_trimming() {
    for variables in [&[][..], &[("GREENLET_GUARD", "mprotect")]] {
        run_case("overflow after trimming", variables)
            .by_signal(libc::SIGABRT)
            .saying("greenlet #51 has overflowed");
    }
}

#[test]
fn test_overflow_in_a_thread() {
    run_case("overflow in a thread", &[])
        .by_signal(libc::SIGABRT)
        .saying("greenlet #1 has overflowed");
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
    run_case("segv", &[])
        .by_signal(libc::SIGSEGV)
        .not_saying("overflowed");
}

#[test]
fn test_other_faults_reach_the_handler_that_was_there_before() {
    run_case("segv with a handler", &[])
        .with_code(7)
        .saying("the handler before");
}

#[test]
fn test_too_many_guards_name_the_limit() {
    if std::fs::read_to_string("/proc/sys/vm/max_map_count").is_ok_and(|n| n.trim() != "65530") {
        // Elsewhere than on a default Linux the number at which it fails is another one.
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
