//! [`Idle`], [`Prepare`], [`Check`] and [`Fork`]: watchers for certain moments of the loop's iteration. Source:
//! gevent's classes of the same names; ev.pod, `ev_idle`, `ev_prepare` and `ev_check`, `ev_fork`.

use libev_sys as ev;
use libev_sys::{ev_check, ev_fork, ev_idle, ev_prepare};

use crate::core::error::Error;
use crate::core::event_loop::loop_::Loop;
use crate::core::watchers::body::Kind;
use crate::core::watchers::watcher::{plain_start_stop, watcher_type};

macro_rules! plain {
    (
        $(#[$doc:meta])* $name:ident, $kind:ident, $raw:ident, $text:literal,
        $start:ident, $stop:ident, $init:ident;
        $(#[$make_doc:meta])* $make:ident
    ) => {
        pub(in crate::core) struct $kind;

        // SAFETY: the struct begins with EV_WATCHER and is plain data.
        unsafe impl Kind for $kind {
            type Raw = $raw;
            const NAME: &'static str = $text;
            plain_start_stop!($start, $stop);
        }

        watcher_type! {
            $(#[$doc])*
            $name($kind)
        }

        impl Loop {
            $(#[$make_doc])*
            ///
            /// # Errors
            /// Fails if the loop is destroyed.
            pub fn $make(&self) -> Result<$name, Error> {
                $name::make(self, $kind, |_, raw, callback| {
                    // SAFETY: `raw` is the new body's own.
                    unsafe { ev::$init(raw, Some(callback)) }
                })
            }
        }
    };
}

plain! {
    /// Calls back in every iteration that has no other event of the same or a higher priority. Made by
    /// [`Loop::idle`].
    ///
    /// An active idle watcher keeps the loop from sleeping, and keeps idle watchers of lower priority from being
    /// called.
    Idle, IdleKind, ev_idle, "idle", ev_idle_start, ev_idle_stop, ev_shim_idle_init;
    /// A watcher for iterations with nothing else to do.
    idle
}

plain! {
    /// Calls back in every iteration, before the loop waits. Made by [`Loop::prepare`].
    Prepare, PrepareKind, ev_prepare, "prepare", ev_prepare_start, ev_prepare_stop, ev_shim_prepare_init;
    /// A watcher for the moment before each wait.
    prepare
}

plain! {
    /// Calls back in every iteration, after the loop has waited and before all other callbacks of its priority. Made by
    /// [`Loop::check`].
    Check, CheckKind, ev_check, "check", ev_check_start, ev_check_stop, ev_shim_check_init;
    /// A watcher for the moment after each wait.
    check
}

plain! {
    /// Calls back in the child after a fork, when the loop runs there for the first time. Made by [`Loop::fork`].
    Fork, ForkKind, ev_fork, "fork", ev_fork_start, ev_fork_stop, ev_shim_fork_init;
    /// A watcher for forks.
    fork
}
