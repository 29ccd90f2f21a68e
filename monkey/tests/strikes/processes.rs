//! Waits for children, and for commands.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;

use crate::files::{pipe, take, wait_for};
use crate::row::{Case, Row, done};

/// A call that waits for a child, which ends when its input does.
fn waits(call: fn(i32) -> io::Result<()>) -> Case {
    let mut child = Command::new("cat")
        .stdin(Stdio::piped())
        .spawn()
        .expect("there is a cat");
    let (pid, input) = (child.id() as i32, child.stdin.take());
    let input = std::rc::Rc::new(std::cell::Cell::new(input));
    let given = input.clone();
    Case::new(move || call(pid), move || drop(given.take())).checked(move |succeeded| {
        drop(input.take());
        check(child, succeeded);
    })
}

/// The child is taken, by the call or now.
fn check(mut child: Child, succeeded: bool) {
    match child.wait() {
        Ok(status) => assert!(!succeeded && status.success(), "{status}"),
        Err(error) => assert!(succeeded && error.raw_os_error() == Some(libc::ECHILD), "{error}"),
    }
}

fn taken(got: i32, child: i32) -> io::Result<()> {
    let got = done(got)?;
    (got == child.into())
        .then_some(())
        .ok_or_else(|| io::Error::other(format!("{got}")))
}

fn waitpid(child: i32) -> io::Result<()> {
    // SAFETY: no status is asked for.
    taken(unsafe { libc::waitpid(child, null_mut(), 0) }, child)
}

/// Of any child.
fn wait(child: i32) -> io::Result<()> {
    // SAFETY: no status is asked for.
    taken(unsafe { libc::wait(null_mut()) }, child)
}

fn wait3(child: i32) -> io::Result<()> {
    unsafe extern "C" {
        fn wait3(status: *mut i32, options: i32, usage: *mut libc::rusage) -> i32;
    }
    // SAFETY: nothing is asked for.
    taken(unsafe { wait3(null_mut(), 0, null_mut()) }, child)
}

/// Of any child of the process's group, of which nothing tells.
fn waitpid_of_group(child: i32) -> io::Result<()> {
    // SAFETY: no status is asked for.
    taken(unsafe { libc::waitpid(0, null_mut(), 0) }, child)
}

fn wait4(child: i32) -> io::Result<()> {
    // SAFETY: nothing is asked for.
    taken(unsafe { libc::wait4(child, null_mut(), 0, null_mut()) }, child)
}

fn waitid(child: i32) -> io::Result<()> {
    // SAFETY: a `siginfo_t` is plain data.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        done(libc::waitid(libc::P_PID, child as u32, &raw mut info, libc::WEXITED))?;
        taken(info.si_pid(), child)
    }
}

/// By the handle of the process that the kernel gives.
fn waitid_by_descriptor(child: i32) -> io::Result<()> {
    // SAFETY: the descriptor is new; a `siginfo_t` is plain data.
    unsafe {
        let fd = done(libc::syscall(libc::SYS_pidfd_open, child, 0))?;
        let fd = OwnedFd::from_raw_fd(fd as i32);
        let mut info: libc::siginfo_t = std::mem::zeroed();
        done(libc::waitid(
            libc::P_PIDFD,
            fd.as_raw_fd() as u32,
            &raw mut info,
            libc::WEXITED,
        ))?;
        taken(info.si_pid(), child)
    }
}

/// A command that waits for the end of a pipe, and then says so in another one.
struct Commanded {
    text: CString,
    inputs: (OwnedFd, OwnedFd),
    outputs: (OwnedFd, OwnedFd),
}

impl Commanded {
    fn new() -> Commanded {
        let (inputs, outputs) = (pipe(), pipe());
        for fd in [&inputs.0, &outputs.1] {
            // SAFETY: it is open, and the command is to have it.
            done(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, 0) }).expect("it is open");
        }
        let (input, output) = (inputs.0.as_raw_fd(), outputs.1.as_raw_fd());
        let text = CString::new(format!("cat <&{input}; printf x >&{output}")).expect("it has no zeros");
        Commanded { text, inputs, outputs }
    }

    /// A call that waits for the command. It ends, whatever has become of the call.
    fn awaited(self, call: impl FnOnce() -> i32 + Send + 'static) -> Case {
        let Commanded { inputs, outputs, .. } = self;
        let (input, writer) = inputs;
        let writer = std::rc::Rc::new(std::cell::Cell::new(Some(writer)));
        let given = writer.clone();
        let call = move || done(call()).map(|status| assert_eq!(status, 0));
        Case::new(call, move || drop(given.take())).checked(move |_| {
            drop(writer.take());
            wait_for(outputs.0.as_raw_fd());
            assert_eq!(take(outputs.0.as_raw_fd()), b"x");
            drop((input, outputs));
        })
    }
}

fn system() -> Case {
    let command = Commanded::new();
    let text = command.text.clone();
    // SAFETY: the text ends with a zero.
    command.awaited(move || unsafe { libc::system(text.as_ptr()) })
}

fn pclose() -> Case {
    unsafe extern "C" {
        fn popen(command: *const libc::c_char, mode: *const libc::c_char) -> *mut libc::FILE;
        fn pclose(stream: *mut libc::FILE) -> i32;
    }
    let command = Commanded::new();
    // SAFETY: the texts end with zeros.
    let stream = unsafe { popen(command.text.as_ptr(), c"r".as_ptr()) };
    assert!(!stream.is_null());
    let address = stream.expose_provenance();
    // SAFETY: the stream is closed once, and here.
    command.awaited(move || unsafe { pclose(std::ptr::with_exposed_provenance_mut(address)) })
}

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::new("waitpid", || waits(waitpid)),
        Row::new("waitpid", || waits(waitpid_of_group)).with("of the group"),
        Row::new("wait", || waits(wait)),
        Row::new("wait3", || waits(wait3)),
        Row::new("wait4", || waits(wait4)),
        Row::new("waitid", || waits(waitid)),
        Row::new("waitid", || waits(waitid_by_descriptor)).with("by a descriptor"),
        Row::new("system", system),
        Row::new("pclose", pclose),
    ]
}
