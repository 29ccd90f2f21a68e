//! The table of waits for child processes and their pipes.

use std::cell::Cell;
use std::io::{self, BufRead, IoSlice, PipeWriter as Gate, Read, Write, pipe};
use std::os::fd::{AsRawFd, OwnedFd};

use super::strike::{Case, Row, case, row};
use crate::support::TestResult;
use gevent::subprocess::{
    Command, PIPE, PipeReader, PipeWriter, Popen, Run, call, call_timeout, check_call, check_call_timeout,
    check_output, check_output_timeout, check_output_with, getoutput, getstatusoutput, run, run_timeout, run_with,
};

/// The time limit of the calls that take one.
const LIMIT: f64 = 1000.0;

fn cat() -> Popen {
    Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE)).expect("there is `cat`")
}

/// A case with a child that ends when it is told. After a strike it goes on, and can be waited for.
fn waiting(call: fn(&Popen) -> TestResult) -> Case {
    let (gate, open) = pipe().expect("a pipe");
    let mut command = Command::shell("read line; printf output; cat >/dev/null");
    let popen = command
        .stdin(OwnedFd::from(gate))
        .stdout(PIPE)
        .spawn()
        .expect("it starts");
    let (open, check) = (Cell::new(Some(open)), popen.clone());
    case(
        move || call(&popen),
        move || drop(open.take()),
        move |got| {
            if !got {
                let (output, _) = check.communicate(None).expect("nobody kills the test");
                assert_eq!(output.as_deref(), Some(&b"output"[..]));
            }
            assert_eq!(check.close().expect("nobody kills the test"), 0);
        },
    )
}

/// A case in which `close` waits for a child, whose pipes are closed by then.
fn closing(call: fn(&Popen) -> TestResult) -> Case {
    let (gate, open) = pipe().expect("a pipe");
    let mut command = Command::shell("read line; exit 0");
    let popen = command
        .stdin(OwnedFd::from(gate))
        .stdout(PIPE)
        .spawn()
        .expect("it starts");
    let (open, check) = (Cell::new(Some(open)), popen.clone());
    case(
        move || call(&popen),
        move || drop(open.take()),
        move |_| {
            assert!(check.stdout().expect("a pipe").closed());
            assert_eq!(check.wait().expect("nobody kills the test"), 0);
        },
    )
}

/// A case in which the function starts a child that ends when it is told. The child never outlives the call.
fn running(call: fn(&str) -> TestResult) -> Case {
    let ((gate, open), (mut alive, its)) = (pipe().expect("a pipe"), pipe().expect("a pipe"));
    let fd = |fd: i32| format!("/proc/{}/fd/{fd}", std::process::id());
    let script = format!(
        "exec 5>{}; read line <{}; exit 0",
        fd(its.as_raw_fd()),
        fd(gate.as_raw_fd())
    );
    let open = Cell::new(Some(open));
    case(
        move || call(&script),
        move || drop(open.take()),
        move |_| {
            drop((gate, its));
            assert_eq!(alive.read(&mut [0]).expect("it is open"), 0);
        },
    )
}

/// A case in which the child writes when it is told, and ends. Bytes that the call has not taken must still be there.
fn reading(call: fn(PipeReader) -> io::Result<usize>, takes: bool) -> Case {
    let popen = cat();
    let stdout = popen.stdout().expect("a pipe");
    let give = popen.stdin().expect("a pipe");
    case(
        move || {
            assert_eq!(call(stdout)?, 2);
            Ok(())
        },
        move || {
            assert_eq!((&give).write(b"ab").expect("there is space"), 2);
            give.close();
        },
        move |got| {
            if !(got && takes) {
                let mut text = [0; 2];
                popen
                    .stdout()
                    .expect("a pipe")
                    .read_exact(&mut text)
                    .expect("it is there");
                assert_eq!(&text, b"ab");
            }
            assert_eq!(popen.close().expect("nobody kills the test"), 0);
        },
    )
}

/// A child that reads all of its input when the gate is dropped, and a full pipe to it.
fn full() -> (Popen, Gate) {
    let (gate, open) = pipe().expect("a pipe");
    let script = format!("read line </dev/fd/{}; cat >/dev/null", gate.as_raw_fd());
    let mut command = Command::shell(script);
    let popen = command
        .pass_fds(&[gate.as_raw_fd()])
        .stdin(PIPE)
        .spawn()
        .expect("it starts");
    popen
        .stdin()
        .expect("a pipe")
        .with_fd(|fd| while rustix::io::write(fd, &[0; 4096]).is_ok() {})
        .expect("it is open");
    (popen, open)
}

/// A case in which the child reads all that was written when it is told.
fn writing(call: fn(PipeWriter) -> io::Result<usize>) -> Case {
    let (popen, open) = full();
    let (stdin, open) = (popen.stdin().expect("a pipe"), Cell::new(Some(open)));
    // The child ends after the call.
    let ends = CloseOnDrop(stdin.clone());
    case(
        move || {
            let _ends = ends;
            assert!(call(stdin)? > 0);
            Ok(())
        },
        move || drop(open.take()),
        move |_| assert_eq!(popen.close().expect("nobody kills the test"), 0),
    )
}

struct CloseOnDrop(PipeWriter);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let waits: [(_, fn(&Popen) -> TestResult); 4] = [
        ("src/subprocess/popen.rs Popen::wait", |p| p.wait().map(drop)),
        ("src/subprocess/popen.rs Popen::wait_timeout", |p| {
            p.wait_timeout(LIMIT).map(drop)
        }),
        ("src/subprocess/communicate.rs Popen::communicate", |p| {
            p.communicate(None).map(drop)
        }),
        ("src/subprocess/communicate.rs Popen::communicate_timeout", |p| {
            p.communicate_timeout("input", LIMIT).map(drop)
        }),
    ];
    rows.extend(waits.map(|(name, call)| row(name, move || waiting(call))));
    rows.push(row("src/subprocess/popen.rs Popen::close", || {
        closing(|p| p.close().map(drop))
    }));
    let runs: [(_, fn(&str) -> TestResult); 14] = [
        ("src/subprocess/run.rs run", |s| run(Command::shell(s)).map(drop)),
        ("src/subprocess/run.rs run_timeout", |s| {
            run_timeout(Command::shell(s).stdout(PIPE), LIMIT).map(drop)
        }),
        ("src/subprocess/run.rs run_with", |s| {
            run_with(Command::shell(s), Run::default().capture_output().input("x")).map(drop)
        }),
        ("src/subprocess/run.rs call", |s| call(Command::shell(s)).map(drop)),
        ("src/subprocess/run.rs call_timeout", |s| {
            call_timeout(Command::shell(s), LIMIT).map(drop)
        }),
        ("src/subprocess/run.rs check_call", |s| check_call(Command::shell(s))),
        ("src/subprocess/run.rs check_call_timeout", |s| {
            check_call_timeout(Command::shell(s), LIMIT)
        }),
        ("src/subprocess/run.rs check_output", |s| {
            check_output(Command::shell(s)).map(drop)
        }),
        ("src/subprocess/run.rs check_output_timeout", |s| {
            check_output_timeout(Command::shell(s), LIMIT).map(drop)
        }),
        ("src/subprocess/run.rs check_output_with", |s| {
            check_output_with(Command::shell(s), Run::default().input("x")).map(drop)
        }),
        ("src/subprocess/run.rs getstatusoutput", |s| {
            getstatusoutput(s).map(drop)
        }),
        ("src/subprocess/run.rs getoutput", |s| getoutput(s).map(drop)),
        ("src/subprocess/command.rs Command::status", |s| {
            Command::shell(s).status().map(drop)
        }),
        ("src/subprocess/command.rs Command::output", |s| {
            Command::shell(s).output().map(drop)
        }),
    ];
    rows.extend(runs.map(|(name, call)| row(name, move || running(call))));
    let reads: [(_, fn(PipeReader) -> io::Result<usize>, _); 4] = [
        (
            "src/subprocess/pipes.rs PipeReader::read",
            |mut r| r.read(&mut [0; 8]),
            true,
        ),
        (
            "src/subprocess/pipes.rs &PipeReader::read",
            |r| (&r).read(&mut [0; 2]),
            true,
        ),
        (
            "src/subprocess/pipes.rs PipeReader::fill_buf",
            |mut r| r.fill_buf().map(<[u8]>::len),
            false,
        ),
        // std's function, which goes on after `Interrupted`.
        ("std read_until", |mut r| r.read_until(b'b', &mut Vec::new()), true),
    ];
    rows.extend(reads.map(|(name, call, takes)| row(name, move || reading(call, takes))));
    let writes: [(_, fn(PipeWriter) -> io::Result<usize>); 4] = [
        ("src/subprocess/pipes.rs PipeWriter::write", |mut w| w.write(&[0; 8])),
        ("src/subprocess/pipes.rs &PipeWriter::write", |w| (&w).write(&[0; 8])),
        ("src/subprocess/pipes.rs PipeWriter::write_vectored", |mut w| {
            w.write_vectored(&[IoSlice::new(&[0; 8])])
        }),
        ("src/subprocess/pipes.rs &PipeWriter::write_vectored", |w| {
            (&w).write_vectored(&[IoSlice::new(&[0; 8])])
        }),
    ];
    rows.extend(writes.map(|(name, call)| row(name, move || writing(call))));
    rows
}
