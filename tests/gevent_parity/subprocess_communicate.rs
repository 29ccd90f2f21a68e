//! Input goes in, outputs come out; who does not read its input is no error.

use gevent::subprocess::{Command, PIPE, Popen};

use super::common::{TestResult, show};

pub(crate) fn main() -> TestResult {
    let popen = Popen::new(Command::shell("echo no >&2; cat").stdin(PIPE).stdout(PIPE).stderr(PIPE))?;
    let (out, err) = popen.communicate("yes\n")?;
    let (out, err) = (text(out)?, text(err)?);
    println!("out: {}, err: {}, {}", show(out), show(err), show(popen.returncode()));
    let popen = Popen::new(Command::shell("exit 3").stdin(PIPE).stdout(PIPE))?;
    let (out, err) = popen.communicate(vec![b'x'; 1_000_000])?;
    let out = out.map(|out| out.len());
    println!(
        "out: {}, err: {}, {}",
        show(out),
        show(text(err)?),
        show(popen.returncode())
    );
    let popen = Popen::new(["true"])?;
    let (out, err) = popen.communicate(None)?;
    println!(
        "out: {}, err: {}, {}",
        show(text(out)?),
        show(text(err)?),
        show(popen.returncode())
    );
    Ok(())
}

fn text(output: Option<Vec<u8>>) -> Result<Option<String>, gevent::Exception> {
    Ok(output
        .map(String::from_utf8)
        .transpose()?
        .map(|text| text.trim().to_owned()))
}
