//! The Rust halves of stats.c.

use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hub::core::{Loop, LoopFlags, Stat};

use crate::system::make_temporary_folder;
use crate::trace::{TestResult, Trace};

/// The path of a file that does not exist, in a new folder.
fn make_folder() -> TestResult<PathBuf> {
    Ok(make_temporary_folder()?.join("file"))
}

fn remove_folder(path: &Path) -> TestResult {
    fs::remove_file(path)?;
    Ok(fs::remove_dir(path.parent().unwrap_or(path))?)
}

fn write_file(path: &Path, text: &str) -> TestResult {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

fn describe(t: &Trace, stat: &Stat) -> TestResult {
    t.value("was there", stat.prev().is_some().into())?;
    t.value("is there", stat.attr().is_some().into())?;
    t.value("size", stat.attr().map_or(-1, |attr| attr.st_size))
}

fn from_creation_to_removal(t: &Trace, loop_: &Loop) -> TestResult {
    let path = Rc::new(make_folder()?);
    t.only_order();
    let a = t.watch("a", loop_.stat(&*path, 0.11)?);
    let timer = t.watch("timer", loop_.timer(-1.0)?);
    let times = Cell::new(0);
    t.start_then(&a, {
        let (t, a, path) = (t.clone(), a.clone(), path.clone());
        move || {
            describe(&t, &a)?;
            times.set(times.get() + 1);
            match times.get() {
                1 => write_file(&path, "de"),
                2 => Ok(fs::remove_file(&*path)?),
                3 => write_file(&path, "f"),
                _ => {
                    a.stop()?;
                    remove_folder(&path)
                }
            }
        }
    })?;
    describe(t, &a)?;
    t.start_then(&timer, move || write_file(&path, "abc"))?;
    t.run(loop_)
}

pub(crate) fn a_file_from_creation_to_removal(t: &Trace) -> TestResult {
    from_creation_to_removal(t, &t.new_loop()?)
}

pub(crate) fn the_same_without_inotify(t: &Trace) -> TestResult {
    from_creation_to_removal(t, &t.new_loop_with(LoopFlags::NOINOTIFY)?)
}

fn start_describe_and_stop(t: &Trace, stat: &Stat) -> TestResult {
    t.start_then(stat, {
        let (t, stat) = (t.clone(), stat.clone());
        move || {
            describe(&t, &stat)?;
            Ok(stat.stop()?)
        }
    })?;
    describe(t, stat)
}

pub(crate) fn one_watcher_after_another(t: &Trace) -> TestResult {
    let path = make_folder()?;
    write_file(&path, "abc")?;
    let loop_ = t.new_loop()?;
    t.only_order();
    let a = t.watch("a", loop_.stat(&path, 0.11)?);
    start_describe_and_stop(t, &a)?;
    fs::remove_file(&path)?;
    t.run(&loop_)?;
    let b = t.watch("b", loop_.stat(&path, 0.11)?.with_priority(2)?);
    start_describe_and_stop(t, &b)?;
    write_file(&path, "abcd")?;
    t.run(&loop_)?;
    remove_folder(&path)
}

pub(crate) fn a_start_looks_at_the_path(t: &Trace) -> TestResult {
    let path = make_folder()?;
    let loop_ = t.new_loop()?;
    let a = t.watch("a", loop_.stat(&path, 1000.0)?);
    t.start(&a)?;
    t.mark(&loop_, "started")?;
    describe(t, &a)?;
    a.stop()?;
    t.mark(&loop_, "stopped")?;
    write_file(&path, "abc")?;
    t.start(&a)?;
    describe(t, &a)?;
    t.run_nowait(&loop_)?;
    a.stop()?;
    remove_folder(&path)
}
