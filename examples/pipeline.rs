//! A pipeline of programs, as a shell makes it: the output of each is the input of the next.
//!
//! ```sh
//! ls | cargo run --example pipeline -- "grep -v target" "sort -r" "head -n 3"
//! ```
//!
//! Without arguments, a pipeline counts words that a greenlet writes while another one reads the result.

use std::io::{self, BufRead, Write};

use gevent::fileobject;
use gevent::prelude::*;
use gevent::subprocess::{Command, PIPE, PipeReader, PipeWriter, Popen};

/// Programs that run at once, and the two ends of the pipeline.
struct Pipeline {
    stages: Vec<Popen>,
    input: PipeWriter,
    output: PipeReader,
}

impl Pipeline {
    /// Starts the programs, each a command for the shell.
    fn start(commands: &[String]) -> io::Result<Pipeline> {
        let mut stages: Vec<Popen> = Vec::new();
        for command in commands {
            let mut command = Command::shell(command);
            match stages.last().and_then(Popen::stdout) {
                // The pipe moves: a writer notices when the next program ends early.
                Some(output) => command.stdin(output),
                None => command.stdin(PIPE),
            };
            stages.push(command.stdout(PIPE).spawn()?);
        }
        let (first, last) = (stages.first(), stages.last());
        let (Some(input), Some(output)) = (first.and_then(Popen::stdin), last.and_then(Popen::stdout)) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        Ok(Pipeline { stages, input, output })
    }

    /// Waits for all programs, and returns their exit codes; that of a signal is negative.
    fn wait(&self) -> Result<Vec<i32>, Exception> {
        self.stages.iter().map(Popen::wait).collect()
    }
}

/// Writes the lines, and tells the first program that there are no more.
fn feed(mut input: PipeWriter, lines: impl Iterator<Item = io::Result<String>>) -> Result<(), Exception> {
    for line in lines {
        match writeln!(input, "{}", line?) {
            // The programs have had enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            written => written?,
        }
    }
    input.close();
    Ok(())
}

fn main() -> Result<(), Exception> {
    let mut commands: Vec<_> = std::env::args().skip(1).collect();
    let words = ["one", "two", "three", "two", "three", "three"].map(|word| Ok(word.to_owned()));
    let given = !commands.is_empty();
    if !given {
        commands.extend(["sort", "uniq -c", "sort -rn"].map(str::to_owned));
    }
    let pipeline = Pipeline::start(&commands)?;
    let input = pipeline.input.clone();
    let feeding = spawn(move || match given {
        true => feed(input, fileobject::stdin()?.lines()),
        false => feed(input, words.into_iter()),
    });
    for line in pipeline.output.clone().lines() {
        println!("{}", line?);
    }
    let codes = pipeline.wait()?;
    match feeding.ready() {
        true => feeding.get()?,
        // It waits for lines that nobody wants any more.
        false => feeding.kill()?,
    }
    eprintln!("{codes:?}");
    Ok(())
}
