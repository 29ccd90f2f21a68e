//! Random calls on a file object, beside the same calls on std's.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};

use gevent::fileobject::{FileObjectBase, Kind, Posix, Thread};
use gevent::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};

use crate::support::bounded;

#[derive(Debug, Clone)]
enum Call {
    Read(usize),
    Line,
    Write(usize, bool),
    Flush,
    Seek(SeekFrom),
    SetLen(u64),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = prop_oneof![
        (0..40usize).prop_map(Call::Read),
        Just(Call::Line),
        ((0..40usize), any::<bool>()).prop_map(|(n, line)| Call::Write(n, line)),
        Just(Call::Flush),
        (0..60u64).prop_map(|n| Call::Seek(SeekFrom::Start(n))),
        (-20..20i64).prop_map(|n| Call::Seek(SeekFrom::Current(n))),
        (-20..5i64).prop_map(|n| Call::Seek(SeekFrom::End(n))),
        (0..60u64).prop_map(Call::SetLen),
    ];
    prop::collection::vec(call, 0..30)
}

/// Reads until the buffer is full or the file ends, as buffers decide how much one read returns.
fn read_up_to(file: &mut impl Read, n: usize) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    file.take(n as u64).read_to_end(&mut data)?;
    Ok(data)
}

fn line(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let (mut data, mut byte) = (Vec::new(), [0]);
    while file.read(&mut byte)? == 1 {
        data.push(byte[0]);
        if byte[0] == b'\n' {
            break;
        }
    }
    Ok(data)
}

fn written(n: usize, line: bool) -> Vec<u8> {
    let mut data: Vec<u8> = (0..n).map(|i| b'a' + (i % 26) as u8).collect();
    if line && let Some(last) = data.last_mut() {
        *last = b'\n';
    }
    data
}

fn compare<K: Kind>(calls: &[Call], buffering: usize, mode: &str) -> Result<(), TestCaseError> {
    let failed = |error: io::Error| TestCaseError::fail(error.to_string());
    let folder = std::env::temp_dir();
    let name = |what| {
        folder.join(format!(
            "gevent-random-{}-{what}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ))
    };
    let (ours, theirs) = (name("ours"), name("std"));
    for path in [&ours, &theirs] {
        std::fs::write(path, b"one\ntwo, three\n\nfour and more than that\nend").map_err(failed)?;
    }
    let mut file = FileObjectBase::<K>::open_with_buffering(&ours, mode, buffering).map_err(failed)?;
    let mut std: File = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&theirs)
        .map_err(failed)?;
    for call in calls {
        let (here, there) = match *call {
            Call::Read(n) => (read_up_to(&mut file, n), read_up_to(&mut std, n)),
            Call::Line => {
                let mut data = Vec::new();
                (file.read_until(b'\n', &mut data).map(|_| data), line(&mut std))
            }
            Call::Write(n, line) => {
                let data = written(n, line);
                (
                    file.write_all(&data).map(|()| Vec::new()),
                    std.write_all(&data).map(|()| Vec::new()),
                )
            }
            Call::Flush => (file.flush().map(|()| Vec::new()), Ok(Vec::new())),
            Call::Seek(to) => {
                let bytes = |at: u64| at.to_le_bytes().to_vec();
                (file.seek(to).map(bytes), std.seek(to).map(bytes))
            }
            Call::SetLen(n) => (
                file.set_len(n).map(|()| Vec::new()),
                std.set_len(n).map(|()| Vec::new()),
            ),
        };
        let plain = |result: io::Result<Vec<u8>>| result.map_err(|error| error.raw_os_error());
        prop_assert_eq!(plain(here), plain(there), "{:?}", call);
    }
    file.close().map_err(failed)?;
    prop_assert_eq!(
        std::fs::read(&ours).map_err(failed)?,
        std::fs::read(&theirs).map_err(failed)?
    );
    let _ = (std::fs::remove_file(ours), std::fs::remove_file(theirs));
    Ok(())
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::with_cases(128) })]

    #[test]
    fn a_file_does_what_stds_does(calls in calls(), buffering in 0..20usize, text: bool) {
        let _bounded = bounded();
        let mode = if text { "r+" } else { "r+b" };
        compare::<Posix>(&calls, buffering, mode)?;
        compare::<Thread>(&calls, buffering, mode)?;
    }

    /// Through a pipe, all bytes arrive in their order, however they are cut, and lines are those of std.
    #[test]
    fn a_pipe_delivers_what_was_written(
        pieces in prop::collection::vec((0..9000usize, any::<bool>(), any::<bool>()), 0..20),
        sizes in [0..10_000usize, 0..10_000usize],
    ) {
        let _bounded = bounded();
        let all: Vec<u8> = pieces.iter().flat_map(|(n, line, _)| written(*n, *line)).collect();
        let (reader, writer) = io::pipe().expect("there are descriptors");
        let mut reader = FileObjectBase::<Posix>::with_buffering(reader, "rb", sizes[0]).expect("a file");
        let mut writer = FileObjectBase::<Posix>::with_buffering(writer, "w", sizes[1]).expect("a file");
        let writing = spawn(move || {
            for (n, line, flush) in pieces {
                writer.write_all(&written(n, line))?;
                if flush {
                    writer.flush()?;
                }
            }
            Ok(writer.close()?)
        });
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            if reader.read_until(b'\n', &mut line).expect("it is open") == 0 {
                break;
            }
            lines.push(line);
        }
        prop_assert!(writing.get().is_ok());
        let std: Vec<_> = BufReader::new(&all[..]).split(b'\n').collect::<Result<_, _>>().expect("bytes");
        prop_assert_eq!(lines.len(), std.len());
        prop_assert_eq!(lines.concat(), all);
    }
}
