//! Regular files, read and written by threads: positions, the modes, and a file that is closed.

use std::io::{Seek, SeekFrom, Write};

use gevent::fileobject::FileObjectThread;

use super::common::TestResult;
use super::common_files::{read, readline};
use super::common_sockets::says;

pub(crate) fn main() -> TestResult {
    let path = std::env::temp_dir().join(format!("gevent-parity-file-{}", std::process::id()));

    says("no file", FileObjectThread::open(&path, "rb").map(drop));
    let mut file = FileObjectThread::open(&path, "w+b")?;
    says("write", file.write(b"one\ntwo\nthree\n"));
    says("tell", file.stream_position());
    says("seek", file.seek(SeekFrom::Start(4)));
    says("readline", readline(&file));
    says("tell", file.stream_position());
    says("write", file.write(b"THREE"));
    says("tell", file.stream_position());
    says("seek", file.seek(SeekFrom::End(-3)));
    says("read", read(&file, 100));
    says("seek", file.seek(SeekFrom::Current(-2)));
    says("read", read(&file, 1));
    says("set_len", file.set_len(5).map(|()| 5));
    says("seek", file.seek(SeekFrom::Start(0)));
    says("read", read(&file, 100));
    says("read", read(&file, 100));
    let same = file.name() == Some(&*path);
    println!("{} w+b {same}", file.closed());
    file.close()?;
    println!("{} {}", file.closed(), file.name() == Some(&*path));
    says("read", read(&file, 1));
    says("close", file.close());

    let mut file = FileObjectThread::open(&path, "ab")?;
    says("write", file.write(b"end"));
    file.close()?;
    let file = FileObjectThread::open(&path, "rb")?;
    says("read", read(&file, 100));
    file.close()?;
    says("exists", FileObjectThread::open(&path, "xb").map(drop));
    std::fs::remove_file(&path)?;
    Ok(())
}
