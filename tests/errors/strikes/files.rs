//! The table of waits for files.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, PipeReader, PipeWriter, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::strike::{Case, Row, case, row};
use crate::support::TestResult;
use gevent::fileobject::{FileObject, FileObjectThread};

/// Reads the two bytes that come, into a `Vec`, and returns how many they were.
type Reads = fn(&mut FileObject, &mut Vec<u8>) -> io::Result<usize>;

/// A case in which the other side writes, and closes its end, when it is told. Bytes that the call has not given out
/// must still be there.
fn reading(call: Reads) -> Case {
    let (reader, writer) = io::pipe().expect("there are descriptors");
    let mut file = FileObject::new(reader, "rb").expect("there is a hub");
    let (mut check, writer) = (file.clone(), RefCell::new(Some(writer)));
    let taken = Rc::new(RefCell::new(Vec::new()));
    let its = taken.clone();
    case(
        move || {
            let mut all = Vec::new();
            let read = call(&mut file, &mut all);
            its.replace(all);
            assert_eq!(read?, 2);
            Ok(())
        },
        move || {
            let writer: Option<PipeWriter> = writer.take();
            writer
                .map_or(Ok(()), |mut writer| writer.write_all(b"ab"))
                .expect("there is room");
        },
        move |got| {
            let mut all = taken.take();
            assert!(!got || all == b"ab");
            check.read_to_end(&mut all).expect("it is open");
            assert_eq!(all, b"ab");
        },
    )
}

/// How many bytes a pipe holds.
const FULL: usize = 1 << 16;

/// A case in which the other side reads all that was there when it is told.
fn writing(call: fn(&mut FileObject) -> TestResult) -> Case {
    let (reader, mut writer) = io::pipe().expect("there are descriptors");
    writer.write_all(&[0; FULL]).expect("it has so much room");
    let mut file = FileObject::new(writer, "wb").expect("there is a hub");
    case(
        move || call(&mut file),
        move || {
            let mut reader: &PipeReader = &reader;
            reader.read_exact(&mut [0; FULL]).expect("it is there");
        },
        |_| (),
    )
}

/// A case with a file whose calls threads make.
fn of_a_file(call: fn(&PathBuf, &Arc<OwnedFd>) -> TestResult) -> Case {
    let path = std::env::temp_dir().join(format!(
        "gevent-strikes-files-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(&path, b"12345").expect("there is room");
    let raw = File::options().read(true).write(true).open(&path).expect("it is there");
    let (its, raw) = (path.clone(), Arc::new(OwnedFd::from(raw)));
    case(
        move || call(&its, &raw),
        || (),
        move |_| std::fs::remove_file(&path).expect("it is there"),
    )
}

pub(crate) fn rows() -> Vec<Row> {
    let reads: [(_, Reads); 7] = [
        ("src/fileobject/base.rs FileObjectBase::read", |f, all| {
            all.resize(2, 0);
            let read = f.read(all);
            all.truncate(*read.as_ref().unwrap_or(&0));
            read
        }),
        ("src/fileobject/base.rs FileObjectBase::read1", |f, all| {
            *all = f.read1(2)?;
            Ok(all.len())
        }),
        ("src/fileobject/base.rs FileObjectBase::fill_buf", |f, all| {
            all.extend_from_slice(f.fill_buf()?);
            f.consume(all.len());
            Ok(all.len())
        }),
        ("src/fileobject/base.rs FileObjectBase::read_to_end", |f, all| {
            f.read_to_end(all)
        }),
        ("src/fileobject/base.rs FileObjectBase::read_to_string", |f, all| {
            let mut text = String::new();
            let read = f.read_to_string(&mut text);
            *all = text.into_bytes();
            read
        }),
        // These are std's functions, which go on after `Interrupted`.
        ("std read_exact of a file object", |f, all| {
            let mut both = [0; 2];
            f.read_exact(&mut both)?;
            all.extend_from_slice(&both);
            Ok(2)
        }),
        ("std read_until of a file object", |f, all| f.read_until(b'\n', all)),
    ];
    let mut rows: Vec<Row> = reads.map(|(name, call)| row(name, move || reading(call))).into();
    let writes: [(_, fn(&mut FileObject) -> TestResult); 3] = [
        ("src/fileobject/base.rs FileObjectBase::write", |f| {
            assert_eq!(f.write(&[1; 9000])?, 9000);
            Ok(())
        }),
        ("src/fileobject/base.rs FileObjectBase::flush", |f| {
            f.write_all(b"x")?;
            Ok(f.flush()?)
        }),
        ("src/fileobject/base.rs FileObjectBase::close", |f| {
            f.write_all(b"x")?;
            Ok(f.close()?)
        }),
    ];
    rows.extend(writes.map(|(name, call)| row(name, move || writing(call))));
    let files: [(_, fn(&PathBuf, &Arc<OwnedFd>) -> TestResult); 7] = [
        ("src/fileobject/base.rs FileObjectBase::open", |path, _| {
            Ok(FileObject::open(path, "r").map(drop)?)
        }),
        (
            "src/fileobject/base.rs FileObjectBase::open_with_buffering",
            |path, _| Ok(FileObject::open_with_buffering(path, "r", 0).map(drop)?),
        ),
        ("src/fileobject/base.rs FileObjectBase::seek", |_, raw| {
            Ok(FileObjectThread::new(raw.clone(), "r+")?
                .seek(SeekFrom::Start(2))
                .map(drop)?)
        }),
        ("src/fileobject/base.rs FileObjectBase::set_len", |_, raw| {
            Ok(FileObjectThread::new(raw.clone(), "r+")?.set_len(2)?)
        }),
        ("read of a thread", |_, raw| {
            assert_eq!(FileObjectThread::new(raw.clone(), "r+")?.read(&mut [0; 3])?, 3);
            Ok(())
        }),
        ("write of a thread", |_, raw| {
            Ok(FileObjectThread::with_buffering(raw.clone(), "r+", 0)?.write_all(b"x")?)
        }),
        ("close of a thread", |_, raw| {
            let mut file = FileObjectThread::new(raw.clone(), "r+")?;
            file.write_all(b"x")?;
            Ok(file.close()?)
        }),
    ];
    rows.extend(files.map(|(name, call)| row(name, move || of_a_file(call))));
    rows
}
