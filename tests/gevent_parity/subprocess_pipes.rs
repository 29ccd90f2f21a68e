//! Pipes are read and written like files, and passed on to other children.

use std::io::{BufRead, Read, Write};

use gevent::subprocess::{Command, PIPE, Popen};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let cat = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE))?;
    let (mut stdin, mut stdout) = (cat.stdin().expect("a pipe"), cat.stdout().expect("a pipe"));
    for text in ["one", "two"] {
        writeln!(stdin, "{text}")?;
        stdin.flush()?;
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        println!("line: {}", line.trim());
    }
    stdin.write_all(b"three\nfour")?;
    stdin.close();
    let lines: Vec<_> = stdout.clone().lines().collect::<Result<_, _>>()?;
    println!("lines: {}", list(lines.iter().map(String::as_str)));
    let mut rest = String::new();
    stdout.read_to_string(&mut rest)?;
    println!("end: b'{rest}' {}", cat.wait()?);
    let seq = Popen::new(Command::new("seq").arg("5").stdout(PIPE))?;
    let tac = Popen::new(Command::new("tac").stdin(seq.stdout().expect("a pipe")).stdout(PIPE))?;
    let output = String::from_utf8(tac.communicate(None)?.0.unwrap_or_default())?;
    println!("tac: {} {}", list(output.split_whitespace()), seq.wait()?);
    Ok(())
}

fn list<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let quoted: Vec<_> = texts.map(|text| format!("'{text}'")).collect();
    format!("[{}]", quoted.join(", "))
}
