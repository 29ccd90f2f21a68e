//! Lines, however they come: in parts, several at once, the last one without an end, and empty ones.

use std::io::Write;

use gevent::{sleep, spawn};

use super::common::TestResult;
use super::common_files::{pipe, pipe_with_buffering, read, readline};
use super::common_sockets::{says, undisturbed};

fn parts() -> [Vec<u8>; 6] {
    let long = [b"\n\nlong", &[b'g'; 30][..]].concat();
    let parts = [b"on", &b"e\ntwo\nth"[..], b"ree", b"\n", &long, b"er\nlast"];
    parts.map(<[u8]>::to_vec)
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    for buffering in [0, 4, 8192] {
        let (reader, mut writer) = pipe_with_buffering(buffering)?;
        let greenlet = spawn(move || -> TestResult {
            for part in parts() {
                writer.write_all(&part)?;
                writer.flush()?;
                sleep(0.002)?;
            }
            Ok(writer.close()?)
        });
        loop {
            let line = readline(&reader)?;
            if line.is_empty() {
                break;
            }
            println!("{}", String::from_utf8_lossy(&line).replace('\n', "\\n"));
        }
        println!("end");
        greenlet.join()?;
        says("readline", readline(&reader));
    }

    // A part by its size, and the rest by lines.
    let (reader, mut writer) = pipe()?;
    writer.write_all(b"one two\nthree\nfour")?;
    writer.close()?;
    says("read", read(&reader, 4));
    says("readline", readline(&reader));
    says("read1", reader.read1(2));
    says("read", read(&reader, 100));
    says("readline", readline(&reader));
    Ok(())
}
