//! What the scenarios about files share. The counterpart of common_files.py.

use std::io::{self, BufRead, Read};

use gevent::fileobject::{FileObjectBase, FileObjectPosix, Kind};

/// The ends of a pipe, to read and to write.
pub(crate) fn pipe() -> io::Result<(FileObjectPosix, FileObjectPosix)> {
    pipe_with_buffering(8192)
}

pub(crate) fn pipe_with_buffering(buffering: usize) -> io::Result<(FileObjectPosix, FileObjectPosix)> {
    let (reader, writer) = io::pipe()?;
    Ok((
        FileObjectPosix::with_buffering(reader, "rb", buffering)?,
        FileObjectPosix::with_buffering(writer, "wb", buffering)?,
    ))
}

/// `file.read(n)`: so many bytes, or all up to the end.
pub(crate) fn read<K: Kind>(file: &FileObjectBase<K>, n: u64) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    file.clone().take(n).read_to_end(&mut data)?;
    Ok(data)
}

/// `file.read()`, or `readall()`.
pub(crate) fn read_all<K: Kind>(file: &FileObjectBase<K>) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    file.clone().read_to_end(&mut data)?;
    Ok(data)
}

/// `file.readline()`.
pub(crate) fn readline<K: Kind>(file: &FileObjectBase<K>) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    file.clone().read_until(b'\n', &mut data)?;
    Ok(data)
}

/// Has a greenlet make a call on a file, and print what comes of it.
pub(crate) fn waits(
    what: &'static str,
    file: &FileObjectPosix,
    call: impl FnOnce(&FileObjectPosix) -> io::Result<Vec<u8>> + 'static,
) -> gevent::Greenlet<()> {
    let file = file.clone();
    gevent::spawn(move || super::common_sockets::says(what, call(&file)))
}
