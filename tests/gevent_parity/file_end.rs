//! The end of the data: for who waits, for who comes later, and for one that has read a part.

use std::io::{self, Write};

use gevent::fileobject::FileObjectPosix;
use gevent::sleep;

use super::common::TestResult;
use super::common_files::{pipe, read, read_all, readline, waits};
use super::common_sockets::{says, undisturbed};

fn ends(what: &'static str, call: fn(&FileObjectPosix) -> io::Result<Vec<u8>>) -> TestResult {
    let (reader, writer) = pipe()?;
    let greenlet = waits(what, &reader, call);
    sleep(0)?;
    writer.close()?;
    greenlet.join()?;
    says("again", call(&reader));

    let (reader, mut writer) = pipe()?;
    let greenlet = waits(what, &reader, call);
    writer.write_all(b"part")?;
    writer.flush()?;
    sleep(0)?;
    sleep(0.01)?;
    writer.write_all(b" two")?;
    writer.close()?;
    greenlet.join()?;
    says("the rest", read_all(&reader));
    Ok(())
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    ends("read", |f| read(f, 10))?;
    ends("read1", |f| f.read1(10))?;
    ends("readline", readline)?;
    ends("read to the end", read_all)
}
