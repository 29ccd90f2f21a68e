//! The errors of select: a negative time, descriptors that cannot be or are closed, in any list.

use std::io::{Write, pipe};
use std::os::fd::{AsRawFd, RawFd};

use gevent::core::BadFd;
use gevent::exceptions::InvalidSeconds;
use gevent::select::{select, select_timeout};
use gevent::{GreenletExit, Timeout, sleep, spawn};

use super::common::TestResult;

fn attempt(r: &[RawFd], w: &[RawFd], x: &[RawFd], timeout: Option<f64>) {
    let [r, w, x] = [r, w, x].map(<[_]>::to_vec);
    match select_timeout(r, w, x, timeout) {
        Ok(_) => println!("none"),
        Err(error) if error.is::<InvalidSeconds>() => println!("ValueError"),
        Err(error) => match error.downcast_ref::<BadFd>() {
            Some(bad) if bad.fd < 0 => println!("ValueError"),
            Some(bad) => println!("OSError {}", bad.source.raw_os_error().unwrap()),
            None => println!("{error:?}"),
        },
    }
}

pub(crate) fn main() -> TestResult {
    let (reader, mut writer) = pipe()?;
    let (reader, to_write) = (reader.as_raw_fd(), writer.as_raw_fd());
    let closed = 500;

    attempt(&[], &[], &[], Some(-1.0));
    attempt(&[closed], &[], &[], Some(-0.5));
    attempt(&[-1], &[], &[], None);
    attempt(&[], &[-5], &[], Some(0.0));
    for timeout in [Some(0.0), Some(0.001), None] {
        attempt(&[closed], &[], &[], timeout);
        attempt(&[], &[closed], &[], timeout);
        attempt(&[], &[], &[closed], timeout);
        attempt(&[reader, closed], &[to_write], &[], timeout);
    }
    attempt(&[reader], &[], &[], Some(0.001));

    Timeout::new(0.001).silent(|| {
        select([reader], [], [])?;
        println!("not reached");
        Ok(())
    })?;
    let g = spawn(move || select([reader], [], []));
    sleep(0)?;
    g.kill()?;
    let exit = g.get().is_err_and(|error| error.is::<GreenletExit>());
    println!("killed: {} {exit}", g.successful());
    writer.write_all(b"x")?;
    attempt(&[reader], &[], &[], None);
    Ok(())
}
