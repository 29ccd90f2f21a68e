//! Closing a file gives EBADF to the greenlet that reads it, and to everybody afterwards. What reads to the end ends.

use std::io::{self, Write};

use gevent::fileobject::FileObjectPosix;
use gevent::sleep;

use super::common::TestResult;
use super::common_files::{pipe_with_buffering, read_all, readline, waits};
use super::common_sockets::{says, undisturbed};

fn closes(what: &'static str, call: fn(&FileObjectPosix) -> io::Result<Vec<u8>>) -> TestResult {
    let (reader, _writer) = pipe_with_buffering(0)?;
    let greenlet = waits(what, &reader, call);
    sleep(0)?;
    println!("closed {}", reader.closed());
    reader.close()?;
    println!("closed {}", reader.closed());
    greenlet.join()?;
    says("again", call(&reader));
    says("close", reader.close());
    Ok(())
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    closes("read", |f| f.read1(10))?;
    closes("readline", readline)?;
    closes("readall", read_all)?;

    // What was read before is returned.
    let (reader, mut writer) = pipe_with_buffering(0)?;
    let greenlet = waits("readall", &reader, read_all);
    writer.write_all(b"some")?;
    sleep(0)?;
    sleep(0.01)?;
    reader.close()?;
    greenlet.join()?;

    // Data that have come before are not read any more.
    let (reader, mut writer) = pipe_with_buffering(0)?;
    let greenlet = waits("late", &reader, |f| f.read1(10));
    sleep(0)?;
    writer.write_all(b"data")?;
    reader.close()?;
    greenlet.join()?;
    Ok(())
}
