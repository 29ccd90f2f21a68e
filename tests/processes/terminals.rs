//! Children whose standard streams are a terminal: its size and modes, its signals, its end.

use std::fs::File;
use std::io::{Read, Write};

use crate::sh;
use crate::support::{TestResult, bounded};
use crate::terminal::Terminal;
use gevent::fileobject::FileObject;
use gevent::subprocess::{Command, Popen, Stdio};
use gevent::{Exception, spawn};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcgetwinsize, tcsetwinsize};

/// Starts a command with the terminal as its standard streams.
fn start(command: &mut Command, terminal: &Terminal) -> Result<Popen, Exception> {
    let end = || terminal.slave.try_clone().map(Stdio::from);
    Ok(command.stdin(end()?).stdout(end()?).stderr(end()?).spawn()?)
}

/// Starts a command whose controlling terminal this is, so that its keys send signals.
fn start_session(script: &str, terminal: &Terminal) -> Result<Popen, Exception> {
    // The first terminal that the leader of a session opens is its own.
    let script = format!("exec 0<>{}; {script}", terminal.path.display());
    start(sh(&script).start_new_session(true), terminal)
}

/// What the child shows, until the text is there.
fn shown(screen: &mut FileObject, text: &str) -> Result<String, Exception> {
    let mut all = String::new();
    while !all.contains(text) {
        let mut part = [0; 1000];
        let count = screen.read(&mut part)?;
        assert_ne!(count, 0, "{all}");
        all.push_str(&String::from_utf8_lossy(&part[..count]));
    }
    Ok(all)
}

fn screen(terminal: &Terminal) -> Result<FileObject, Exception> {
    Ok(FileObject::with_buffering(terminal.master.clone(), "rb", 0)?)
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// `stty` shows the size and the modes that the parent has set, and sets those that the parent finds.
#[test]
fn stty_reads_and_sets() -> TestResult {
    let _bounded = bounded();
    let terminal = Terminal::new()?;
    tcsetwinsize(&terminal.master, size(40, 132)).map_err(std::io::Error::from)?;
    let mut screen = screen(&terminal)?;
    let stty = start(Command::new("stty").arg("size"), &terminal)?;
    assert_eq!(shown(&mut screen, "\n")?, "40 132\r\n");
    assert_eq!(stty.wait()?, 0);

    let modes = || tcgetattr(&terminal.slave).map_err(std::io::Error::from);
    assert!(modes()?.local_modes.contains(LocalModes::ECHO | LocalModes::ICANON));
    let set = Command::new("stty")
        .args(["-echo", "-icanon", "rows", "10", "cols", "20"])
        .stdin(terminal.slave.try_clone()?)
        .status()?;
    assert!(set.success());
    assert!(!modes()?.local_modes.intersects(LocalModes::ECHO | LocalModes::ICANON));
    let got = tcgetwinsize(&terminal.master).map_err(std::io::Error::from)?;
    assert_eq!((got.ws_row, got.ws_col), (10, 20));
    assert_eq!(start(Command::new("stty").arg("sane"), &terminal)?.wait()?, 0);
    assert!(modes()?.local_modes.contains(LocalModes::ECHO | LocalModes::ICANON));
    let wrong = start(Command::new("stty").arg("no-such-mode"), &terminal)?;
    assert!(shown(&mut screen, "\n")?.contains("no-such-mode"));
    assert_eq!(wrong.wait()?, 1);
    Ok(())
}

/// A conversation, while another greenlet waits for the end.
#[test]
fn a_child_reads_keys_and_echoes_them() -> TestResult {
    let _bounded = bounded();
    let terminal = Terminal::new()?;
    let (mut screen, mut keys) = (screen(&terminal)?, File::from(terminal.master.try_clone()?));
    let popen = start(
        &mut sh("read name; stty -echo; read secret; echo $name, $secret; exit 3"),
        &terminal,
    )?;
    let waiting = spawn({
        let popen = popen.clone();
        move || popen.wait()
    });
    keys.write_all(b"name\n")?;
    assert_eq!(shown(&mut screen, "name\r\n")?, "name\r\n");
    while tcgetattr(&terminal.slave)
        .map_err(std::io::Error::from)?
        .local_modes
        .contains(LocalModes::ECHO)
    {
        gevent::sleep(0.001)?;
    }
    assert!(!waiting.ready());
    keys.write_all(b"secret\n")?;
    assert_eq!(shown(&mut screen, "\n")?, "name, secret\r\n");
    assert_eq!(waiting.get()?, 3);
    Ok(())
}

/// Ctrl-C at the terminal, and a window that is resized.
#[test]
fn keys_of_a_terminal_send_signals() -> TestResult {
    let _bounded = bounded();
    let terminal = Terminal::new()?;
    let (mut screen, mut keys) = (screen(&terminal)?, File::from(terminal.master.try_clone()?));
    let popen = start_session("echo ready; exec sleep 3600", &terminal)?;
    shown(&mut screen, "ready")?;
    keys.write_all(b"\x03")?;
    assert_eq!(popen.wait()?, -libc::SIGINT);

    let terminal = Terminal::new()?;
    let (mut screen, mut keys) = (self::screen(&terminal)?, File::from(terminal.master.try_clone()?));
    let popen = start_session(
        "trap 'stty size' WINCH; trap 'exit 5' INT; echo ready; while :; do sleep 0.01; done",
        &terminal,
    )?;
    shown(&mut screen, "ready")?;
    tcsetwinsize(&terminal.master, size(50, 60)).map_err(std::io::Error::from)?;
    shown(&mut screen, "50 60")?;
    keys.write_all(b"\x03")?;
    assert_eq!(popen.wait()?, 5);
    Ok(())
}

/// When the parent closes its end, the session's leader gets a `SIGHUP`.
#[test]
fn a_hangup_ends_a_child() -> TestResult {
    let _bounded = bounded();
    let terminal = Terminal::new()?;
    let mut screen = screen(&terminal)?;
    let popen = start_session("echo ready; exec sleep 3600 <&0 >/dev/null 2>&1", &terminal)?;
    shown(&mut screen, "ready")?;
    drop((screen, terminal));
    assert_eq!(popen.wait()?, -libc::SIGHUP);
    Ok(())
}

/// Much is shown, more than a terminal has room for.
#[test]
fn a_child_waits_for_a_slow_screen() -> TestResult {
    let _bounded = bounded();
    let terminal = Terminal::new()?;
    let mut screen = FileObject::new(terminal.master.clone(), "rb")?;
    let popen = start(Command::new("seq").arg("20000"), &terminal)?;
    assert!(popen.wait_timeout(0.02).is_err());
    let expected: String = (1..=20000).map(|n| format!("{n}\r\n")).collect();
    let mut all = vec![0; expected.len()];
    screen.read_exact(&mut all)?;
    assert!(all == expected.as_bytes());
    assert_eq!(popen.wait()?, 0);
    Ok(())
}

/// The ends that the child has got do not stay open in the parent.
#[test]
fn the_end_of_a_child_is_the_end_of_its_terminal() -> TestResult {
    let _bounded = bounded();
    let Terminal { master, slave, .. } = Terminal::new()?;
    let mut screen = FileObject::with_buffering(master, "rb", 0)?;
    let mut command = sh("echo bye; exit 2");
    command.stdout(slave.try_clone()?);
    drop(slave);
    let popen = command.spawn()?;
    drop(command);
    assert_eq!(shown(&mut screen, "bye\r\n")?, "bye\r\n");
    assert_eq!(popen.wait()?, 2);
    // Linux says so by an error.
    match screen.read(&mut [0]) {
        Ok(0) => {}
        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EIO)),
        Ok(_) => panic!("there is nothing more"),
    }
    Ok(())
}
