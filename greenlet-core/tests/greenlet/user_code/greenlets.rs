//! The user code that belongs to a greenlet: its function, data, names and labels.

use std::cell::Cell;

use greenlet_core::unwind;
use greenlet_core::{
    Attached, Data, Exception, GreenletError, GreenletExit, Label, Object, RawGreenlet, Value, getmain, greenlets,
};

use super::action::Action;
use super::trap::{COUNT, CountOnDrop, SpringOnDrop, Trap, count, each, nothing};

fn use_greenlet(g: &RawGreenlet) {
    let _ = (format!("{g:?}"), g.name(), g.info(), g.state(), g.parent(), g.object());
    let _ = (g.local::<u32>(), g.set_local(1_u32), g.take_local::<u32>());
    g.set_name("used");
    let _ = (g.is_current(), g.dead(), g.stack_usage(), greenlets().len());
    let _ = g.set_parent(&getmain());
}

#[test]
fn test_functions_of_greenlets() {
    each(
        "greenlet_core::builder::Builder::{build, build_with}, greenlet_core::core::RawGreenlet::new | FnOnce",
        |trap| {
            let its = trap.clone();
            let g = RawGreenlet::new(move |_| {
                its.spring();
                Ok(Value::None)
            });
            trap.is_about(
                {
                    let g = g.downgrade();
                    move || g.upgrade().iter().for_each(use_greenlet)
                },
                g.clone(),
            );
            // This greenlet is its parent, and gets its panic.
            let _ = g.switch(());
            count();
        },
        |action| {
            let expected = u32::from(action != Action::Unwind);
            assert_eq!(COUNT.get(), expected);
        },
    );
}

/// Data whose code springs a trap.
#[derive(Default)]
struct Springs(Cell<Option<(At, Trap)>>);

#[derive(Clone, Copy, PartialEq)]
enum At {
    Unrun,
    Failed,
    Object,
    Drop,
}

impl Springs {
    fn spring(&self, at: At) {
        match self.0.take() {
            Some((its, trap)) if its == at => trap.spring(),
            other => self.0.set(other),
        }
    }
}

impl Data for Springs {
    fn unrun(greenlet: &Attached<Self>) {
        greenlet.spring(At::Unrun);
    }

    fn failed(greenlet: &Attached<Self>, reason: Exception) -> Result<(), Exception> {
        greenlet.spring(At::Failed);
        Err(reason)
    }

    fn object(greenlet: &Attached<Self>) -> Option<Box<dyn Object>> {
        greenlet.spring(At::Object);
        Some(Box::new(7))
    }
}

impl Drop for Springs {
    fn drop(&mut self) {
        self.spring(At::Drop);
    }
}

/// A greenlet that never runs, with a function that counts its drop.
fn unrun(at: At, trap: &Trap) -> Attached<Springs> {
    let owned = CountOnDrop;
    let springs = Springs(Cell::new(Some((at, trap.clone()))));
    let g = RawGreenlet::builder().build_with(springs, move |_, _| {
        let _owned = &owned;
        Ok(Value::None)
    });
    let weak = g.greenlet().downgrade();
    trap.is_about(move || weak.upgrade().iter().for_each(use_greenlet), ());
    g
}

#[test]
fn test_data_of_greenlets() {
    const NAME: &str = "greenlet_core::builder::Builder::build_with | Data";
    // Whatever the data do, the function is dropped.
    let dropped = |_| assert_eq!(COUNT.get(), 1);
    each(
        NAME,
        |trap| assert!(unrun(At::Unrun, &trap).greenlet().discard()),
        dropped,
    );
    each(
        NAME,
        |trap| {
            let failed = unrun(At::Failed, &trap).greenlet().fail(GreenletExit.into());
            assert!(failed.is_err());
        },
        dropped,
    );
    each(
        NAME,
        |trap| {
            let object = unrun(At::Object, &trap).greenlet().object();
            assert!(object.is_some_and(|object| object.is::<i32>()));
        },
        dropped,
    );
    each(
        "greenlet_core::attached::Attached::drop | Drop",
        |trap| drop(unrun(At::Drop, &trap)),
        dropped,
    );
    each(
        "greenlet_core::attached::Attached::map | FnOnce",
        |trap| {
            let part = unrun(At::Drop, &Trap::new(Action::Wait));
            part.0.take();
            let part = part.map(|data| {
                trap.spring();
                data
            });
            drop(part);
        },
        dropped,
    );
}

#[test]
fn test_destructors_of_functions() {
    each(
        "greenlet_core::core::RawGreenlet::drop | Drop",
        |trap| {
            let owned = (CountOnDrop, SpringOnDrop(trap.clone()), CountOnDrop);
            let g = RawGreenlet::new(move |_| {
                let _owned = &owned;
                Ok(Value::None)
            });
            let weak = g.downgrade();
            trap.is_about(move || assert!(weak.upgrade().is_none()), ());
            drop(g);
        },
        |_| assert_eq!(COUNT.get(), 2),
    );
    // The same for parents that only their children keep, however many.
    each(
        "greenlet_core::core::RawGreenlet::drop | Drop",
        |trap| {
            let mut parent = getmain();
            for i in 0..5 {
                let spring = (i == 2).then(|| SpringOnDrop(trap.clone()));
                let owned = (CountOnDrop, spring);
                parent = RawGreenlet::builder().parent(&parent).build(move |_| {
                    let _owned = &owned;
                    Ok(Value::None)
                });
            }
            drop(parent);
        },
        |_| assert_eq!(COUNT.get(), 5),
    );
}

#[test]
fn test_names() {
    each(
        "greenlet_core::core::RawGreenlet::set_name_with | Fn",
        |trap| {
            let g = RawGreenlet::new(|_| Ok(Value::None));
            let (weak, its) = (g.downgrade(), trap.clone());
            trap.is_about(move || weak.upgrade().iter().for_each(use_greenlet), ());
            g.set_name_with(move || {
                its.spring();
                "a name".into()
            });
            // The trap may have given it another name meanwhile.
            let _ = (g.name(), g.set_name("another"));
            assert_eq!(g.name().as_deref(), Some("another"));
        },
        nothing,
    );
}

/// A label that springs one trap when it is asked for the name, and another one when it is dropped.
struct Labelled(Option<Trap>, Option<Trap>);

impl Label for Labelled {
    fn label(&self) -> Option<String> {
        self.0.iter().for_each(Trap::spring);
        Some("a label".into())
    }
}

impl Drop for Labelled {
    fn drop(&mut self) {
        self.1.iter().for_each(Trap::spring);
    }
}

#[test]
fn test_labels() {
    each(
        "greenlet_core::builder::Builder::{build, build_with, label} | Label",
        |trap| {
            let label = Labelled(Some(trap.clone()), None);
            let g = RawGreenlet::builder().label(label).build(|_| Ok(Value::None));
            let weak = g.downgrade();
            trap.is_about(move || weak.upgrade().iter().for_each(use_greenlet), ());
            let _ = (g.name(), g.set_name("another"));
            assert_eq!(g.name().as_deref(), Some("another"));
        },
        nothing,
    );
    each(
        "greenlet_core::builder::Builder::drop | Drop",
        |trap| {
            trap.is_about(|| (), ());
            drop(RawGreenlet::builder().label(Labelled(None, Some(trap.clone()))));
        },
        nothing,
    );
}

/// A greenlet whose stack is given up has ended, whatever the function that makes its name does.
#[test]
#[cfg_attr(
    any(feature = "asan", feature = "valgrind"),
    ignore = "what is on the stack leaks: that is the point"
)]
fn test_names_of_those_whose_stack_is_given_up() {
    each(
        "greenlet_core::core::RawGreenlet::set_name_with | Fn",
        |trap| {
            trap.refuses(GreenletError::Pinned);
            let its = trap.clone();
            let g = RawGreenlet::new(|_| Err(unwind::give_up("is a test").into()));
            g.set_name_with(move || {
                its.spring();
                "a name".into()
            });
            drop(g.switch(()));
            assert!(g.dead());
            count();
        },
        |_| assert_eq!(COUNT.get(), 1),
    );
}
