//! Stat watchers. Source: gevent's test__core_stat.py.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::core_support::*;
use hub::core::{Error, Loop, Stat};

/// A path that only this test uses, and that is removed in the end.
struct TempPath(PathBuf);

impl TempPath {
    fn new(name: &str) -> std::io::Result<TempPath> {
        let path = std::env::temp_dir().join(format!("hub-core-stat-{}-{name}", std::process::id()));
        fs::write(&path, "")?;
        Ok(TempPath(path))
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Starts the watcher, does `change` once the loop runs, and waits for the event.
fn wait_for(loop_: &Loop, watcher: &Stat, change: impl Fn() + 'static) -> TestResult {
    let trace = Trace::new();
    watcher.start({
        let (watcher, trace) = (watcher.clone(), trace.clone());
        move || {
            trace.add("changed");
            watcher.stop().unwrap();
        }
    })?;
    loop_.run_callback(change)?;
    run(loop_)?;
    assert_eq!(trace.take(), ["changed"]);
    Ok(())
}

#[test]
fn test_watcher_basics() -> TestResult {
    let path = TempPath::new("basics")?;
    let loop_ = new_loop()?;
    let watcher = loop_.stat(&path.0, -1.0)?;
    assert_eq!(watcher.path(), path.0);
    near(watcher.interval(), -1.0);
    Ok(())
}

#[test]
fn test_write() -> TestResult {
    let path = TempPath::new("write")?;
    let loop_ = new_loop()?;
    let watcher = loop_.stat(&path.0, -1.0)?;
    let file = path.0.clone();
    wait_for(&loop_, &watcher, move || fs::write(&file, "x").unwrap())?;
    assert_eq!(watcher.attr().expect("it exists").st_size, 1);
    assert_eq!(watcher.prev().expect("it existed").st_size, 0);
    assert!(watcher.interval() > 0.1, "libev has raised it: {}", watcher.interval());
    Ok(())
}

#[test]
fn test_unlink() -> TestResult {
    let path = TempPath::new("unlink")?;
    let loop_ = new_loop()?;
    let watcher = loop_.stat(&path.0, -1.0)?;
    let file = path.0.clone();
    wait_for(&loop_, &watcher, move || fs::remove_file(&file).unwrap())?;
    assert!(watcher.attr().is_none());
    assert!(watcher.prev().is_some());
    Ok(())
}

#[test]
fn a_path_may_appear() -> TestResult {
    let path = TempPath::new("appear")?;
    fs::remove_file(&path.0)?;
    for flags in ["", "noinotify"] {
        let loop_ = Loop::new(flags, false)?;
        let watcher = loop_.stat(&path.0, -1.0)?;
        let file = path.0.clone();
        wait_for(&loop_, &watcher, move || fs::write(&file, "").unwrap())?;
        assert!(watcher.prev().is_none());
        assert!(watcher.attr().is_some());
        fs::remove_file(&path.0)?;
    }
    Ok(())
}

#[test]
fn paths_and_intervals_that_make_no_sense_are_refused() -> TestResult {
    let loop_ = new_loop()?;
    assert!(matches!(loop_.stat("a\0b", 0.0), Err(Error::IllegalPath(_))));
    assert!(matches!(loop_.stat("/", f64::NAN), Err(Error::IllegalTime(_))));
    loop_.stat(OsStr::from_bytes(b"/\xff\xfe"), 0.0)?.start(|| ())?;
    loop_.run_nowait()?;
    Ok(())
}

#[test]
fn destroying_the_loop_stops_a_stat_watcher() -> TestResult {
    let path = TempPath::new("destroy")?;
    let loop_ = new_loop()?;
    let watcher = loop_.stat(&path.0, 0.0)?;
    watcher.start(|| ())?;
    loop_.run_nowait()?;
    assert_eq!(loop_.activecnt()?, 1);
    loop_.destroy()?;
    assert!(!watcher.active());
    Ok(())
}
