//! A greenlet that only yields does not starve events; the loop polls between the batches.

use std::cell::RefCell;
use std::io::{PipeReader, Read, Write, pipe};
use std::os::fd::AsRawFd;
use std::rc::Rc;

use gevent::hub::wait_read;
use gevent::{joinall, sleep, spawn};

use super::common::TestResult;

type Data = RefCell<Vec<u8>>;

fn reads(mut reader: PipeReader, data: &Data) -> TestResult {
    wait_read(reader.as_raw_fd(), None)?;
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    data.borrow_mut().extend(byte);
    println!("read");
    Ok(())
}

fn yields(data: &Data) -> TestResult {
    while data.borrow().is_empty() {
        sleep(0)?;
    }
    println!("yielded until it was read");
    Ok(())
}

pub(crate) fn main() -> TestResult {
    let (reader, mut writer) = pipe()?;
    let data: Rc<Data> = Rc::default();
    writer.write_all(b"x")?;
    let (seen, read) = (data.clone(), data.clone());
    let greenlets = [spawn(move || yields(&seen)), spawn(move || reads(reader, &read))];
    joinall(greenlets)?;
    println!("data: {}", !data.borrow().is_empty());
    Ok(())
}
