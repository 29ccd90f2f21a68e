//! A pipe of file objects, read and written by greenlets and by tasks in any order: nothing is lost or doubled.

use std::io::{self, BufRead, Read, Write};
use std::sync::OnceLock;
use std::task::Poll;

use gevent::fileobject::FileObject;
use gevent::future::{Async, block_on};
use gevent::{Exception, sleep, spawn};
use proptest::prelude::*;

use crate::shared::{pattern, poll_once, read, shutdown, write};
use crate::support::bounded;

#[derive(Debug, Clone)]
enum Step {
    /// A greenlet reads or writes so many bytes.
    Greenlet(usize),
    /// A task does.
    Task(usize),
    /// A task begins to, and gives up if it has to wait.
    Begun(usize),
    /// A greenlet looks at what is there, and takes so much of it; or writes the buffer.
    Buffer(usize),
    /// A task writes the buffer; a reader lets others run.
    Other,
    /// A task begins to write the buffer, and gives up.
    OtherBegun,
}

fn step() -> impl Strategy<Value = Step> {
    // More than a pipe has room for, sometimes.
    let size = || prop_oneof![4 => 0..20_usize, 2 => 0..5000_usize, 1 => 0..150_000_usize];
    prop_oneof![
        size().prop_map(Step::Greenlet),
        size().prop_map(Step::Task),
        size().prop_map(Step::Begun),
        size().prop_map(Step::Buffer),
        Just(Step::Other),
        Just(Step::OtherBegun),
    ]
}

async fn flush(file: &Async<FileObject>) -> io::Result<()> {
    std::future::poll_fn(|cx| file.poll_flush(cx)).await
}

/// More than any program writes.
fn all() -> &'static [u8] {
    static ALL: OnceLock<Vec<u8>> = OnceLock::new();
    ALL.get_or_init(|| pattern(4 << 20, 0))
}

/// Writes by these steps, and returns how many bytes were taken. Each byte tells where it belongs.
fn write_by(mut file: FileObject, steps: &[Step], polled_end: bool) -> Result<usize, Exception> {
    let all = all();
    let task = Async::new(file.clone());
    let mut at = 0;
    for step in steps {
        at += match *step {
            Step::Greenlet(n) => file.write(&all[at..at + n])?,
            Step::Task(n) => block_on(write(&task, &all[at..at + n]))??,
            Step::Begun(n) => match poll_once(write(&task, &all[at..at + n])) {
                Poll::Ready(n) => n?,
                Poll::Pending => 0,
            },
            Step::Buffer(_) => file.flush().map(|()| 0)?,
            Step::Other => block_on(flush(&task))?.map(|()| 0)?,
            Step::OtherBegun => match poll_once(flush(&task)) {
                Poll::Ready(flushed) => flushed.map(|()| 0)?,
                Poll::Pending => 0,
            },
        };
    }
    match polled_end {
        true => block_on(shutdown(&task))??,
        false => {
            drop(task);
            file.close()?;
        }
    }
    Ok(at)
}

/// Reads by these steps, again and again, to the end.
fn read_by(mut file: FileObject, steps: &[Step]) -> Result<Vec<u8>, Exception> {
    let task = Async::new(file.clone());
    let (mut all, mut buf) = (Vec::new(), vec![0; 150_000]);
    for step in steps.iter().cycle() {
        // Only the end reads nothing.
        let (n, is_end) = match *step {
            Step::Greenlet(n) => (file.read(&mut buf[..=n])?, true),
            Step::Task(n) => (block_on(read(&task, &mut buf[..=n]))??, true),
            Step::Begun(n) => match poll_once(read(&task, &mut buf[..=n])) {
                Poll::Ready(n) => (n?, true),
                Poll::Pending => (0, false),
            },
            Step::Buffer(n) => {
                let there = file.fill_buf()?;
                let (n, is_end) = (n.min(there.len()), there.is_empty());
                buf[..n].copy_from_slice(&there[..n]);
                file.consume(n);
                (n, is_end)
            }
            Step::Other | Step::OtherBegun => {
                sleep(0)?;
                (0, false)
            }
        };
        all.extend_from_slice(&buf[..n]);
        if is_end && n == 0 {
            break;
        }
    }
    Ok(all)
}

/// A task that has given up still has a waker, and a greenlet cannot wait beside it: so a greenlet's step comes when
/// the polls are stopped.
fn without_conflicts(steps: &[Step], is_reader: bool) -> Vec<Step> {
    let by_greenlets = |step: &Step| matches!(step, Step::Greenlet(_) | Step::Buffer(_));
    let begun = steps.iter().position(|step| {
        matches!(step, Step::Begun(_) | Step::OtherBegun) && (!is_reader || matches!(step, Step::Begun(_)))
    });
    let conflicts = |at: usize, step: &Step| {
        by_greenlets(step) && (is_reader && begun.is_some() || begun.is_some_and(|begun| begun < at))
    };
    let mut steps: Vec<_> = steps
        .iter()
        .enumerate()
        .map(|(at, step)| match step {
            Step::Greenlet(n) if conflicts(at, step) => Step::Task(*n),
            Step::Buffer(_) if conflicts(at, step) => Step::Other,
            step => step.clone(),
        })
        .collect();
    // A reader comes to the end.
    steps.push(Step::Task(100));
    steps
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn bytes_arrive_once_and_in_order(
        writes in prop::collection::vec(step(), 0..20),
        reads in prop::collection::vec(step(), 0..8),
        sizes in prop::array::uniform2(prop_oneof![Just(0), Just(16), Just(8192)]),
        polled_end in any::<bool>(),
    ) {
        let _bounded = bounded();
        let (reader, writer) = io::pipe().expect("a pipe");
        let reader = FileObject::with_buffering(reader, "rb", sizes[0]).expect("it is open");
        let writer = FileObject::with_buffering(writer, "wb", sizes[1]).expect("it is open");
        let (writes, reads) = (without_conflicts(&writes, false), without_conflicts(&reads, true));
        let writing = spawn(move || write_by(writer, &writes, polled_end));
        let reading = spawn(move || read_by(reader, &reads));
        let sent = writing.get().expect("it is written");
        let got = reading.get().expect("it is read");
        prop_assert!(got == all()[..sent], "{} of {sent} bytes", got.len());
    }
}
