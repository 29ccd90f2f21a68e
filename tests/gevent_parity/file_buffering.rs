//! When what was written can be read: with buffers of several sizes, and after flush and close.

use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsRawFd;

use gevent::fileobject::FileObject;
use gevent::select::select_timeout;

use super::common::TestResult;
use super::common_sockets::{says, undisturbed};

fn there(mut reader: &PipeReader) -> io::Result<String> {
    let ready = !select_timeout([reader.as_raw_fd()], [], [], 0)?.0.is_empty();
    let mut data = [0; 100];
    let n = if ready { reader.read(&mut data)? } else { 0 };
    Ok(match ready {
        true => format!("{:?}", String::from_utf8_lossy(&data[..n])).replace('"', "'"),
        false => "'nothing'".to_owned(),
    })
}

pub(crate) fn main() -> TestResult {
    undisturbed()?;
    for (mode, buffering) in [("wb", 0), ("wb", 4), ("wb", 100), ("w", 1)] {
        let (reader, writer) = io::pipe()?;
        let mut file = FileObject::with_buffering(writer, mode, buffering)?;
        println!("{mode} {buffering}");
        for text in ["ab", "c", "d", "efghi", "j\n", "k\nl", "m"] {
            println!("{} {}", file.write(text.as_bytes())?, there(&reader)?);
        }
        file.flush()?;
        println!("flushed {}", there(&reader)?);
        file.write_all(b"end")?;
        file.close()?;
        println!("closed {}", there(&reader)?);
        says("write", file.write(b"x"));
        says("flush", file.flush());
    }
    Ok(())
}
