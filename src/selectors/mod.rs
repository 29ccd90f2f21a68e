//! Selectors: descriptors that stay registered while they are waited for again and again. Source: gevent's
//! `selectors.py`.
//!
//! ```
//! use std::io::{Read, Write};
//! use gevent::prelude::*;
//! use gevent::selectors::{DefaultSelector, EVENT_READ};
//! use gevent::socket::UnixStream;
//!
//! let selector = DefaultSelector::new();
//! let mut clients = Vec::new();
//! for _ in 0..3 {
//!     let (client, server) = UnixStream::pair()?;
//!     selector.register(&server, EVENT_READ, server.clone())?;
//!     clients.push(client);
//! }
//! clients[1].write_all(b"hello")?;
//! for (key, events) in selector.select()? {
//!     assert_eq!(events, EVENT_READ);
//!     let mut server = &*key.data;
//!     assert_eq!(server.read(&mut [0; 100])?, 5);
//!     selector.unregister(&key)?;
//! }
//! assert_eq!(selector.get_map().expect("it is open").len(), 2);
//! # Ok::<(), Exception>(())
//! ```
//!
//! | Python | here |
//! |---|---|
//! | `sel.register(fileobj, events, data)`, `modify` | [`register`](GeventSelector::register), [`modify`](GeventSelector::modify). The key keeps the data, and not the object: put that into the data |
//! | `sel.select()`, `sel.select(1.5)` | [`select`](GeventSelector::select), [`select_timeout`](GeventSelector::select_timeout) |
//! | `sel.unregister(fileobj)` of a closed object | [`unregister(&key)`](GeventSelector::unregister), or the number |
//! | `with sel:` | the selector is closed when its last handle is dropped |
//! | `KeyError` | [`AlreadyRegistered`], [`NotRegistered`] |
//! | `ValueError` | [`BadFd`](crate::core::BadFd), [`IllegalEvents`](crate::core::IllegalEvents) |
//! | `RuntimeError` of a closed selector | [`SelectorClosed`] |

mod error;
mod key;
mod keys;
mod selector;
mod watched;

pub use crate::select::{NotRegistered, Ready};
pub use error::{AlreadyRegistered, SelectorClosed};
pub use key::SelectorKey;
pub use keys::SelectorMap;
pub use selector::GeventSelector;

use hub::core::Events;

/// The selector of this system, under the name that programs use.
pub type DefaultSelector<T> = GeventSelector<T>;

/// The descriptor can be read without blocking.
pub const EVENT_READ: Events = Events::READ;

/// The descriptor can be written without blocking.
pub const EVENT_WRITE: Events = Events::WRITE;
