//! Tests of greenlets, of the hub, of timeouts, and of greenlet-local values.

mod api;
mod api_timeout;
mod blocked;
mod contexts;
mod current;
mod greenlet;
mod greenlet_kill;
mod greenlet_life;
mod greenlet_links;
mod greenlet_programs;
mod greenlet_wait;
mod hub;
mod hub_join;
mod hub_system_error;
mod hubs;
mod kept_links;
mod local;
mod returns;
mod scope;
mod timeout;
mod wakeups;

#[path = "../support/mod.rs"]
mod support;
