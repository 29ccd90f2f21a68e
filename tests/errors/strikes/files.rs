//! The table of waits for files.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, PipeReader, PipeWriter, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;

use super::strike::{Case, Row, case, row};
use crate::support::TestResult;
use gevent::fileobject::{FileObject, FileObjectThread};

/// A case in which the other side writes, and closes its end, when it is told. Bytes that the call has not taken must
/// still be there.
fn reading(call: fn(&mut FileObject) -> io::Result<usize>) -> Case {
    let (reader, writer) = io::pipe().expect("there are descriptors");
    let mut file = FileObject::new(reader, "rb").expect("there is a hub");
    let (mut check, writer) = (file.clone(), RefCell::new(Some(writer)));
    case(
        move || {
            assert_eq!(call(&mut file)?, 2);
            Ok(())
        },
        move || {
            let writer: Option<PipeWriter> = writer.take();
            writer
                .map_or(Ok(()), |mut writer| writer.write_all(b"ab"))
                .expect("there is room");
        },
        move |got| {
            let mut rest = String::new();
            check.read_to_string(&mut rest).expect("it is open");
            assert_eq!(rest, if got { "" } else { "ab" });
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
    let reads: [(_, fn(&mut FileObject) -> io::Result<usize>); 7] = [
        ("src/fileobject/base.rs FileObjectBase::read", |f| f.read(&mut [0; 2])),
        ("src/fileobject/base.rs FileObjectBase::read1", |f| {
            Ok(f.read1(2)?.len())
        }),
        ("src/fileobject/base.rs FileObjectBase::fill_buf", |f| {
            let n = f.fill_buf()?.len();
            f.consume(n);
            Ok(n)
        }),
        ("src/fileobject/base.rs FileObjectBase::read_to_end", |f| {
            f.read_to_end(&mut Vec::new())
        }),
        ("src/fileobject/base.rs FileObjectBase::read_to_string", |f| {
            f.read_to_string(&mut String::new())
        }),
        // These are std's functions, which go on after `Interrupted`.
        ("std read_exact of a file object", |f| {
            f.read_exact(&mut [0; 2]).map(|()| 2)
        }),
        ("std read_line of a file object", |f| f.read_line(&mut String::new())),
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
