//! What is ready at once: in the order of the lists, twice if it is there twice; others get a turn.

use std::collections::HashMap;
use std::io::{Read, Write, pipe};
use std::os::fd::{AsRawFd, RawFd};

use gevent::select::{Selected, select, select_timeout};
use gevent::{sleep, spawn};

use super::common::TestResult;

fn show(names: &HashMap<RawFd, &str>, (r, w, x): Selected<RawFd>) {
    let show = |fds: Vec<RawFd>| format!("[{}]", fds.iter().map(|fd| names[fd]).collect::<Vec<_>>().join(" "));
    println!("{}", [r, w, x].map(show).join(" "));
}

pub(crate) fn main() -> TestResult {
    let (mut reader_a, mut writer_a) = pipe()?;
    let (mut reader_b, mut writer_b) = pipe()?;
    let [a, b] = [&reader_a, &reader_b].map(AsRawFd::as_raw_fd);
    let [to_a, to_b] = [&writer_a, &writer_b].map(AsRawFd::as_raw_fd);
    let names = HashMap::from([(a, "a"), (b, "b"), (to_a, "to_a"), (to_b, "to_b")]);

    spawn(|| {
        for n in 0..6 {
            println!("other {n}");
            sleep(0)?;
        }
        Ok(())
    });
    show(&names, select([], [to_b, to_a], [])?);
    show(&names, select([a, b], [to_a, to_b], [a])?);
    writer_a.write_all(b"x")?;
    show(&names, select([b, a], [], [])?);
    writer_b.write_all(b"x")?;
    show(&names, select([b, a, b], [to_b, to_b], [b])?);
    show(&names, select_timeout([a, b], [], [], 0)?);
    reader_a.read_exact(&mut [0])?;
    reader_b.read_exact(&mut [0])?;
    show(&names, select_timeout([a, b], [], [], 0)?);
    show(&names, select_timeout([], [], [], 0)?);
    drop(writer_a);
    show(&names, select([a], [], [a])?);
    drop(reader_b);
    show(&names, select([], [to_b], [])?);
    Ok(())
}
