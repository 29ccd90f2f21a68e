//! `nb_read` waits for a pipe while other greenlets run, and an empty read is its end.

use std::io::pipe;
use std::os::fd::AsFd;

use gevent::os::{make_nonblocking, nb_read, nb_write};
use gevent::{sleep, spawn};

use super::common::TestResult;

pub(crate) fn main() -> TestResult {
    let (reader, writer) = pipe()?;
    let made = [reader.as_fd(), writer.as_fd(), reader.as_fd()].map(make_nonblocking);
    let [first, second, again] = made;
    println!("{} {} {}", first?, second?, again?);
    let reads = move || -> TestResult {
        loop {
            let mut data = [0; 4];
            let count = nb_read(reader.as_fd(), &mut data)?;
            println!("read {count}: [{}]", String::from_utf8_lossy(&data[..count]));
            if count == 0 {
                return Ok(());
            }
        }
    };
    let reading = spawn(reads);
    sleep(0)?;
    println!("nothing yet");
    println!("wrote {}", nb_write(writer.as_fd(), b"one")?);
    sleep(0.01)?;
    println!("wrote {}", nb_write(writer.as_fd(), b"two and")?);
    sleep(0.01)?;
    drop(writer);
    reading.join()
}
