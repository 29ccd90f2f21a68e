//! Random programs of loop and watcher operations, performed step by step on libev in C and on `hub::core` in Rust:
//! after each step both must give the same account of what was called, and of the state of loop and watchers.
//!
//! A program that differs is shrunk and printed. `PROPTEST_CASES` says how many programs to make up (300 if it is
//! not set). Every program runs on select, poll and epoll; linux_aio and linux_iouring may learn of an event a moment
//! later, which would make the two differ by chance.

// This links libev and machine.c.
use gevent as _;

mod machine;
mod program;

use hub::core::LoopFlags;
use machine::{CMachine, Machine};
use program::Op;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

const BACKENDS: [LoopFlags; 3] = [LoopFlags::SELECT, LoopFlags::POLL, LoopFlags::EPOLL];

#[test]
fn random_programs_do_the_same_in_c_and_in_rust() {
    let mut config = Config {
        failure_persistence: None,
        max_shrink_iters: 100_000,
        ..Config::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 300;
    }
    let cases = config.cases;
    let mut runner = TestRunner::new(config);
    let result = runner.run(&program::program(), |program| {
        BACKENDS.iter().try_for_each(|backend| compare(*backend, &program))
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(why, program)) => {
            panic!("{why}\nThe program, shrunk:\n{}", show(&program))
        }
        Err(error) => panic!("{error}"),
    }
    println!("{cases} programs, all equal");
}

/// The program with one operation in each line.
fn show(program: &[Op]) -> String {
    let lines = program.iter().enumerate();
    lines.map(|(number, op)| format!("{number:4} {op:?}\n")).collect()
}

fn compare(backend: LoopFlags, program: &[Op]) -> Result<(), TestCaseError> {
    let fail = |what: String| TestCaseError::fail(format!("on {backend}: {what}"));
    let c = CMachine::new(backend);
    let rust = Machine::new(backend).map_err(|error| fail(error.to_string()))?;
    for (number, op) in program.iter().enumerate() {
        let in_c = c.step(op);
        let in_rust = rust.step(op).unwrap_or_else(|error| format!("{error:?}"));
        if in_c != in_rust {
            return Err(fail(format!(
                "step {number}, {op:?}\n--- C:\n{in_c}--- Rust:\n{in_rust}"
            )));
        }
    }
    Ok(())
}
