//! The cases with tokio's current-thread runtime.

use std::path::PathBuf;
use std::process::Stdio;

use ::tokio::fs::File;
use ::tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use ::tokio::process::Command;
use ::tokio::runtime::Builder;
use ::tokio::task::JoinSet;

use super::{AT_ONCE, Data, MEGABYTES, READERS, check_output, input};
use crate::Result;
use crate::turns::{Measure, Stopwatch};

pub(super) fn measure(case: &str) -> Option<Measure> {
    Some(match case {
        "true" => |count, _| block_on(children(count)),
        "communicate" => |count, _| block_on(communicate(count)),
        "read-4k" => |count, watch| read(count, 4 << 10, watch),
        "read-1m" => |count, watch| read(count, 1 << 20, watch),
        "read-4k-100" => |count, watch| {
            let data = Data::new()?;
            watch.restart();
            block_on(read_many(data.0.clone(), count))
        },
        _ => return None,
    })
}

fn block_on(case: impl Future<Output = Result>) -> Result {
    Builder::new_current_thread().enable_all().build()?.block_on(case)
}

async fn children(count: u32) -> Result {
    let (mut set, mut left) = (JoinSet::new(), count);
    while left > 0 || !set.is_empty() {
        if left > 0 && set.len() < AT_ONCE as usize {
            left -= 1;
            set.spawn(async { Command::new("true").status().await });
        } else if let Some(status) = set.join_next().await {
            assert!(status??.success());
        }
    }
    Ok(())
}

async fn communicate(count: u32) -> Result {
    for _ in 0..count / MEGABYTES {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (mut stdin, data) = (child.stdin.take().ok_or("a pipe")?, input());
        let writes = async {
            stdin.write_all(&data).await?;
            drop(stdin);
            Ok::<_, std::io::Error>(())
        };
        let (_, output) = ::tokio::try_join!(writes, child.wait_with_output())?;
        check_output(&output.stdout)?;
    }
    Ok(())
}

fn read(count: u32, size: usize, watch: &mut Stopwatch) -> Result {
    let data = Data::new()?;
    watch.restart();
    block_on(async { Ok(read_file(data.0.clone(), count, size).await?) })
}

async fn read_many(path: PathBuf, count: u32) -> Result {
    let mut set = JoinSet::new();
    for _ in 0..READERS {
        set.spawn(read_file(path.clone(), count / READERS, 4 << 10));
    }
    while let Some(done) = set.join_next().await {
        done??;
    }
    Ok(())
}

async fn read_file(path: PathBuf, count: u32, size: usize) -> std::io::Result<()> {
    let (mut file, mut buffer, mut at) = (File::open(path).await?, vec![0; size], 0);
    for _ in 0..count {
        file.read_exact(&mut buffer).await?;
        at += size;
        if at == Data::SIZE {
            file.seek(std::io::SeekFrom::Start(0)).await?;
            at = 0;
        }
    }
    Ok(())
}
