//! Waiting for a descriptor raises the exception that is given for the time, if there is one.

use std::io::Write;
use std::os::fd::AsRawFd;

use gevent::Exception;
use gevent::hub::{TimedOut, wait_read, wait_readwrite, wait_write};

use super::common::{TestResult, ValueError};

fn one(label: &str, waited: Result<(), Exception>) -> TestResult {
    match waited {
        Ok(()) => println!("{label}: ready"),
        Err(error) if error.is::<TimedOut>() => println!("{label}: TimeoutError {error}"),
        Err(error) if error.is::<ValueError>() => println!("{label}: ValueError {error}"),
        Err(other) => return Err(other),
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let (reading, mut writing) = std::io::pipe()?;
    let (reader, writer) = (reading.as_raw_fd(), writing.as_raw_fd());

    one("read", wait_read(reader, 0.001))?;
    one("read", wait_read(reader, (0.001, ValueError("nothing to read"))))?;
    one("read", wait_read(reader, (0, ValueError("nothing at all"))))?;
    one("write", wait_write(writer, (0.001, ValueError("full"))))?;
    one("write", wait_write(writer, (None, ValueError("for ever"))))?;
    writing.write_all(b"x")?;
    one("read", wait_read(reader, (0, ValueError("nothing to read"))))?;
    one("readwrite", wait_readwrite(writer, (1, ValueError("neither"))))
}
