//! Copying from one stream to another.
//!
//! | file | contents |
//! |---|---|
//! | `both.rs` | [`copy_bidirectional`]: two streams of ours, both ways |
//! | `buffers.rs` | [`Buffer`]: the memory, of which each thread keeps some |
//! | `one_way.rs` | [`copy`]: from any reader to any writer |
//! | `pipes.rs` | pipes through which Linux moves data without copying them |
//! | `pump.rs` | one way of `copy_bidirectional` |

mod both;
mod buffers;
mod one_way;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod pipes;
mod pump;

pub use both::{CopyBidirectionalError, Stream, copy_bidirectional};
pub(super) use buffers::Buffer;
pub use one_way::copy;
