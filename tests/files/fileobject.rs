//! Ports of gevent's `test__fileobject.py`: each test for the three types.

use std::fs::File;
use std::io::{self, BufRead, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use gevent::fileobject::{ByKind, FileObject, FileObjectBase, FileObjectPosix, Kind, Posix, Thread};
use gevent::prelude::*;

use crate::support::{TestResult, bounded};

/// A file that is removed with this value.
struct Temporary(PathBuf);

impl Temporary {
    fn with(data: &[u8]) -> io::Result<Temporary> {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "gevent-files-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, data)?;
        Ok(Temporary(path))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn write_pieces<K: Kind>(mut file: FileObjectBase<K>, pieces: &[&str]) -> TestResult {
    for byte in pieces.iter().flat_map(|piece| piece.bytes()) {
        file.write_all(&[byte])?;
        file.flush()?;
    }
    Ok(file.close()?)
}

fn is_open(fd: i32) -> bool {
    std::fs::exists(format!("/proc/self/fd/{fd}")).is_ok_and(|exists| exists)
}

/// A pipe of which only this test knows the numbers: another test may reuse those that are closed.
fn test_del<K: Kind>() -> TestResult {
    let (reader, writer) = io::pipe()?;
    let mut file = FileObjectBase::<K>::new(writer, "wb")?;
    file.write_all(b"x")?;
    file.flush()?;
    drop(file);
    let mut data = Vec::new();
    // This ends only if the other end is closed.
    FileObjectBase::<K>::new(reader, "rb")?.read_to_end(&mut data)?;
    assert_eq!(data, b"x");
    Ok(())
}

fn test_del_noclose<K: Kind>() -> TestResult {
    let (reader, writer) = io::pipe()?;
    let writer = Arc::new(OwnedFd::from(writer));
    let mut file = FileObjectBase::<K>::new(writer.clone(), "wb")?;
    file.write_all(b"x")?;
    drop(file);
    let mut writer = File::from(Arc::try_unwrap(writer).expect("it was given back"));
    writer.write_all(b"y")?;
    drop(writer);
    let mut data = Vec::new();
    FileObjectBase::<K>::new(reader, "rb")?.read_to_end(&mut data)?;
    assert_eq!(data, b"xy");
    Ok(())
}

fn test_seek<K: Kind>() -> TestResult {
    let mut data = vec![b'B'; 15];
    data.resize(15 + 1024, b'a');
    let temporary = Temporary::with(&data)?;
    let raw = Arc::new(File::open(&temporary.0)?);
    let mut file = FileObjectBase::<K>::new(raw.clone(), "rb")?;
    assert!(file.seekable());
    file.seek(SeekFrom::Start(15))?;
    assert_eq!(file.stream_position()?, 15);
    let mut read = [0; 1024];
    file.read_exact(&mut read)?;
    assert_eq!(read, [b'a'; 1024]);
    file.close()?;
    raw.metadata()?;
    Ok(())
}

fn test_seek_raises_ioerror<K: Kind>() -> TestResult {
    let (reader, _writer) = io::pipe()?;
    let mut file = FileObjectBase::<K>::new(reader, "r")?;
    assert!(!file.seekable());
    let error = file.seek(SeekFrom::Start(0)).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ESPIPE));
    Ok(())
}

fn test_text_encoding<K: Kind>() -> TestResult {
    let temporary = Temporary::with("\u{2603}".as_bytes())?;
    let mut text = String::new();
    FileObjectBase::<K>::open_with_buffering(&temporary.0, "r+", 5)?.read_to_string(&mut text)?;
    assert_eq!(text, "\u{2603}");
    Ok(())
}

fn test_r_readline_produces_native<K: Kind>() -> TestResult {
    let temporary = Temporary::with(b"line1\nline2\r\nlastline\n\n")?;
    let native: Vec<_> = io::BufReader::new(File::open(&temporary.0)?)
        .lines()
        .collect::<Result<_, _>>()?;
    let lines: Vec<_> = FileObjectBase::<K>::open(&temporary.0, "r")?
        .lines()
        .collect::<Result<_, _>>()?;
    assert_eq!(lines, native);
    let mut line = String::new();
    FileObjectBase::<K>::new(File::open(&temporary.0)?, "r")?.read_line(&mut line)?;
    assert_eq!(line, "line1\n");
    Ok(())
}

fn test_close_pipe<K: Kind>() -> TestResult {
    let (reader, writer) = io::pipe()?;
    let (x, y) = (
        FileObjectBase::<K>::new(reader, "r")?,
        FileObjectBase::<K>::new(writer, "w")?,
    );
    x.close()?;
    y.close()?;
    Ok(())
}

fn test_name_after_close<K: Kind>() -> TestResult {
    let temporary = Temporary::with(b"")?;
    let file = FileObjectBase::<K>::open(&temporary.0, "r")?;
    assert_eq!(file.name(), Some(&*temporary.0));
    file.close()?;
    assert_eq!(file.name(), Some(&*temporary.0));
    assert_eq!(FileObjectBase::<K>::new(File::open(&temporary.0)?, "r")?.name(), None);
    Ok(())
}

fn test_readinto_serial<K: Kind>() -> TestResult {
    let temporary = Temporary::with(b"hello world")?;
    let mut file = FileObjectBase::<K>::open(&temporary.0, "rb")?;
    for (count, expected) in [(2, &b"he"[..]), (1, b"l"), (32, b"lo world"), (32, b"")] {
        let mut buf = vec![0; count];
        let n = file.read(&mut buf)?;
        assert_eq!(&buf[..n], expected);
    }
    Ok(())
}

fn test_read1_binary_present<K: Kind>() -> TestResult {
    let (reader, writer) = io::pipe()?;
    let reader = FileObjectBase::<K>::new(reader, "rb")?;
    let mut writer = FileObjectBase::<K>::new(writer, "w")?;
    writer.write_all(b"abc")?;
    writer.flush()?;
    assert_eq!(reader.read1(2)?, b"ab");
    assert_eq!(reader.read1(9)?, b"c");
    Ok(())
}

fn test_bufsize_0<K: Kind>() -> TestResult {
    let (reader, writer) = io::pipe()?;
    let mut reader = FileObjectBase::<K>::with_buffering(reader, "rb", 0)?;
    let mut writer = FileObjectBase::<K>::with_buffering(writer, "wb", 0)?;
    let mut byte = [0];
    for sent in [b"a", b"2"] {
        writer.write_all(sent)?;
        reader.read_exact(&mut byte)?;
        assert_eq!(&byte, sent);
    }
    Ok(())
}

fn test_newlines<K: Kind>() -> TestResult {
    let (reader, writer) = io::pipe()?;
    let writer = FileObjectBase::<K>::new(writer, "wb")?;
    let pieces = ["line1\n", "line2\r", "line3\r\n", "line4\r\nline5", "\nline6"];
    let writing = spawn(move || write_pieces(writer, &pieces));
    let mut text = String::new();
    FileObjectBase::<K>::new(reader, "r")?.read_to_string(&mut text)?;
    // Unlike in Python's mode U, ends of lines stay as they are.
    assert_eq!(text, pieces.concat());
    writing.get()
}

/// If `read` was not cooperative, the other greenlet could not run, and it would block for ever.
fn test_readinto<K: Kind>() -> TestResult {
    let (reader, writer) = io::pipe()?;
    let mut reader = FileObjectBase::<K>::new(reader, "rb")?;
    let writer = FileObjectBase::<K>::new(writer, "wb")?;
    let writing = spawn(move || write_pieces(writer, &["hello"]));
    let (mut all, mut buf) = (Vec::new(), [0; 32]);
    loop {
        match reader.read(&mut buf)? {
            0 => break,
            n => all.extend_from_slice(&buf[..n]),
        }
    }
    assert_eq!(all, b"hello");
    writing.get()
}

fn test_mode_includes_binary_suffix<K: Kind>() -> TestResult {
    let (reader, writer) = io::pipe()?;
    assert_eq!(FileObjectBase::<K>::new(writer, "wb")?.mode(), "wb");
    assert_eq!(FileObjectBase::<K>::new(reader, "rb")?.mode(), "rb");
    Ok(())
}

fn a_file_that_is_not_readable_says_so<K: Kind>() -> TestResult {
    let (reader, writer) = io::pipe()?;
    let mut reader = FileObjectBase::<K>::new(reader, "rb")?;
    let mut writer = FileObjectBase::<K>::new(writer, "wb")?;
    assert!(reader.readable() && !reader.writable() && writer.writable() && !writer.readable());
    assert_eq!(reader.write(b"x").unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(writer.read(&mut [0]).unwrap_err().kind(), ErrorKind::Unsupported);
    Ok(())
}

fn every_mode_does_what_pythons_does<K: Kind>() -> TestResult {
    let temporary = Temporary::with(b"12345")?;
    let path = &temporary.0;
    let open = |mode: &str| FileObjectBase::<K>::open(path, mode);
    assert_eq!(open("x").unwrap_err().kind(), ErrorKind::AlreadyExists);
    let mut file = open("r+b")?;
    let mut two = [0; 2];
    file.read_exact(&mut two)?;
    file.write_all(b"x")?; // behind what was read, and not behind what was read ahead
    let mut rest = String::new();
    file.read_to_string(&mut rest)?;
    assert_eq!((&two, &*rest), (b"12", "45"));
    file.close()?;
    assert_eq!(std::fs::read(path)?, b"12x45");
    write!(open("a")?, "6")?;
    assert_eq!(std::fs::read(path)?, b"12x456");
    let mut file = open("w+")?;
    write!(file, "new")?;
    assert_eq!(file.stream_position()?, 3);
    file.set_len(2)?;
    file.rewind()?;
    file.read_to_string(&mut rest)?;
    assert_eq!(rest, "45ne");
    file.close()?;
    std::fs::remove_file(path)?;
    assert_eq!(open("r").unwrap_err().kind(), ErrorKind::NotFound);
    write!(open("xb")?, "made")?;
    assert_eq!(std::fs::read(path)?, b"made");
    Ok(())
}

macro_rules! for_each_type {
    ($($name:ident)*) => {
        mod posix {
            $(#[test] fn $name() -> super::TestResult { let _bounded = super::bounded(); super::$name::<super::Posix>() })*
        }
        mod thread {
            $(#[test] fn $name() -> super::TestResult { let _bounded = super::bounded(); super::$name::<super::Thread>() })*
        }
        mod by_kind {
            $(#[test] fn $name() -> super::TestResult { let _bounded = super::bounded(); super::$name::<super::ByKind>() })*
        }
    };
}
for_each_type! {
    test_del test_del_noclose test_seek test_seek_raises_ioerror test_text_encoding test_r_readline_produces_native
    test_close_pipe test_name_after_close test_readinto_serial test_read1_binary_present test_bufsize_0 test_newlines
    test_readinto test_mode_includes_binary_suffix a_file_that_is_not_readable_says_so
    every_mode_does_what_pythons_does
}

/// gevent's `TestOpenDescriptor`.
#[test]
fn modes_that_name_no_way_or_several_are_refused() -> TestResult {
    for (mode, why) in [
        ("aoeug", "invalid mode"),
        ("rr", "invalid mode"),
        ("wU", "mode U cannot be combined"),
        ("rU", "ends of lines are not changed"),
        ("rtb", "text and binary"),
        ("rw", "append mode at once"),
        ("+", "exactly one"),
        ("", "exactly one"),
    ] {
        let (reader, _writer) = io::pipe()?;
        let error = FileObject::new(reader, mode).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(why), "{mode}: {error}");
    }
    Ok(())
}

#[test]
fn a_descriptor_that_others_have_is_not_changed() -> TestResult {
    let _bounded = bounded();
    let (reader, writer) = io::pipe()?;
    let (reader, writer) = (Arc::new(OwnedFd::from(reader)), Arc::new(OwnedFd::from(writer)));
    let flags = |fd: &OwnedFd| rustix::fs::fcntl_getfl(fd);
    let before = (flags(&reader)?, flags(&writer)?);
    let (mut x, mut y) = (
        FileObject::new(reader.clone(), "rb")?,
        FileObject::new(writer.clone(), "wb")?,
    );
    let reading = spawn(move || {
        let mut buf = vec![0; 300_000];
        x.read_exact(&mut buf)?;
        Ok(buf.iter().all(|byte| *byte == 7))
    });
    y.write_all(&[7; 300_000])?;
    y.flush()?;
    assert!(reading.get()?);
    assert_eq!((flags(&reader)?, flags(&writer)?), before);
    Ok(())
}

#[test]
fn closing_closes_an_owned_descriptor_only() -> TestResult {
    let (reader, writer) = io::pipe()?;
    let kept = Arc::new(OwnedFd::from(reader));
    let file = FileObjectPosix::new(kept.clone(), "rb")?;
    file.close()?;
    assert!(is_open(std::os::fd::AsRawFd::as_raw_fd(&kept)));
    drop(FileObjectPosix::new(writer, "wb")?);
    // The other end is closed, which is the end of the data.
    assert_eq!(rustix::io::read(kept.as_fd(), &mut [0; 1][..])?, 0);
    Ok(())
}
