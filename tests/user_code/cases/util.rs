//! Functions that are watched, and files that are printed to.

use std::io::{self, Write};

use crate::trap::{Case, Trap};
use gevent::greenlet_core::gettrace;
use gevent::util::{AssertSwitches, GreenletTree, RunInfo, assert_switches, print_run_info_to};
use gevent::{Exception, sleep};

#[test]
fn functions_that_are_watched() {
    Case {
        names: &["util::assert_switches | FnOnce", "util::AssertSwitches::with | FnOnce"],
        make: |_| (),
        calls: vec![
            |(), trap| {
                assert_switches(|| {
                    trap.spring();
                    sleep(0)
                })
            },
            |(), trap| {
                AssertSwitches::new().max_blocking_time(60).with(|| {
                    trap.spring();
                    Ok(())
                })
            },
        ],
        others: |()| drop(assert_switches(|| Ok(()))),
        waits: None,
        after: |()| assert!(gettrace().is_none()),
    }
    .run();
}

/// A file of which each write springs the trap.
struct File(Trap);

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.spring();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.spring();
        Ok(())
    }
}

#[test]
fn files_that_are_printed_to() {
    Case {
        names: &["util::print_run_info_to | Write"],
        make: |_| (),
        calls: vec![|(), trap| Ok::<(), Exception>(print_run_info_to(File(trap), RunInfo::default())?)],
        others: |()| assert!(print_run_info_to(Vec::new(), RunInfo::default()).is_ok()),
        waits: None,
        after: |()| assert!(!GreenletTree::current_tree().to_string().is_empty()),
    }
    .run();
}
