//! Child processes.

use std::cell::Cell;
use std::rc::Rc;

use crate::support::LONG;
use crate::trap::{Case, Trap};
use gevent::subprocess::{Command, PIPE, Popen};

/// A child that ends when its input is closed, and how often another link of it was called.
type Linked = Rc<(Popen, Cell<u32>)>;

fn cat(_: Trap) -> Linked {
    let popen = Popen::new(Command::new("cat").stdin(PIPE).stdout(PIPE)).expect("there is `cat`");
    Rc::new((popen, Cell::new(0)))
}

fn ends(linked: &Linked) {
    linked.0.stdin().expect("a pipe").close();
    assert_eq!(linked.0.close().expect("nobody kills the test"), 0);
}

#[test]
fn functions_that_borrow_a_pipe() {
    Case {
        names: &["subprocess::{PipeReader, PipeWriter}::with_fd | FnOnce"],
        make: cat,
        calls: vec![
            |linked, trap| Ok(linked.0.stdout().expect("a pipe").with_fd(|_| trap.spring())?),
            |linked, trap| Ok(linked.0.stdin().expect("a pipe").with_fd(|_| trap.spring())?),
        ],
        others: |linked| {
            let _ = format!("{:?} {:?} {:?}", linked.0, linked.0.stdin(), linked.0.stdout());
            linked.0.stdin().expect("a pipe").close();
            linked.0.stdout().expect("a pipe").close();
        },
        waits: Some(|linked| linked.0.wait_timeout(0.001).map(drop).or(Ok(()))),
        after: |linked| ends(linked),
    }
    .run();
}

#[test]
fn links() {
    Case {
        names: &["subprocess::Popen::rawlink | Fn"],
        make: cat,
        calls: vec![|linked, trap| {
            let count = linked.clone();
            linked.0.rawlink(move |_: &Popen| trap.spring());
            linked.0.rawlink(move |_: &Popen| count.1.set(count.1.get() + 1));
            linked.0.stdin().expect("a pipe").close();
            while linked.1.get() == 0 {
                gevent::sleep(0.0001)?;
            }
            Ok(())
        }],
        others: |linked| {
            let _ = (linked.0.poll(), linked.0.returncode(), format!("{:?}", linked.0));
            let _ = linked.0.kill();
        },
        waits: Some(|linked| linked.0.wait().map(drop)),
        after: |linked| {
            assert_eq!(linked.1.get(), 1, "the other link");
            assert!(linked.0.wait_timeout(LONG).is_ok());
        },
    }
    .run();
}

struct Springs(Trap, u32);

impl Iterator for Springs {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        self.1 += 1;
        if self.1 == 2 {
            self.0.spring();
        }
        (self.1 < 4).then_some("x")
    }
}

#[test]
fn iterators_of_arguments() {
    Case {
        names: &["subprocess::Command::{args, envs} | Iterator"],
        make: |_| (),
        calls: vec![
            |(), trap| {
                let mut command = Command::new("true");
                command.args(Springs(trap, 0));
                assert_eq!(command.get_args().len(), 4);
                Ok(())
            },
            |(), trap| {
                let mut command = Command::new("true");
                command.envs(Springs(trap, 0).map(|name| (name, "")));
                assert_eq!(command.as_std().get_envs().count(), 1);
                Ok(())
            },
        ],
        others: |()| {},
        waits: None,
        after: |()| {},
    }
    .run();
}
