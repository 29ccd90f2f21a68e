//! `run` and its keywords.

use gevent::Exception;
use gevent::subprocess::{CalledProcessError, Command, PIPE, Run, TimeoutExpired, run, run_timeout, run_with};

use super::common::{TestResult, name, show};

pub(crate) fn main() -> TestResult {
    let done = run(Command::shell("echo out; exit 3").stdout(PIPE))?;
    println!("{} {} {}", done.returncode, text(&done.stdout), text(&done.stderr));
    if let Err(error) = done.check_returncode() {
        let output = (text(&error.output), text(&error.stderr));
        println!(
            "{} {} {} {}",
            name(&error.clone().into()),
            error.returncode,
            output.0,
            output.1
        );
    }
    let done = run_with(["cat"], Run::default().input("pear").capture_output().check())?;
    println!(
        "{} {} {}",
        done.returncode,
        text(&done.stdout),
        show(done.stderr.map(|err| err.len()))
    );
    let failed = run_with(
        Command::shell("echo no >&2; exit 4"),
        Run::default().capture_output().check(),
    );
    if let Err(exception) = failed {
        let error: CalledProcessError = its(&exception);
        let output = (show(error.output.as_ref().map(Vec::len)), text(&error.stderr));
        println!("{} {} {} {}", name(&exception), error.returncode, output.0, output.1);
    }
    if let Err(exception) = run_timeout(["sleep", "100"], 0.01) {
        let error: TimeoutExpired = its(&exception);
        println!("{} {} {}", name(&exception), error.timeout, error.output.is_none());
    }
    Ok(())
}

fn its<E: std::error::Error + Clone + 'static>(exception: &Exception) -> E {
    exception.downcast_ref().cloned().expect("the error of the scenario")
}

fn text(output: &Option<Vec<u8>>) -> String {
    show(
        output
            .as_ref()
            .map(|output| String::from_utf8_lossy(output).trim().to_owned()),
    )
}
