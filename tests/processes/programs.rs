//! Real programs: much data both ways, filters, `git`, children of children.

use std::io::{BufRead, Read, Write};

use sha2::{Digest, Sha256};

use crate::sh;
use crate::support::{TestResult, bounded};
use gevent::subprocess::{
    Command, PIPE, Popen, Run, STDOUT, TimeoutExpired, call, check_output, check_output_with, run_with,
};
use gevent::{joinall, spawn};

/// Bytes that are the same each time, and do not repeat soon.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_ne_bytes());
    }
    bytes.truncate(len);
    bytes
}

const MUCH: usize = 100 << 20;

#[test]
fn cat_takes_and_gives_100_mib_in_communicate() -> TestResult {
    let _bounded = bounded();
    let cat = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE))?;
    let data = noise(MUCH);
    let hash = Sha256::digest(&data);
    let (stdout, _) = cat.communicate(data)?;
    let stdout = stdout.expect("a pipe");
    assert_eq!((stdout.len(), Sha256::digest(&stdout)), (MUCH, hash));
    assert_eq!(cat.returncode(), Some(0));
    Ok(())
}

#[test]
fn cat_takes_and_gives_100_mib_of_two_greenlets() -> TestResult {
    let _bounded = bounded();
    let cat = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE))?;
    let part = noise(1 << 20);
    let mut sent = Sha256::new();
    (0..100).for_each(|_| sent.update(&part));
    let (mut stdin, mut stdout) = (cat.stdin().expect("a pipe"), cat.stdout().expect("a pipe"));
    let writer = spawn(move || {
        for _ in 0..100 {
            stdin.write_all(&part)?;
        }
        stdin.close();
        Ok(())
    });
    let reader = spawn(move || {
        let (mut got, mut buf) = (Sha256::new(), vec![0; 100_000]);
        loop {
            match stdout.read(&mut buf)? {
                0 => return Ok(got.finalize()),
                n => got.update(&buf[..n]),
            }
        }
    });
    writer.get()?;
    assert_eq!(reader.get()?, sent.finalize());
    assert_eq!(cat.wait()?, 0);
    Ok(())
}

#[test]
fn sort_and_gzip() -> TestResult {
    let _bounded = bounded();
    let lines: Vec<String> = (0..20_000).map(|n| format!("{:05}\n", (n * 7919) % 20_000)).collect();
    let sorted = check_output_with(["sort"], Run::default().input(lines.concat()))?;
    let expected: String = (0..20_000).map(|n| format!("{n:05}\n")).collect();
    assert!(sorted == expected.as_bytes());

    let zipped = check_output_with(["gzip", "-c"], Run::default().input(sorted))?;
    assert!(zipped.len() < expected.len());
    let unzipped = check_output_with(["gzip", "-dc"], Run::default().input(zipped))?;
    assert!(unzipped == expected.as_bytes());
    Ok(())
}

#[test]
fn a_pipeline_of_three() -> TestResult {
    let _bounded = bounded();
    let seq = Popen::new(Command::new("seq").arg("100000").stdout(PIPE))?;
    let grep = Popen::new(
        Command::new("grep")
            .arg("7")
            .stdin(seq.stdout().expect("a pipe"))
            .stdout(PIPE),
    )?;
    let wc = Popen::new(
        Command::new("wc")
            .arg("-l")
            .stdin(grep.stdout().expect("a pipe"))
            .stdout(PIPE),
    )?;
    let (count, _) = wc.communicate(None)?;
    let count: usize = String::from_utf8(count.unwrap_or_default())?.trim().parse()?;
    assert_eq!(
        count,
        (1..=100_000).filter(|n: &u32| n.to_string().contains('7')).count()
    );
    gevent::wait([&seq, &grep, &wc])?;
    assert_eq!([&seq, &grep, &wc].map(|popen| popen.returncode()), [Some(0); 3]);
    // `head` ends early; the writer gets a SIGPIPE.
    let yes = Popen::new(Command::new("yes").stdout(PIPE))?;
    let head = Popen::new(
        Command::new("head")
            .arg("-n1")
            .stdin(yes.stdout().expect("a pipe"))
            .stdout(PIPE),
    )?;
    assert_eq!(head.communicate(None)?.0.as_deref(), Some(&b"y\n"[..]));
    assert_eq!(yes.wait()?, -libc::SIGPIPE);
    Ok(())
}

#[test]
fn git() -> TestResult {
    let _bounded = bounded();
    let dir = std::env::temp_dir().join(format!("gevent-git-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(args).cwd(&dir).envs([
            ("GIT_AUTHOR_NAME", "a"),
            ("GIT_AUTHOR_EMAIL", "a@example.org"),
            ("GIT_COMMITTER_NAME", "a"),
            ("GIT_COMMITTER_EMAIL", "a@example.org"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ]);
        check_output(git.stderr(STDOUT))
    };
    let done = || -> TestResult {
        git(&["init", "-q", "."])?;
        for n in 0..3 {
            std::fs::write(dir.join("file"), format!("{n}\n"))?;
            git(&["add", "file"])?;
            git(&["commit", "-q", "-m", &format!("commit {n}")])?;
        }
        let log = String::from_utf8(git(&["log", "--format=%s"])?)?;
        assert_eq!(log, "commit 2\ncommit 1\ncommit 0\n");
        assert!(git(&["no-such-command"]).is_err());
        Ok(())
    };
    let done = done();
    std::fs::remove_dir_all(&dir)?;
    done
}

/// A child that has ended, while a child of it still has the pipe: `wait` ends with the child, `communicate` with the
/// pipe.
#[test]
fn a_grandchild_that_holds_the_pipes() -> TestResult {
    let _bounded = bounded();
    let mut popen = sh("sleep 3600 & echo $!");
    let popen = popen.stdout(PIPE).spawn()?;
    assert_eq!(popen.wait()?, 0);
    let mut stdout = popen.stdout().expect("a pipe");
    let mut grandchild = String::new();
    stdout.read_line(&mut grandchild)?;
    let error = popen.communicate_timeout(None, 0.02).unwrap_err();
    assert!(error.is::<TimeoutExpired>());
    assert_eq!(call(["kill", grandchild.trim()])?, 0);
    assert_eq!(popen.communicate(None)?, (Some(Vec::new()), None));
    Ok(())
}

/// `close` does not wait for a grandchild.
#[test]
fn a_grandchild_does_not_hold_close_up() -> TestResult {
    let _bounded = bounded();
    let popen = sh("sleep 3600 & echo $!").stdout(PIPE).spawn()?;
    let mut grandchild = String::new();
    popen.stdout().expect("a pipe").read_line(&mut grandchild)?;
    let communicator = spawn({
        let popen = popen.clone();
        move || popen.communicate_timeout(None, 0.01).map(drop)
    });
    assert!(communicator.get().is_err());
    assert_eq!(popen.close()?, 0);
    assert_eq!(call(["kill", grandchild.trim()])?, 0);
    Ok(())
}

/// A program that detaches itself: its session is its own, and nobody waits for it.
#[test]
fn a_daemon_is_left_alone() -> TestResult {
    let _bounded = bounded();
    let script = "setsid sleep 3600 </dev/null >/dev/null 2>&1 & echo $!";
    let done = run_with(sh(script), Run::default().capture_output().check())?;
    let pid = String::from_utf8(done.stdout.unwrap_or_default())?;
    assert_eq!(call(["kill", "-KILL", pid.trim()])?, 0);
    Ok(())
}

#[test]
fn many_greenlets_run_programs_at_once() -> TestResult {
    let _bounded = bounded();
    let jobs: Vec<_> = (0..50)
        .map(|n: u32| {
            spawn(move || {
                let mut sums = 0;
                for _ in 0..4 {
                    let output = check_output(sh(&format!("echo {n}")))?;
                    sums += String::from_utf8(output)?.trim().parse::<u32>()?;
                }
                Ok(sums)
            })
        })
        .collect();
    joinall(&jobs)?;
    for (n, job) in (0..).zip(&jobs) {
        assert_eq!(job.get()?, 4 * n);
    }
    Ok(())
}
