//! A test's own program once more, as a process of its own.

use std::process::Command;

/// On a foreign machine: the emulator and its options that such a process is to be run by.
pub(crate) const RUNNER: &str = "CHILD_RUNNER";

/// The command that runs the program that calls this.
///
/// # Panics
/// When the system does not say where that program is.
pub(crate) fn command() -> Command {
    let this = std::env::current_exe().expect("this program is somewhere");
    let runner = std::env::var(RUNNER).unwrap_or_default();
    let mut words = runner.split_whitespace();
    match words.next() {
        None => Command::new(this),
        Some(emulator) => {
            let mut command = Command::new(emulator);
            command.args(words).arg(this);
            command
        }
    }
}
