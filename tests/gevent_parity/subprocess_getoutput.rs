//! What the shell prints, as text.

use gevent::subprocess::{getoutput, getstatusoutput};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    println!("output: {}", getoutput("echo hello")?);
    let lines = getoutput("echo one; echo two >&2")?;
    let lines: Vec<_> = lines.split_whitespace().map(|line| format!("'{line}'")).collect();
    println!("lines: [{}]", lines.join(", "));
    for script in [
        "echo hello",
        "echo no >&2; exit 3",
        "printf unended",
        "echo; echo",
        "kill -TERM $$",
    ] {
        let (status, output) = getstatusoutput(script)?;
        println!("{script}: {status} {}", output.len());
    }
    Ok(())
}
