//! What waits are made of: states of users' own.

use std::cell::Cell;
use std::fmt;

use crate::support::LONG;
use crate::trap::{Case, Code, Trap, any, ok};
use gevent::Linkable;
use gevent::abstract_linkable::{AbstractLinkable, Waitable};

/// A state whose code is the user's.
struct Door(Cell<bool>, Option<(Code, Trap)>);

impl Door {
    fn spring(&self, code: Code) {
        if let Some((its, trap)) = self.1
            && its == code
        {
            trap.spring();
        }
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spring(Code::Debug);
        f.write_str("a door")
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.spring(Code::Drop);
    }
}

impl Waitable for Door {
    const KIND: &'static str = "Door";

    fn ready(&self) -> bool {
        if self.0.get() {
            // Stands for the code of `ready`.
            self.spring(Code::Ord);
        }
        self.0.get()
    }
}

type Doors = AbstractLinkable<Door>;

fn open(door: &Doors) {
    door.state().0.set(true);
    door.check_and_notify();
}

#[test]
fn states_of_users() {
    let others: fn(&Doors) = |door| {
        let _ = (door.linkcount(), door.address(), format!("{door:?}"));
        assert!(door.same(door) && Linkable::exception(door).is_none());
        open(door);
        any(door.wait_timeout(LONG));
    };
    let after: fn(&Doors) = |door| {
        open(door);
        assert!(door.wait_timeout(LONG).expect("nobody kills the test"));
    };
    Case {
        names: &[
            "abstract_linkable::AbstractLinkable::{check_and_notify, ready, rawlink, wait, wait_timeout} | Waitable",
        ],
        make: |trap| AbstractLinkable::new(Door(Cell::new(false), Some((Code::Ord, trap)))),
        calls: vec![
            |door, _| {
                open(door);
                Ok(())
            },
            |door, _| {
                door.state().0.set(true);
                ok(Linkable::ready(door))
            },
            |door, _| {
                door.state().0.set(true);
                door.wait_timeout(LONG).map(drop)
            },
            |door, _| {
                door.state().0.set(true);
                door.wait().map(drop)
            },
            |door, _| {
                door.state().0.set(true);
                let link = gevent::hub::Link::new(|_| ());
                Linkable::rawlink(door, link.clone());
                Linkable::unlink(door, &link);
                Ok(())
            },
        ],
        others,
        waits: Some(|door| door.wait().map(drop)),
        after,
    }
    .run();
    Case {
        names: &["abstract_linkable::AbstractLinkable::{exception, fmt} | Waitable"],
        make: |trap| AbstractLinkable::new(Door(Cell::new(false), Some((Code::Debug, trap)))),
        calls: vec![|door, _| ok(format!("{door:?}"))],
        others,
        waits: Some(|door| door.wait().map(drop)),
        after,
    }
    .run();
    Case {
        names: &["abstract_linkable::AbstractLinkable::drop | Drop"],
        make: |_| (),
        calls: vec![|(), trap| {
            let door = AbstractLinkable::new(Door(Cell::new(true), Some((Code::Drop, trap))));
            door.check_and_notify();
            Ok(())
        }],
        others: |()| {},
        waits: None,
        after: |()| {},
    }
    .run();
}
