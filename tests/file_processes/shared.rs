//! The standard descriptors, in a child: this program again.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use gevent::fileobject::{FileObject, stderr, stdin, stdout};
use gevent::prelude::*;

use crate::support::{TestResult, bounded};
use crate::terminal::Terminal;

const ASKED: &str = "GEVENT_FILES_CHILD";

/// How many bytes `println!` writes: more than a pipe or a terminal has room for.
const MANY: usize = 200_000;

/// What the child does: it is no test.
#[test]
fn child() -> TestResult {
    if std::env::var_os(ASKED).is_none() {
        return Ok(());
    }
    let flags = |fd: &dyn Fn() -> OwnedFd| rustix::fs::fcntl_getfl(fd());
    let descriptors: [&dyn Fn() -> OwnedFd; 3] = [
        &|| {
            std::os::fd::AsFd::as_fd(&io::stdin())
                .try_clone_to_owned()
                .expect("open")
        },
        &|| {
            std::os::fd::AsFd::as_fd(&io::stdout())
                .try_clone_to_owned()
                .expect("open")
        },
        &|| {
            std::os::fd::AsFd::as_fd(&io::stderr())
                .try_clone_to_owned()
                .expect("open")
        },
    ];
    let before = descriptors.map(flags);
    let echoing = spawn(|| {
        let (mut lines, mut output) = (stdin()?.lines(), stdout()?);
        let first = lines.next().expect("a line")?;
        writeln!(output, "greenlet: {first}")?;
        // What was read ahead belongs to all handles.
        let mut second = String::new();
        stdin()?.read_line(&mut second)?;
        write!(output, "greenlet: {second}")?;
        writeln!(stderr()?, "error")?;
        Ok(())
    });
    let mut turns = 0;
    while !echoing.ready() {
        sleep(0.001)?;
        turns += 1;
    }
    echoing.get()?;
    assert!(turns > 0);
    assert_eq!(descriptors.map(flags), before);
    println!("{}", "x".repeat(MANY));
    println!("printed");
    Ok(())
}

fn command() -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--exact", "shared::child", "--nocapture", "--test-threads=1"])
        .env(ASKED, "1");
    Ok(command)
}

fn check(output: &str) {
    let lines: Vec<_> = output.lines().map(|line| line.trim_end_matches('\r')).collect();
    let has = |wanted: &str| lines.iter().any(|line| line.ends_with(wanted));
    for wanted in ["greenlet: one", "greenlet: two", "printed"] {
        assert!(
            has(wanted),
            "{wanted} is missing: {}",
            output.replace(&"x".repeat(MANY), "[x]")
        );
    }
    assert!(output.contains(&"x".repeat(MANY)));
    assert!(output.contains("1 passed"));
}

#[test]
fn the_standard_descriptors_may_be_pipes() -> TestResult {
    let _bounded = bounded();
    let mut child = command()?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = FileObject::new(child.stdin.take().expect("a pipe"), "w")?;
    let mut output = FileObject::new(child.stdout.take().expect("a pipe"), "r")?;
    let mut errors = FileObject::new(child.stderr.take().expect("a pipe"), "r")?;
    sleep(0.01)?;
    write!(input, "one\ntwo\n")?;
    input.close()?;
    let mut text = String::new();
    output.read_to_string(&mut text)?;
    check(&text);
    let mut text = String::new();
    errors.read_to_string(&mut text)?;
    assert!(text.contains("error\n"), "{text}");
    assert!(child.wait()?.success());
    Ok(())
}

#[test]
fn the_standard_descriptors_may_be_one_terminal() -> TestResult {
    let _bounded = bounded();
    let terminal = Terminal::new()?;
    terminal.stty(&["-echo"])?;
    let end = || terminal.slave.try_clone().map(Stdio::from);
    let mut child = command()?.stdin(end()?).stdout(end()?).stderr(end()?).spawn()?;
    let screen = FileObject::new(terminal.master.clone(), "rb")?;
    File::from(terminal.master.try_clone()?).write_all(b"one\ntwo\n")?;
    let mut all = Vec::new();
    while !all.windows(8).any(|part| part == b"1 passed") {
        all.extend_from_slice(&screen.read1(9999)?);
        assert!(
            !all.windows(6).any(|part| part == b"FAILED"),
            "{}",
            String::from_utf8_lossy(&all)
        );
    }
    let text = String::from_utf8_lossy(&all);
    check(&text);
    assert!(text.contains("error\r\n"), "{text}");
    assert!(child.wait()?.success());
    Ok(())
}

#[test]
fn the_standard_descriptors_may_be_files() -> TestResult {
    let _bounded = bounded();
    let path = std::env::temp_dir().join(format!("gevent-files-std-{}", std::process::id()));
    std::fs::write(&path, "one\ntwo\n")?;
    let output = path.with_extension("out");
    let status = command()?
        .stdin(File::open(&path)?)
        .stdout(File::create(&output)?)
        .stderr(Stdio::null())
        .status()?;
    assert!(status.success());
    let mut text = String::new();
    FileObject::open(&output, "r")?.read_to_string(&mut text)?;
    check(&text);
    std::fs::remove_file(path)?;
    std::fs::remove_file(output)?;
    Ok(())
}
