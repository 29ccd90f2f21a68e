//! The system's form of ancillary data: messages one after another, each with a header before its data, and padding
//! behind them.

use std::mem::offset_of;

use libc::cmsghdr;

/// How many bytes come before the data.
// SAFETY: the macro of C is only arithmetic.
#[allow(unsafe_code)]
const HEADER: usize = unsafe { libc::CMSG_LEN(0) } as usize;

/// Data are padded to a multiple of this.
// SAFETY: as above.
#[allow(unsafe_code)]
const UNIT: usize = unsafe { libc::CMSG_SPACE(1) } as usize - HEADER;

/// The bytes of a header that have its length. Where musl has fewer, it has padding for the rest of the system's.
const LEN: usize = offset_of!(cmsghdr, cmsg_len);
const LEN_BYTES: usize = offset_of!(cmsghdr, cmsg_level) - LEN;

/// How many bytes a message with `length` bytes of data has, without the padding behind it: the room for the last
/// message of a buffer. A `length` that no buffer can have gives one that [`recvmsg`](crate::socket::Socket::recvmsg)
/// refuses.
///
/// Source: Python's `CMSG_LEN`.
#[allow(non_snake_case)]
#[must_use]
pub const fn CMSG_LEN(length: usize) -> usize {
    HEADER.saturating_add(length)
}

/// How many bytes a message with `length` bytes of data has, and the padding behind it. Otherwise as [`CMSG_LEN`].
///
/// ```
/// use gevent::socket::{CMSG_LEN, CMSG_SPACE};
///
/// let one_descriptor = CMSG_LEN(size_of::<i32>());
/// assert!(one_descriptor <= CMSG_SPACE(size_of::<i32>()));
/// ```
///
/// Source: Python's `CMSG_SPACE`.
#[allow(non_snake_case)]
#[must_use]
pub const fn CMSG_SPACE(length: usize) -> usize {
    match length.checked_next_multiple_of(UNIT) {
        Some(padded) => CMSG_LEN(padded),
        None => usize::MAX,
    }
}

/// A message that was received.
pub(super) struct Message<'a> {
    pub(super) level: i32,
    pub(super) type_: i32,
    pub(super) data: &'a [u8],
}

/// The first message, and the bytes of the others. The system may cut the last message short.
pub(super) fn split_first(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    if bytes.len() < HEADER {
        return None;
    }
    let data_len = len_in(bytes).checked_sub(HEADER)?;
    let end = CMSG_LEN(data_len).min(bytes.len());
    let next = CMSG_SPACE(data_len).min(bytes.len());
    let message = Message {
        level: number_at(bytes, offset_of!(cmsghdr, cmsg_level))?,
        type_: number_at(bytes, offset_of!(cmsghdr, cmsg_type))?,
        data: &bytes[HEADER..end],
    };
    Some((message, &bytes[next..]))
}

/// Writes a message at the beginning of a buffer. Returns how many bytes it has, or `None` if there is no room for it.
pub(super) fn put(
    buffer: &mut [u8],
    level: i32,
    type_: i32,
    parts: impl Iterator<Item: AsRef<[u8]>> + Clone,
) -> Option<usize> {
    let data_len = parts.clone().map(|part| part.as_ref().len()).sum();
    let message = buffer.get_mut(..CMSG_SPACE(data_len))?;
    message.fill(0);
    let len = CMSG_LEN(data_len);
    match LEN_BYTES {
        4 => message[LEN..][..4].copy_from_slice(&u32::try_from(len).ok()?.to_ne_bytes()),
        _ => message[LEN..][..8].copy_from_slice(&(len as u64).to_ne_bytes()),
    }
    message[offset_of!(cmsghdr, cmsg_level)..][..4].copy_from_slice(&level.to_ne_bytes());
    message[offset_of!(cmsghdr, cmsg_type)..][..4].copy_from_slice(&type_.to_ne_bytes());
    let mut at = HEADER;
    for part in parts {
        let part = part.as_ref();
        message[at..][..part.len()].copy_from_slice(part);
        at += part.len();
    }
    Some(message.len())
}

/// The length in the header of a message.
fn len_in(bytes: &[u8]) -> usize {
    match LEN_BYTES {
        4 => number_at(bytes, LEN).map_or(0, |len| len.cast_unsigned() as usize),
        _ => {
            let len = bytes[LEN..].first_chunk().map(|len| u64::from_ne_bytes(*len));
            len.and_then(|len| len.try_into().ok()).unwrap_or(usize::MAX)
        }
    }
}

/// One of the system's numbers.
pub(super) fn number_at(bytes: &[u8], at: usize) -> Option<i32> {
    let number = bytes.get(at..)?.first_chunk()?;
    Some(i32::from_ne_bytes(*number))
}
