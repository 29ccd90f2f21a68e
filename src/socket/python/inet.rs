//! Addresses as texts, where std has no function for it.

use std::net::Ipv4Addr;

/// The address of IPv4 that a text means in the old forms, too: with fewer parts, of which the last fills the rest, and
/// with parts in octal (`0`) or hexadecimal (`0x`). The other functions of Python's module are methods of std:
/// `inet_ntoa` and `inet_ntop` are `to_string`, `inet_pton` is `parse`.
///
/// ```
/// use gevent::socket::inet_aton;
///
/// assert_eq!(inet_aton("127.1"), Some([127, 0, 0, 1].into()));
/// assert_eq!(inet_aton("0x7f.0.0.01"), Some([127, 0, 0, 1].into()));
/// assert_eq!(inet_aton("127.0.0.256"), None);
/// ```
pub fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let parts: Vec<u32> = text.split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|part| *part > 255) {
        return None;
    }
    let rest = 32 - 8 * first.len() as u32;
    if u64::from(*last) >= 1 << rest {
        return None;
    }
    let high = first.iter().zip([24, 16, 8]).map(|(part, shift)| part << shift);
    Some(Ipv4Addr::from(high.sum::<u32>() | last))
}

fn number(part: &str) -> Option<u32> {
    let (digits, radix) = match part.strip_prefix('0') {
        None | Some("") => (part, 10),
        Some(rest) => match rest.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16),
            None => (rest, 8),
        },
    };
    // `from_str_radix` takes a sign.
    let all_digits = digits.chars().all(|digit| digit.is_digit(radix));
    u32::from_str_radix(digits, radix).ok().filter(|_| all_digits)
}
