//! The cases with gevent for Rust.

use std::io::{Read, Seek, SeekFrom};

use gevent::fileobject::FileObject;
use gevent::pool::Pool;
use gevent::subprocess::{Command, PIPE, call};
use gevent::{Exception, joinall, spawn};

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
            let readers = (0..READERS).map(|_| {
                let path = data.0.clone();
                spawn(move || read_file(path, count / READERS, 4 << 10))
            });
            for reader in joinall(readers.collect::<Vec<_>>())? {
                reader.get()?;
            }
            Ok(())
        },
        _ => return None,
    })
}

fn children(count: u32, _: &mut Stopwatch) -> Result {
    let pool = Pool::new(AT_ONCE as usize);
    pool.map(|_| call(["true"]).map(|code| assert_eq!(code, 0)), 0..count)?;
    Ok(())
}

fn communicate(count: u32, _: &mut Stopwatch) -> Result {
    for _ in 0..count / MEGABYTES {
        let child = Command::new("cat").stdin(PIPE).stdout(PIPE).spawn()?;
        let (output, _) = child.communicate(input())?;
        check_output(&output.ok_or("an output")?)?;
    }
    Ok(())
}

fn read(count: u32, size: usize, watch: &mut Stopwatch) -> Result {
    let data = Data::new()?;
    watch.restart();
    Ok(read_file(data.0.clone(), count, size)?)
}

fn read_file(path: std::path::PathBuf, count: u32, size: usize) -> std::result::Result<(), Exception> {
    let (mut file, mut buffer, mut at) = (FileObject::open(path, "rb")?, vec![0; size], 0);
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
