//! Waiting for children: links, sets of objects, kills, timeouts, hubs that end.

use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;

use crate::support::{Log, TestResult, bounded};
use crate::{endless, sh};
use gevent::event::Event;
use gevent::hub::Linkable;
use gevent::subprocess::{Command, PIPE, Popen, call, check_output, run};
use gevent::{Exception, GreenletExit, Timeout, Wait, get_hub, iwait, sleep, spawn, wait_with};

#[test]
fn children_are_waited_for_together_with_other_objects() -> TestResult {
    let _bounded = bounded();
    let (first, second, event) = (sh("read line").stdin(PIPE).spawn()?, endless()?, Event::new());
    let objects: [&dyn Linkable; 3] = [&first, &second, &event];
    let mut ready = iwait(objects)?;
    first.stdin().expect("a pipe").close();
    assert!(ready.next().expect("one is ready")?.is(&first));
    second.kill()?;
    assert!(ready.next().expect("one is ready")?.is(&second));
    event.set();
    assert!(ready.next().expect("one is ready")?.is(&event));
    drop(ready);
    let done = wait_with([&first, &second], Wait::default().count(2).timeout(100))?;
    assert_eq!(done.len(), 2);
    assert!(first.ready() && Linkable::exception(&first).is_none());
    Ok(())
}

#[test]
fn links_are_called_once_and_can_be_taken_away() -> TestResult {
    let _bounded = bounded();
    let log = Log::<Option<i32>>::new();
    let popen = sh("exit 3").spawn()?;
    popen.rawlink({
        let log = log.clone();
        move |popen: &Popen| log.add(popen.returncode())
    });
    let removed = popen.rawlink({
        let log = log.clone();
        move |_: &Popen| log.add(None)
    });
    popen.unlink(&removed);
    assert_eq!(popen.wait()?, 3);
    sleep(0)?;
    // It is called for a child that has ended, too.
    popen.rawlink({
        let log = log.clone();
        move |popen: &Popen| log.add(popen.returncode().map(|code| code * 10))
    });
    sleep(0)?;
    assert_eq!(log.take(), [Some(3), Some(30)]);
    assert!(std::collections::HashSet::from([popen.clone()]).contains(&popen));
    Ok(())
}

/// As in gevent, the watcher keeps the loop running, also without a handle.
#[test]
fn the_loop_runs_until_the_children_have_ended() -> TestResult {
    let _bounded = bounded();
    let ended = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let ended = ended.clone();
        sh("sleep 0.01")
            .spawn()?
            .rawlink(move |_: &Popen| ended.set(ended.get() + 1));
    }
    get_hub().join()?;
    assert_eq!(ended.get(), 3);
    Ok(())
}

#[test]
fn a_kill_ends_a_wait_and_the_child_goes_on() -> TestResult {
    let _bounded = bounded();
    let popen = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE))?;
    for wait in [
        |popen: &Popen| popen.wait().map(drop),
        |popen: &Popen| Ok(popen.stdout().expect("a pipe").read(&mut [0; 8]).map(drop)?),
        |popen: &Popen| popen.communicate(None).map(drop),
    ] {
        let greenlet = spawn({
            let popen = popen.clone();
            move || wait(&popen)
        });
        sleep(0)?;
        sleep(0)?;
        greenlet.kill()?;
        assert!(greenlet.get().unwrap_err().is::<GreenletExit>());
        // `communicate` has closed the input, which ends the child.
        if popen.stdin().is_some_and(|stdin| !stdin.closed()) {
            assert_eq!(popen.poll()?, None);
        }
    }
    popen.kill()?;
    popen.close()?;
    Ok(())
}

/// `run` and its like kill the child that they have started.
#[test]
fn a_timeout_ends_run_and_the_child() -> TestResult {
    let _bounded = bounded();
    for function in [
        |command: &mut Command| run(command).map(drop),
        |command: &mut Command| call(command).map(drop),
        |command: &mut Command| check_output(command).map(drop),
        |command: &mut Command| command.status().map(drop),
        |command: &mut Command| command.output().map(drop),
    ] {
        // The pipe is held by the child, and by nobody else.
        let (mut alive, its) = std::io::pipe()?;
        let mut command = Command::new("sleep");
        command.arg("3600").stdin(std::os::fd::OwnedFd::from(its));
        let timeout = Timeout::start_new(0.01);
        let error = function(&mut command).unwrap_err();
        assert!(timeout.caused(&error), "{error:?}");
        drop(timeout);
        drop(command);
        assert_eq!(alive.read_end()?, 0);
    }
    Ok(())
}

trait ReadEnd {
    /// Reads to the end, which has come when nobody can write any more.
    fn read_end(&mut self) -> Result<usize, Exception>;
}

impl ReadEnd for std::io::PipeReader {
    fn read_end(&mut self) -> Result<usize, Exception> {
        Ok(self.read(&mut [0])?)
    }
}

/// A greenlet that is dropped is unwound; nobody can wait then, but the child is killed.
#[test]
fn unwinding_run_kills_the_child() -> TestResult {
    let _bounded = bounded();
    let (mut reader, writer) = std::io::pipe()?;
    gevent::run_in_thread(move || {
        let mut command = Command::new("sleep");
        command.arg("3600").stdout(std::os::fd::OwnedFd::from(writer));
        spawn(move || run(&mut command).map(drop));
        sleep(0)?;
        sleep(0)
    })?
    .join()
    .expect("it has not panicked")?;
    assert_eq!(reader.read_end()?, 0);
    Ok(())
}

/// A child is waited for in a thread's next hub.
#[test]
fn a_child_outlives_its_hub() -> TestResult {
    let _bounded = bounded();
    gevent::run_in_thread(|| {
        let popen = sh("sleep 0.05; exit 3").spawn()?;
        let killed = endless()?;
        get_hub().destroy(true)?;
        assert_eq!(popen.wait()?, 3);
        let ended = Rc::new(Cell::new(false));
        killed.rawlink({
            let ended = ended.clone();
            move |_: &Popen| ended.set(true)
        });
        killed.kill()?;
        gevent::wait([&killed])?;
        sleep(0)?;
        assert!(ended.get());
        Ok::<(), Exception>(())
    })?
    .join()
    .expect("it has not panicked")
}

#[test]
fn waiting_in_the_hub_is_refused() -> TestResult {
    let _bounded = bounded();
    let popen = endless()?;
    let refused = Rc::new(Cell::new(false));
    get_hub().loop_().run_callback({
        let (popen, refused) = (popen.clone(), refused.clone());
        move || {
            let error = popen.wait().unwrap_err();
            refused.set(error.is::<gevent::exceptions::BlockingSwitchOutError>());
        }
    })?;
    sleep(0)?;
    assert!(refused.get());
    popen.kill()?;
    popen.wait()?;
    Ok(())
}

#[test]
fn a_thousand_children_at_once() -> TestResult {
    let _bounded = bounded();
    let popens: Vec<_> = (0..1000)
        .map(|n| sh(&format!("exit {}", n % 100)).spawn())
        .collect::<Result<_, _>>()?;
    gevent::wait(&popens)?;
    for (n, popen) in popens.iter().enumerate() {
        assert_eq!(popen.returncode(), Some((n % 100) as i32));
    }
    Ok(())
}
