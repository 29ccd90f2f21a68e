//! `std::process`: programs that take their time, what they print, and their statuses.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{Case, Result, Started, equal};

struct Process;

pub(super) fn start() -> Result<Option<Started>> {
    Started::new(Process, ())
}

impl Case for Process {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let program = format!(
            "read line; sleep {}; echo \"$line\"; echo error >&2; exit {}",
            wait.as_secs_f64(),
            i % 7
        );
        let mut command = Command::new("sh");
        command.args(["-c", &program]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        writeln!(child.stdin.take().ok_or("no stdin")?, "line {i}")?;
        let output = child.wait_with_output()?;
        equal(String::from_utf8(output.stdout)?, format!("line {i}\n"))?;
        equal(String::from_utf8(output.stderr)?, "error\n".to_owned())?;
        equal(output.status.code(), Some((i % 7) as i32))
    }
}
