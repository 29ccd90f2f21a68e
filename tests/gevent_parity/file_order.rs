//! Who goes on when: readers of two pipes, a writer that waits for room, and the greenlet that makes it.

use std::io::Write;

use gevent::fileobject::FileObjectPosix;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;
use super::common_files::{pipe, read};
use super::common_sockets::undisturbed;

fn reads(name: &str, reader: &FileObjectPosix, count: usize) -> TestResult {
    for _ in 0..count {
        println!("{name} {}", String::from_utf8_lossy(&reader.read1(10)?));
    }
    println!("{name} ends");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    let (first, mut to_first) = pipe()?;
    let (second, mut to_second) = pipe()?;
    let greenlets = [
        spawn(move || reads("first", &first, 2)),
        spawn(move || reads("second", &second, 2)),
    ];
    sleep(0)?;
    for text in ["a", "b"] {
        to_second.write_all(text.as_bytes())?;
        to_second.flush()?;
        println!("written {text}");
        sleep(0.01)?;
        to_first.write_all(text.as_bytes())?;
        to_first.flush()?;
        println!("written {text}");
        sleep(0.01)?;
    }
    joinall(&greenlets)?;

    let (reader, mut writer) = pipe()?;
    let greenlet = spawn(move || -> TestResult {
        writer.write_all(&[b'x'; 100_000])?;
        writer.flush()?;
        println!("written");
        Ok(())
    });
    sleep(0)?;
    println!("full");
    println!("read {}", read(&reader, 65536)?.len());
    greenlet.join()?;
    println!("read {}", read(&reader, 100_000 - 65536)?.len());
    Ok(())
}
