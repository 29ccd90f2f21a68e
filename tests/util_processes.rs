//! Tests of `gevent::util` that change or need a whole process: its settings, and its signals.

#[allow(dead_code, reason = "shared with other tests")]
mod common;

use std::process::ExitCode;

use common::children::{self, Test};
use common::process::Process;
use common::{Result, SOON};
use gevent::util::{GreenletTree, dump_on_signal};
use gevent::{Exception, Greenlet, SpawnTreeLocals, config, sleep, spawn};
use rustix::process::Signal;

type Child = std::result::Result<(), Exception>;

fn child(run: fn() -> Child) -> Box<dyn Fn() -> ExitCode> {
    Box::new(move || match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    })
}

/// Without tracking, nobody knows who has spawned whom, since when, nor are trees shared.
fn test_tree_no_track() -> Child {
    config::set_track_greenlet_tree(false);
    let greenlet = spawn(|| {
        SpawnTreeLocals::current().set("name", 1);
        let inner = Greenlet::builder().name("inner").spawn(|| {
            assert!(SpawnTreeLocals::current().is_empty());
            sleep(100)
        });
        sleep(0)?;
        assert!(inner.spawning_greenlet().is_none());
        assert!(inner.age().is_none());
        let tree = GreenletTree::current_tree();
        assert_eq!(tree.child_trees().len(), 3, "{tree}");
        assert!(tree.child_trees().all(|child| child.child_trees().len() == 0), "{tree}");
        assert!(!tree.format(true).contains("Age:"));
        assert!(tree.to_string().contains("\"inner\""));
        config::set_track_greenlet_tree(true);
        let tracked = spawn(|| ());
        assert!(tracked.spawning_greenlet().is_some() && tracked.age().is_some());
        Ok::<_, Exception>(())
    });
    greenlet.get()
}

fn dumps() -> Child {
    let _handler = dump_on_signal(libc::SIGUSR1)?;
    let waits = Greenlet::builder().name("the one that waits").spawn(|| sleep(100));
    sleep(0)?;
    println!("ready");
    waits.get()
}

fn asks_for_dumps(process: Process) -> Result {
    process.stdout().line_with("ready", 0, SOON)?;
    for _ in 0..3 {
        let seen = process.stderr().len();
        process.signal(Signal::USR1)?;
        process.stderr().line_with("* Threads", seen, SOON)?;
        process.stderr().line_with("\"the one that waits\"", seen, SOON)?;
        process.stderr().line_with("dumps", seen, SOON)?;
    }
    process.signal(Signal::KILL)?;
    process.wait(SOON)?;
    Ok(())
}

fn succeeds(process: Process) -> Result {
    let ended = process.wait(SOON)?;
    match ended.status.success() {
        true => Ok(()),
        false => Err(format!("{}\n{}", ended.status, ended.stderr).into()),
    }
}

fn main() -> ExitCode {
    let tests = [
        Test {
            name: "test_tree_no_track",
            child: child(test_tree_no_track),
            parent: Box::new(succeeds),
        },
        Test {
            name: "test_dump_on_signal",
            child: child(dumps),
            parent: Box::new(asks_for_dumps),
        },
    ];
    children::main(&tests)
}
