//! [`run_main`]: a `main` that ends as a Python program does.

use std::io::{self, Write};
use std::process::ExitCode;

use greenlet_core::Exception;

use crate::core::{Outcome, end_process_by};
use crate::exceptions::{KeyboardInterrupt, SystemExit};
use crate::run::run;

/// Calls `f` by [`run`], and returns what `main` is to return: the process ends as a Python program does.
///
/// | `f` ends with | status | on stderr |
/// |---|---|---|
/// | a value | 0 | |
/// | [`SystemExit`] | the lowest 8 bits of its number | |
/// | [`KeyboardInterrupt`] | death by `SIGINT`, which a shell shows as 130 | its name |
/// | another error, also one of `run` | 1 | the error, as `main` prints it |
///
/// ```
/// use std::process::ExitCode;
/// use hub::exceptions::SystemExit;
///
/// fn main() -> ExitCode {
///     hub::run_main(|| {
///         hub::keyboard_interrupt()?; // Ctrl-C
///         hub::raise_in_main(15, SystemExit(143))?; // SIGTERM
///         hub::sleep(0.001)
///     })
/// }
/// ```
///
/// # Panics
/// As for `run`.
pub fn run_main<R: Outcome>(f: impl FnOnce() -> R) -> ExitCode {
    match run(f).and_then(Outcome::into_result) {
        Ok(_) => ExitCode::SUCCESS,
        Err(exception) => end_of(&exception),
    }
}

fn end_of(exception: &Exception) -> ExitCode {
    if let Some(SystemExit(code)) = exception.downcast_ref() {
        return ExitCode::from(code.to_le_bytes()[0]);
    }
    let interrupted = exception.is::<KeyboardInterrupt>();
    let text = match interrupted {
        true => KeyboardInterrupt.to_string(),
        false => format!("Error: {exception:?}"),
    };
    // Nobody reads what cannot be written.
    let _ = io::stdout().flush();
    let _ = writeln!(io::stderr(), "{text}");
    if !interrupted {
        return ExitCode::FAILURE;
    }
    end_process_by(libc::SIGINT);
    // The signal is blocked.
    ExitCode::from(130)
}
