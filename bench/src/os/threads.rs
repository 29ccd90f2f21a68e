//! The cases with std, in threads.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use super::{AT_ONCE, Data, MEGABYTES, READERS, check_output, input};
use crate::Result;
use crate::turns::{Measure, Stopwatch};

pub(super) fn measure(case: &str) -> Option<Measure> {
    Some(match case {
        "true" => children,
        "communicate" => communicate,
        "read-4k" => |count, watch| read(count, 4 << 10, watch),
        "read-1m" => |count, watch| read(count, 1 << 20, watch),
        "read-4k-100" => |count, watch| {
            let data = Data::new()?;
            watch.restart();
            thread::scope(|scope| {
                for _ in 0..READERS {
                    scope.spawn(|| read_file(&data, count / READERS, 4 << 10).expect("the file can be read"));
                }
            });
            Ok(())
        },
        _ => return None,
    })
}

fn children(count: u32, _: &mut Stopwatch) -> Result {
    let begun = AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while begun.fetch_add(1, Ordering::Relaxed) < count {
                    let status = Command::new("true").status().expect("the program is there");
                    assert!(status.success());
                }
            });
        }
    });
    Ok(())
}

fn communicate(count: u32, _: &mut Stopwatch) -> Result {
    for _ in 0..count / MEGABYTES {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (mut stdin, data) = (child.stdin.take().ok_or("a pipe")?, input());
        let writes = thread::spawn(move || stdin.write_all(&data));
        let output = child.wait_with_output()?;
        writes.join().expect("it does not panic")?;
        check_output(&output.stdout)?;
    }
    Ok(())
}

fn read(count: u32, size: usize, watch: &mut Stopwatch) -> Result {
    let data = Data::new()?;
    watch.restart();
    read_file(&data, count, size)
}

fn read_file(data: &Data, count: u32, size: usize) -> Result {
    let (mut file, mut buffer, mut at) = (File::open(&data.0)?, vec![0; size], 0);
    for _ in 0..count {
        file.read_exact(&mut buffer)?;
        at += size;
        if at == Data::SIZE {
            file.seek(SeekFrom::Start(0))?;
            at = 0;
        }
    }
    Ok(())
}
