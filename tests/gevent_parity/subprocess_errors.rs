//! What cannot be started, and keywords that exclude each other.

use std::io::ErrorKind::{InvalidInput, NotFound, PermissionDenied};

use gevent::Exception;
use gevent::subprocess::{Command, DEVNULL, PIPE, Popen, Run, STDOUT, check_output, run_with};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    for (program, cwd) in [
        ("/no such program", None),
        ("true", Some("/no such folder")),
        ("/etc/passwd", None),
    ] {
        let mut command = Command::new(program);
        cwd.map(|cwd| command.cwd(cwd).as_std().get_current_dir().is_some());
        if let Err(error) = Popen::new(&mut command) {
            println!(
                "{program}: {} {}",
                error.kind() == NotFound,
                error.kind() == PermissionDenied
            );
        }
    }
    let input = Run::default().input("x");
    refused("stdin and input", run_with(Command::new("cat").stdin(DEVNULL), input));
    refused(
        "capture_output",
        run_with(Command::new("true").stdout(PIPE), Run::default().capture_output()),
    );
    refused("stdout", check_output(Command::new("true").stdout(PIPE)));
    refused(
        "STDOUT",
        Popen::new(Command::new("true").stdout(STDOUT)).map_err(Exception::from),
    );
    Ok(())
}

fn refused<T>(what: &str, result: Result<T, Exception>) {
    let error = result.err();
    let error = error.as_ref().and_then(|error| error.downcast_ref::<std::io::Error>());
    if error.is_some_and(|error| error.kind() == InvalidInput) {
        println!("{what}: refused");
    }
}
