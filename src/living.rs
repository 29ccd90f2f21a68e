//! The servers and pools of a thread, for who looks into the process: the backdoor. They are listed by weak references
//! when a server is started for the first time, and when a pool is made. Nothing else costs more for it.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::thread::LocalKey;

use greenlet_core::ThreadSlot;
use hub::WeakList;

/// A server or a pool.
pub(crate) trait Living {
    /// What there is to say of it, in one line.
    fn describe(self: Rc<Self>) -> String;
}

type List = ThreadSlot<Option<WeakList<dyn Living>>>;

thread_local! {
    static SERVERS: List = const { List::new(None, || SERVERS.with(List::clear)) };
    static POOLS: List = const { List::new(None, || POOLS.with(List::clear)) };
}

/// Which list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    Servers,
    Pools,
}

impl Which {
    fn list(self) -> &'static LocalKey<List> {
        match self {
            Which::Servers => &SERVERS,
            Which::Pools => &POOLS,
        }
    }

    pub(crate) fn add(self, one: Weak<dyn Living>) {
        let push = |list: &RefCell<Option<WeakList<_>>>| list.borrow_mut().get_or_insert_default().push(one);
        // As the thread ends, nobody looks any more.
        let _ = self.list().with(|slot| slot.with(push));
    }

    /// The lines of all that still exist, in the order in which they came.
    pub(crate) fn describe(self) -> Vec<String> {
        let list = self.list().with(|slot| slot.with(|list| list.borrow().clone()));
        let all = list.flatten().unwrap_or_default().into_iter();
        // Nothing is borrowed here: `Debug` of what is described may be user code.
        all.filter_map(|one| Some(one.upgrade()?.describe())).collect()
    }
}
