//! What a caller has set in its resolver, `_res` of resolver(3), which each thread has: a thread that looks names up
//! for it does so with the same settings.

use libc::{c_int, c_ulong, sockaddr_in};

use crate::place::Place;
use crate::wait::Failed;

/// The begin of `struct __res_state`, as the C library's headers show it.
#[repr(C)]
#[derive(Clone, Copy)]
struct State {
    retransmit_after: c_int,
    retries: c_int,
    options: c_ulong,
    server_count: c_int,
    servers: [sockaddr_in; 3],
}

/// The state is in use.
const INIT: c_ulong = 1;

unsafe extern "C" {
    safe fn __res_state() -> *mut State;
    safe fn __res_init() -> c_int;
}

/// The settings of one thread.
struct Settings(State);

impl Settings {
    /// The caller's. None if it has the usual ones.
    fn of_caller() -> Option<Settings> {
        // SAFETY: the state is the calling thread's, and plain data.
        let state = unsafe { *__res_state() };
        (state.options & INIT != 0).then_some(Settings(state))
    }

    /// Calls a function that looks something up, with these settings.
    fn during<R>(self, look_up: impl FnOnce() -> R) -> R {
        // An error means that there is no memory for the state, which the function finds out, too.
        if __res_init() != 0 {
            return look_up();
        }
        let mine = __res_state();
        // SAFETY: the state is the calling thread's, and plain data. Nobody uses it meanwhile.
        let usual = unsafe { *mine };
        let mut theirs = self.0;
        if !theirs.has_plain_servers() {
            (theirs.server_count, theirs.servers) = (usual.server_count, usual.servers);
        }
        // SAFETY: as above.
        unsafe { mine.write(theirs) };
        let found = look_up();
        // SAFETY: as above.
        unsafe { mine.write(usual) };
        found
    }
}

impl State {
    /// Whether all is said here of the servers: the addresses of others are elsewhere.
    fn has_plain_servers(&self) -> bool {
        let servers = usize::try_from(self.server_count).ok();
        let servers = servers.and_then(|count| self.servers.get(..count));
        servers.is_some_and(|servers| {
            servers
                .iter()
                .all(|server| c_int::from(server.sin_family) == libc::AF_INET)
        })
    }
}

/// Has a thread of the pool look something up with the caller's settings, and parks the caller until then.
pub(super) fn by_pool<R: Send + 'static>(
    place: Place,
    look_up: impl FnOnce() -> R + Send + 'static,
) -> Result<R, Failed> {
    let settings = Settings::of_caller();
    place.in_resolver_pool(move || match settings {
        Some(settings) => settings.during(look_up),
        None => look_up(),
    })
}
