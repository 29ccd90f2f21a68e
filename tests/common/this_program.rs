//! Runs a test's own program once more, as another process.

use std::process::Command;

/// The variable that names, when another architecture is emulated, the emulator and its options for such a process.
pub(crate) const RUNNER: &str = "CHILD_RUNNER";

/// The command that runs the program that calls this.
///
/// # Panics
/// Panics if the system does not tell where that program is.
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
