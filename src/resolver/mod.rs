//! Looking names and addresses up while other greenlets run. Source: gevent's `resolver` package.
//!
//! The functions are those of Python's `socket`, also under [`socket`](crate::socket): [`getaddrinfo`],
//! [`gethostbyname`], [`gethostbyname_ex`], [`gethostbyaddr`], [`getnameinfo`] and [`getfqdn`]. Each asks the
//! [`Resolver`] of the hub, and so does whoever connects to a name.
//!
//! ```
//! use gevent::prelude::*;
//! use gevent::resolver::{EAI_SERVICE, GaiError, getaddrinfo};
//!
//! for found in getaddrinfo("localhost", "http")? {
//!     println!("{} {}", found.type_, found.sockaddr);
//! }
//! let error = Exception::from(getaddrinfo("localhost", "no-such-service").unwrap_err());
//! let error = error.downcast_ref::<GaiError>().expect("it is an error of a look-up");
//! assert_eq!(error.code, EAI_SERVICE);
//! # Ok::<(), Exception>(())
//! ```
//!
//! # Resolvers
//!
//! | here | gevent | how it looks up |
//! |---|---|---|
//! | [`ThreadResolver`] | `thread` | asks the system, in [threads of its own](crate::threadpool::HubExt::resolver_threadpool); the default |
//! | [`BlockingResolver`] | `block` | asks the system, while all greenlets of the thread stand still |
//! | `DnsResolver`, with the feature `dns` | `ares`, `dnspython` | asks name servers itself; greenlets wait for the answers |
//!
//! [`HubResolver::set_resolver`] gives a hub another one, which may be of your own; [`set_resolver`] and the
//! environment's `GEVENT_RESOLVER` say what hubs have otherwise.
//!
//! # Differences from gevent
//!
//! - What needs no looking up is answered without a thread: numeric hosts with numeric ports.
//! - If no descriptors are left, the error is `EMFILE`, wherever the C library says that the name is not known.
//! - A name that is not ASCII is to be given as Python's `encode("idna")` makes it.

mod abstract_resolver;
mod address;
mod blocking;
mod config;
#[cfg(feature = "dns")]
mod dns;
mod error;
mod functions;
mod native;
mod of_hub;
mod system;
mod thread;
mod types;

pub use abstract_resolver::Resolver;
pub use address::{Address, Endpoint};
pub use blocking::BlockingResolver;
pub use config::{UnknownResolver, set_resolver};
#[cfg(feature = "dns")]
pub use dns::{DnsConfig, DnsResolver};
pub use error::{
    EAI_AGAIN, EAI_BADFLAGS, EAI_FAIL, EAI_FAMILY, EAI_MEMORY, EAI_NODATA, EAI_NONAME, EAI_OVERFLOW, EAI_SERVICE,
    EAI_SOCKTYPE, EAI_SYSTEM, GaiError, HError, HOST_NOT_FOUND, NO_DATA, NO_RECOVERY, TRY_AGAIN,
};
pub use functions::{
    getaddrinfo, getaddrinfo_with, getfqdn, gethostbyaddr, gethostbyname, gethostbyname_ex, gethostname, getnameinfo,
};
pub use of_hub::HubResolver;
pub use thread::ThreadResolver;
pub use types::{AddrInfo, GetAddrInfo, HostEntry, Service};
