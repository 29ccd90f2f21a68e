//! Tests of which each runs in a process of its own, on its main thread: the program runs itself once more for it.

use std::process::ExitCode;

use super::process::Process;
use super::this_program;
use super::{Result, SOON};

/// Makes this program be one of the tests' children.
const RUN: &str = "--run";

pub(crate) struct Test {
    pub(crate) name: &'static str,
    /// What the child process runs.
    pub(crate) child: Box<dyn Fn() -> ExitCode>,
    /// What the parent runs meanwhile.
    pub(crate) parent: Box<dyn Fn(Process) -> Result>,
}

impl Test {
    fn run(&self) -> Result {
        let mut command = this_program::command();
        (self.parent)(Process::spawn(command.args([RUN, self.name]))?)
    }
}

/// The `main` of a program with such tests. It takes the arguments that `cargo test` passes on: parts of names, and
/// `--list`.
pub(crate) fn main(tests: &[Test]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [option, name] = &arguments[..]
        && option == RUN
    {
        return match tests.iter().find(|test| test.name == name) {
            Some(test) => (test.child)(),
            None => {
                eprintln!("no test {name}");
                ExitCode::FAILURE
            }
        };
    }
    let (options, wanted): (Vec<_>, Vec<_>) = arguments.iter().partition(|a| a.starts_with('-'));
    let list = options.iter().any(|option| *option == "--list");
    let mut failed = 0;
    for test in tests {
        if !wanted.is_empty() && !wanted.iter().any(|part| test.name.contains(*part)) {
            continue;
        }
        match list {
            true => println!("{}: test", test.name),
            false => match test.run() {
                Ok(()) => println!("test {} ... ok", test.name),
                Err(problem) => {
                    println!("test {} ... FAILED\n{problem}", test.name);
                    failed += 1;
                }
            },
        }
    }
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// A test that begins on the main thread of a process of its own: its name, and what it does.
pub(crate) type Alone = (&'static str, fn() -> std::result::Result<(), gevent::Exception>);

/// The `main` of a program with such tests.
pub(crate) fn main_alone(tests: &[Alone]) -> ExitCode {
    let tests = tests.iter().map(|&(name, test)| Test {
        name,
        child: Box::new(move || match test() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:?}");
                ExitCode::FAILURE
            }
        }),
        parent: Box::new(|process| {
            let ended = process.wait(SOON * 4)?;
            match ended.status.success() {
                true => Ok(()),
                false => Err(format!("{}\n{}\n{}", ended.status, ended.stdout, ended.stderr).into()),
            }
        }),
    });
    main(&tests.collect::<Vec<_>>())
}
