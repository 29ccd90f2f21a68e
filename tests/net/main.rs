//! Tests of sockets and servers.

mod ancillary;
mod copying;
mod cpython_files;
mod cpython_more;
mod cpython_servers;
mod cpython_tcp;
mod deadlines;
mod differential;
mod emptied;
mod ends;
mod families;
mod gevent_more;
mod os;
mod poll;
mod python_calls;
mod python_messages;
mod python_socket;
mod select;
mod selectors;
mod server;
mod server_datagram;
mod server_spawns;
mod server_stop;
mod server_unix;
mod socket;
mod turns;

#[path = "../support/mod.rs"]
mod support;
