//! Terminals, with the settings of `stty`.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::AsRawFd;

use gevent::fileobject::{FileObject, FileObjectPosix};
use gevent::prelude::*;
use gevent::select::select_timeout;
use rustix::fs::fcntl_getfl;
use rustix::termios::{Action, tcflow};

use crate::support::{TestResult, bounded};
use crate::terminal::Terminal;

/// In its usual mode a terminal gives whole lines.
#[test]
fn a_line_is_read_when_it_is_complete() -> TestResult {
    let _bounded = bounded();
    let terminal = Terminal::new()?;
    let before = fcntl_getfl(&terminal.slave)?;
    let mut file = FileObject::new(terminal.slave.clone(), "r")?;
    assert!(file.isatty() && !file.seekable());
    let mut keyboard = File::from(terminal.master.try_clone()?);
    let reading = spawn(move || {
        let mut lines = [String::new(), String::new()];
        file.read_line(&mut lines[0])?;
        file.read_line(&mut lines[1])?;
        Ok(lines)
    });
    for keys in ["on", "e\n", "two\n"] {
        sleep(0.005)?;
        assert!(!reading.ready());
        keyboard.write_all(keys.as_bytes())?;
    }
    assert_eq!(reading.get()?, ["one\n", "two\n"]);
    assert_eq!(fcntl_getfl(&terminal.slave)?, before);
    Ok(())
}

/// Ctrl-D at the beginning of a line is the end of the data.
#[test]
fn ctrl_d_is_the_end() -> TestResult {
    let _bounded = bounded();
    let terminal = Terminal::new()?;
    let mut file = FileObject::new(terminal.slave.clone(), "r")?;
    File::from(terminal.master.try_clone()?).write_all(b"text\n\x04")?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    assert_eq!(text, "text\n");
    Ok(())
}

#[test]
fn lines_are_written_when_they_are_complete() -> TestResult {
    let _bounded = bounded();
    let terminal = Terminal::new()?;
    terminal.stty(&["-echo"])?;
    let mut file = FileObject::new(terminal.slave.clone(), "w")?;
    // Without a buffer, so that it takes no more than is asked for. A line may come in parts.
    let mut screen = FileObject::with_buffering(terminal.master.clone(), "rb", 0)?;
    file.write_all(b"o")?;
    file.write_all(b"ne\n")?;
    file.write_all(b"two")?;
    let mut shown = [0; 5];
    screen.read_exact(&mut shown)?;
    assert_eq!(&shown, b"one\r\n");
    assert!(select_timeout([screen.as_raw_fd()], [], [], 0)?.0.is_empty());
    file.close()?;
    screen.read_exact(&mut shown[..3])?;
    assert_eq!(&shown[..3], b"two");
    let mut byte = [0];
    let waiting = spawn(move || Ok(screen.read(&mut byte)?));
    sleep(0)?;
    waiting.kill()?;
    Ok(())
}

/// Much more than a terminal has room for goes both ways, while other greenlets run.
#[test]
fn much_goes_both_ways_at_once() -> TestResult {
    let _bounded = bounded();
    const MANY: usize = 300_000;
    let terminal = Terminal::new()?;
    terminal.stty(&["raw", "-echo"])?;
    let before = (fcntl_getfl(&terminal.slave)?, fcntl_getfl(&terminal.master)?);
    let ends = [&terminal.slave, &terminal.master];
    let mut greenlets = Vec::new();
    for (end, byte) in ends.into_iter().zip([b'a', b'b']) {
        let file = FileObjectPosix::new(end.clone(), "r+b")?;
        let (mut reader, mut writer) = (file.clone(), file);
        greenlets.push(spawn(move || {
            writer.write_all(&vec![byte; MANY])?;
            writer.flush()?;
            Ok(0)
        }));
        greenlets.push(spawn(move || {
            let mut all = vec![0; MANY];
            reader.read_exact(&mut all)?;
            assert!(all.iter().all(|other| *other == all[0]));
            Ok(all[0])
        }));
    }
    joinall(&greenlets)?;
    let got: Result<Vec<_>, _> = greenlets.iter().map(|greenlet| greenlet.get()).collect();
    assert_eq!(got?, [0, b'b', 0, b'a']);
    assert_eq!((fcntl_getfl(&terminal.slave)?, fcntl_getfl(&terminal.master)?), before);
    Ok(())
}

/// A terminal that is stopped (Ctrl-S) keeps a greenlet waiting, and not the thread.
#[test]
fn a_stopped_terminal_stops_a_greenlet_only() -> TestResult {
    let _bounded = bounded();
    let terminal = Terminal::new()?;
    terminal.stty(&["-echo"])?;
    let mut screen = FileObject::new(terminal.master.clone(), "rb")?;
    let mut file = FileObject::new(terminal.slave.clone(), "w")?;
    tcflow(&terminal.slave, Action::OOff)?;
    let writing = spawn(move || Ok(writeln!(file, "late")?));
    sleep(0.01)?;
    assert!(!writing.ready());
    tcflow(&terminal.slave, Action::OOn)?;
    writing.get()?;
    let mut shown = [0; 6];
    screen.read_exact(&mut shown)?;
    assert_eq!(&shown, b"late\r\n");
    Ok(())
}

/// When the other end is gone, a read fails as at any terminal, or ends.
#[test]
fn a_hangup_ends_a_reader() -> TestResult {
    let _bounded = bounded();
    let terminal = Terminal::new()?;
    let mut file = FileObject::new(terminal.slave.clone(), "r")?;
    let reading = spawn(move || Ok(file.read(&mut [0])?));
    sleep(0)?;
    drop(terminal);
    match reading.get() {
        Ok(0) => Ok(()),
        Err(error) if error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) == Some(libc::EIO) => Ok(()),
        other => panic!("{other:?}"),
    }
}
