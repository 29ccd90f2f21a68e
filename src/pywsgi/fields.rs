//! Checks the header fields of answers, and writes numbers.

use http::StatusCode;

/// The error of a header, reason or status that would not be one: the rest of it would be taken for something else.
///
/// Source: the `ValueError` of gevent's `start_response`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The name has characters that a name cannot have, for example a line end.
    #[error("invalid header name: {0:?}")]
    Name(String),
    /// The value has a line end or another control character.
    #[error("invalid value of the header {0:?}")]
    Value(String),
    /// The reason has a line end or another control character.
    #[error("invalid reason: {0:?}")]
    Reason(String),
    /// The number is no status, or the status cannot be sent here.
    #[error("invalid status")]
    Status,
    /// The header is one that the server writes, in a form that it cannot write.
    #[error("the server writes the header {0:?} itself")]
    Reserved(&'static str),
}

/// Whether the byte may be in a name.
const fn is_of_name(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
    ) || byte.is_ascii_alphanumeric()
}

const fn is_of_value(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

pub(super) fn check_name(name: &[u8]) -> Result<(), InvalidHeader> {
    match !name.is_empty() && name.iter().all(|byte| is_of_name(*byte)) {
        true => Ok(()),
        false => Err(InvalidHeader::Name(String::from_utf8_lossy(name).into_owned())),
    }
}

pub(super) fn check_value(name: &[u8], value: &[u8]) -> Result<(), InvalidHeader> {
    match value.iter().all(|byte| is_of_value(*byte)) {
        true => Ok(()),
        false => Err(InvalidHeader::Value(String::from_utf8_lossy(name).into_owned())),
    }
}

pub(super) fn check_reason(reason: &str) -> Result<(), InvalidHeader> {
    match reason.bytes().all(is_of_value) {
        true => Ok(()),
        false => Err(InvalidHeader::Reason(reason.to_owned())),
    }
}

/// Appends a header that was checked.
pub(super) fn write(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends the line of a status.
pub(super) fn write_status(out: &mut Vec<u8>, status: StatusCode, reason: Option<&str>) {
    if status == StatusCode::OK && reason.is_none() {
        return out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(reason.or(status.canonical_reason()).unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends a number in a base.
pub(super) fn write_number(out: &mut Vec<u8>, number: u64, base: u64) {
    out.extend_from_slice(digits(&mut [0; 20], number, base, 1).as_bytes());
}

/// The digits of a number in a base, so many at least. `write!` takes several times as long.
#[inline]
pub(super) fn digits(buffer: &mut [u8; 20], mut number: u64, base: u64, least: usize) -> &str {
    let mut at = buffer.len();
    while number > 0 || buffer.len() - at < least {
        at -= 1;
        buffer[at] = b"0123456789abcdef"[(number % base) as usize];
        number /= base;
    }
    std::str::from_utf8(&buffer[at..]).unwrap_or_default()
}

/// The value of a `Content-Length`: digits alone, and one number.
pub(super) fn length(value: &[u8]) -> Option<u64> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| is_number)?.parse().ok()
}

/// Whether a list of tokens has this one.
pub(super) fn has_token(list: &[u8], token: &str) -> bool {
    list.split(|byte| *byte == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{has_token, length, write_number};

    #[test]
    fn numbers_are_written_and_read() {
        for number in [0, 9, 10, 255, 65536, u64::MAX] {
            let (mut decimal, mut hex) = (Vec::new(), Vec::new());
            write_number(&mut decimal, number, 10);
            write_number(&mut hex, number, 16);
            assert_eq!(decimal, number.to_string().into_bytes());
            assert_eq!(hex, format!("{number:x}").into_bytes());
            assert_eq!(length(&decimal), Some(number));
        }
        for wrong in ["", "+5", "-1", " 5", "5,5", "0x5", "18446744073709551616", "٣"] {
            assert_eq!(length(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn tokens_of_lists_are_found() {
        assert!(has_token(b"keep-alive, Upgrade ,close", "upgrade"));
        assert!(has_token(b"Close", "close"));
        assert!(!has_token(b"not-close, closed", "close"));
    }
}
