//! wait_read and wait_write, for a pipe that is empty, one with room, and one at its end.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsRawFd;

use gevent::hub::{TimedOut, wait_read, wait_write};
use gevent::{Exception, joinall, sleep, spawn};

use super::common::TestResult;

fn read(reader: &mut PipeReader) -> Result<String, Exception> {
    let mut data = [0; 100];
    let length = reader.read(&mut data)?;
    Ok(String::from_utf8_lossy(&data[..length]).into_owned())
}

fn reads(mut reader: PipeReader) -> TestResult {
    loop {
        wait_read(reader.as_raw_fd(), None)?;
        let data = read(&mut reader)?;
        if data.is_empty() {
            println!("the end");
            return Ok(());
        }
        println!("read {data}");
    }
}

fn writes(mut writer: PipeWriter) -> TestResult {
    for text in ["one", "two"] {
        wait_write(writer.as_raw_fd(), None)?;
        println!("writes");
        writer.write_all(text.as_bytes())?;
        sleep(0.01)?;
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let (reader, writer) = pipe()?;
    joinall([spawn(|| reads(reader)), spawn(|| writes(writer))])?;

    let (mut reader, mut writer) = pipe()?;
    let fd = reader.as_raw_fd();
    match wait_read(fd, 0.001) {
        Err(error) if error.is::<TimedOut>() => println!("timed out"),
        waited => waited?,
    }
    let g = spawn(move || wait_read(fd, None));
    sleep(0)?;
    g.kill()?;
    println!("killed: {}", g.successful());
    writer.write_all(b"later")?;
    wait_read(fd, 100)?;
    println!("{}", read(&mut reader)?);
    Ok(())
}
