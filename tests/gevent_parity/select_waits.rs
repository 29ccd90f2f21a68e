//! What becomes ready while a greenlet waits: all of one iteration together, in the order in which the loop has them.

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, RawFd};

use gevent::select::{select, select_timeout};
use gevent::{Greenlet, joinall, sleep, spawn};

use super::common::TestResult;

struct Pipes(Vec<(PipeReader, PipeWriter)>);

impl Pipes {
    fn readers(&self) -> Vec<RawFd> {
        self.0.iter().map(|(reader, _)| reader.as_raw_fd()).collect()
    }

    fn waits(&self, name: &'static str, fds: &[RawFd]) -> Greenlet<()> {
        let (readers, fds) = (self.readers(), fds.to_vec());
        spawn(move || {
            let (r, w, x) = select(fds, [], [])?;
            let place = |fd: &RawFd| readers.iter().position(|reader| reader == fd).unwrap();
            println!(
                "{name} {:?} {} {}",
                r.iter().map(place).collect::<Vec<_>>(),
                w.len(),
                x.len()
            );
            Ok(())
        })
    }

    fn write(&self, which: &[usize]) -> TestResult {
        which.iter().try_for_each(|n| Ok((&self.0[*n].1).write_all(b"x")?))
    }

    fn empty(&self, which: &[usize]) -> TestResult {
        which.iter().try_for_each(|n| Ok((&self.0[*n].0).read_exact(&mut [0])?))
    }
}

pub(crate) fn main() -> TestResult {
    let pipes = Pipes((0..5).map(|_| pipe()).collect::<Result<_, _>>()?);
    let readers = pipes.readers();

    for order in [&[0, 1, 2, 3][..], &[3, 1, 0], &[2]] {
        let g = pipes.waits("one", &readers);
        sleep(0)?;
        pipes.write(order)?;
        g.join()?;
        pipes.empty(order)?;
    }

    let g = pipes.waits("twice", &[readers[1], readers[0], readers[1]]);
    sleep(0)?;
    pipes.write(&[1, 0])?;
    g.join()?;
    pipes.empty(&[1, 0])?;

    let gs = ["first", "second", "third"].map(|name| pipes.waits(name, &readers));
    sleep(0)?;
    gs[1].kill()?;
    pipes.write(&[4, 2])?;
    joinall(&gs)?;
    pipes.empty(&[4, 2])?;

    let (r, w, x) = select_timeout(readers.clone(), [], [], 0.001)?;
    println!("{r:?} {w:?} {x:?}");
    let gs = [pipes.waits("a", &readers[..2]), pipes.waits("b", &readers[2..])];
    sleep(0)?;
    pipes.write(&[0])?;
    sleep(0.01)?;
    pipes.write(&[3])?;
    joinall(&gs)?;
    Ok(())
}
