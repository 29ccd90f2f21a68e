//! Regular files.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use libc::{c_int, iovec};

use crate::team::{Team, as_in_threads, result};

fn path(team: Team, name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("gevent-monkey-{name}-{}-{team:?}", std::process::id()))
}

#[test]
fn a_file_is_read_and_written() {
    fn program(team: Team) -> Vec<usize> {
        let path = path(team, "file");
        let bytes: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
        let mut file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let mut lengths = vec![file.write(&bytes).unwrap()];
        lengths.push(
            file.write_vectored(&[IoSlice::new(&bytes[..10]), IoSlice::new(&bytes[..20])])
                .unwrap(),
        );
        file.rewind().unwrap();
        let mut got = vec![0; 4_000_000];
        // All that there is, in one call.
        lengths.push(file.read(&mut got).unwrap());
        assert!(got[..3_000_000] == bytes);
        lengths.push(file.read(&mut got).unwrap());
        lengths.push(file.read_at(&mut got[..100], 2_999_990).unwrap());
        file.rewind().unwrap();
        let (one, other) = got.split_at_mut(1_000_000);
        lengths.push(
            file.read_vectored(&mut [IoSliceMut::new(one), IoSliceMut::new(other)])
                .unwrap(),
        );
        let part = iovec {
            iov_base: got.as_mut_ptr().cast(),
            iov_len: 50,
        };
        // SAFETY: there is room for so much.
        lengths.push(result(unsafe { libc::preadv2(file.as_raw_fd(), &raw const part, 1, 3_000_000, 0) }).unwrap());
        file.rewind().unwrap();
        // SAFETY: as above.
        lengths.push(
            result(unsafe { libc::preadv2(file.as_raw_fd(), &raw const part, 1, -1, libc::RWF_HIPRI) }).unwrap_or(0),
        );
        drop(file);
        lengths.push(std::fs::read(&path).unwrap().len());
        std::fs::remove_file(path).unwrap();
        lengths
    }
    assert_eq!(as_in_threads(program)[..4], [3_000_000, 30, 3_000_030, 0]);
}

/// Lines of many writers, each appended by one call, stay whole.
#[test]
fn lines_are_appended_whole() {
    fn program(team: Team) -> usize {
        let path = path(team, "lines");
        let _ = std::fs::remove_file(&path);
        let writers: Vec<_> = (0..8u8)
            .map(|number| {
                let path = path.clone();
                team.spawn(move || {
                    let mut file = File::options().create(true).append(true).open(path).unwrap();
                    let mut line = vec![b'a' + number; 10_000];
                    line.push(b'\n');
                    for _ in 0..20 {
                        file.write_all(&line).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join());
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        for line in text.lines() {
            assert!(line.len() == 10_000 && line.bytes().all(|byte| byte == line.as_bytes()[0]));
        }
        text.lines().count()
    }
    assert_eq!(as_in_threads(program), 160);
}

#[test]
fn errors_are_told() {
    fn program(_: Team) -> Vec<Result<usize, c_int>> {
        let folder = File::open("/").unwrap();
        let mut byte = 0u8;
        let file = File::open("/proc/self/status").unwrap();
        // SAFETY: there is room for one byte.
        let read = |file: &File| result(unsafe { libc::read(file.as_raw_fd(), (&raw mut byte).cast(), 1) });
        let mut read = read;
        vec![read(&folder), read(&file)]
    }
    assert_eq!(as_in_threads(program), [Err(libc::EISDIR), Ok(1)]);
}
