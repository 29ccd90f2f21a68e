//! What connections use only while they have a request: each thread keeps some of it.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

/// The size of a block of memory, unless more is needed.
pub(super) const BLOCK: usize = 8 << 10;

/// How many of each are kept.
const KEPT: usize = 64;

/// A larger block is not kept.
const LARGEST: usize = 64 << 10;

#[derive(Default)]
struct Kept {
    /// Blocks that are initialised in their whole length.
    input: Vec<Vec<u8>>,
    output: Vec<Vec<u8>>,
    headers: Vec<HeaderMap>,
    /// Where heads are copied to. It is used again when nobody has a part of it any more.
    heads: BytesMut,
}

thread_local! {
    static KEPT_HERE: RefCell<Kept> = RefCell::default();
}

/// Uses what is kept. At the thread's end nothing is.
fn with<R>(use_it: impl FnOnce(&mut Kept) -> R) -> Option<R> {
    KEPT_HERE.try_with(|kept| use_it(&mut kept.borrow_mut())).ok()
}

fn keep<T>(kept: &mut Vec<T>, value: T) {
    if kept.len() < KEPT {
        kept.push(value);
    }
}

/// A block to read into, which is initialised in its whole length.
pub(super) fn input() -> Vec<u8> {
    with(|kept| kept.input.pop())
        .flatten()
        .unwrap_or_else(|| vec![0; BLOCK])
}

pub(super) fn give_back_input(block: Vec<u8>) {
    if (BLOCK..=LARGEST).contains(&block.len()) {
        with(|kept| keep(&mut kept.input, block));
    }
}

/// Empty memory for answers.
pub(super) fn output() -> Vec<u8> {
    with(|kept| kept.output.pop()).flatten().unwrap_or_default()
}

pub(super) fn give_back_output(mut block: Vec<u8>) {
    if (1..=LARGEST).contains(&block.capacity()) {
        block.clear();
        with(|kept| keep(&mut kept.output, block));
    }
}

/// An empty map.
pub(super) fn headers() -> HeaderMap {
    with(|kept| kept.headers.pop()).flatten().unwrap_or_default()
}

pub(super) fn give_back_headers(mut headers: HeaderMap) {
    if (1..=256).contains(&headers.capacity()) {
        // The values are the user's, but dropping one runs no code of the user's: they are bytes.
        headers.clear();
        with(|kept| keep(&mut kept.headers, headers));
    }
}

/// The bytes of a head, of which parts can be shared.
pub(super) fn head(bytes: &[u8]) -> Bytes {
    let copy = |kept: &mut Kept| {
        if kept.heads.capacity() < bytes.len() {
            kept.heads.reserve(bytes.len().max(BLOCK));
        }
        kept.heads.extend_from_slice(bytes);
        kept.heads.split().freeze()
    };
    with(copy).unwrap_or_else(|| Bytes::copy_from_slice(bytes))
}
