//! The bindings and the libev that is linked.

mod bindings_fresh;
mod layout;
mod version;
mod watchers;
