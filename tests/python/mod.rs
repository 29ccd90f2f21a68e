//! [`Driver`]: Python, which runs a script that answers lines.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Python, which runs a script.
pub(crate) struct Driver {
    python: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Driver {
    /// Runs the script of this path in the repository. None where there is no Python.
    pub(crate) fn new(script: &str) -> Option<Driver> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(script);
        let mut command = Command::new("python3");
        command
            .arg("-I")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut python = match command.spawn() {
            Ok(python) => python,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => panic!("python3: {error}"),
        };
        let (input, output) = (python.stdin.take()?, python.stdout.take()?);
        Some(Driver {
            python,
            input,
            output: BufReader::new(output),
        })
    }

    /// What the script answers to each line.
    pub(crate) fn answers(&mut self, program: &[String]) -> io::Result<Vec<String>> {
        writeln!(self.input, "begin\n{}", program.join("\n"))?;
        let lines = self.output.by_ref().lines().take(program.len());
        lines.collect()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}
