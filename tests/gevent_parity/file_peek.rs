//! `peek` waits for data and takes none; `readinto` takes what is there; both notice the end.

use std::io::{self, BufRead, Read, Write};

use gevent::fileobject::FileObjectPosix;
use gevent::sleep;

use super::common::TestResult;
use super::common_files::{pipe, read_all, waits};
use super::common_sockets::{says, undisturbed};

fn peek(f: &FileObjectPosix) -> io::Result<Vec<u8>> {
    Ok(f.clone().fill_buf()?.to_vec())
}

fn readinto(f: &FileObjectPosix) -> io::Result<Vec<u8>> {
    let mut data = [0; 3];
    let count = f.clone().read(&mut data)?;
    Ok(data[..count].to_vec())
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (reader, mut writer) = pipe()?;
    let greenlet = waits("peek", &reader, peek);
    sleep(0)?;
    println!("it waits");
    writer.write_all(b"data")?;
    writer.flush()?;
    greenlet.join()?;
    says("again", peek(&reader));
    says("readinto", readinto(&reader));
    says("peek", peek(&reader));
    says("read1", reader.read1(10));
    let greenlet = waits("readinto", &reader, readinto);
    sleep(0)?;
    writer.write_all(b"one")?;
    writer.flush()?;
    greenlet.join()?;
    let greenlet = waits("peek", &reader, peek);
    sleep(0)?;
    writer.close()?;
    greenlet.join()?;
    says("readinto", readinto(&reader));
    says("peek", peek(&reader));

    let (reader, mut writer) = pipe()?;
    let killed = waits("never", &reader, peek);
    sleep(0)?;
    killed.kill()?;
    writer.write_all(b"later")?;
    writer.close()?;
    says("later", peek(&reader));
    says("read", read_all(&reader));
    Ok(())
}
