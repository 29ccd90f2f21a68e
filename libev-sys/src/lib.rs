//! Raw bindings to [libev] 4.33.
//!
//! Everything that libev's `ev.h` declares is here under its own name, with C's rules: nothing is checked, and
//! a use that the manual (`ev.pod`) forbids is undefined behaviour or a failed assertion. libev's macros
//! (`ev_io_init`, `ev_is_active`, ...), and access to the inside of a loop, are functions prefixed `ev_shim_`.
//!
//! The README says which libev this is, and how to choose another one.
//!
//! ```
//! use core::ffi::c_int;
//! use core::mem::zeroed;
//! use libev_sys::*;
//!
//! unsafe extern "C" fn done(loop_: *mut ev_loop, _timer: *mut ev_timer, _revents: c_int) {
//!     // SAFETY: libev passes the loop that is running.
//!     unsafe { ev_break(loop_, EVBREAK_ALL) }
//! }
//!
//! // SAFETY: the timer outlives the loop, and a zeroed watcher may be initialised.
//! unsafe {
//!     let loop_ = ev_loop_new(EVFLAG_AUTO);
//!     let mut timer: ev_timer = zeroed();
//!     ev_shim_timer_init(&mut timer, Some(done), 0.01, 0.0);
//!     ev_timer_start(loop_, &mut timer);
//!     ev_run(loop_, 0);
//!     assert_eq!(ev_shim_is_active((&raw const timer).cast()), 0);
//!     ev_loop_destroy(loop_);
//! }
//! ```
//!
//! [libev]: http://software.schmorp.de/pkg/libev.html

#![no_std]

pub use bindings::*;

mod bindings {
    #![allow(
        non_camel_case_types,
        non_upper_case_globals,
        non_snake_case,
        reason = "the names are C's"
    )]
    #![allow(missing_docs, reason = "libev's manual documents what its header declares")]
    #![allow(missing_debug_implementations, reason = "unions and `libc::stat` have none")]
    #![allow(unreachable_pub, reason = "re-exported as a whole")]
    #![allow(clippy::all, clippy::pedantic, reason = "generated")]

    use libc::stat;

    /// C's `sig_atomic_t`, which bindgen would fix to one platform's.
    #[cfg(not(target_os = "freebsd"))]
    pub type sig_atomic_t = core::ffi::c_int;
    /// C's `sig_atomic_t`, which bindgen would fix to one platform's.
    #[cfg(target_os = "freebsd")]
    pub type sig_atomic_t = core::ffi::c_long;

    #[cfg(not(feature = "bindgen"))]
    include!("bindings.rs");
    #[cfg(feature = "bindgen")]
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

/// Lowest watcher priority.
pub const EV_MINPRI: core::ffi::c_int = EV_SHIM_MINPRI;
/// Highest watcher priority.
pub const EV_MAXPRI: core::ffi::c_int = EV_SHIM_MAXPRI;
