//! As much of a certificate's encoding as is needed to see whether it is self-signed.

/// Whether the issuer of the certificate is its subject.
pub(super) fn is_self_issued(certificate: &[u8]) -> bool {
    names(certificate).is_some_and(|(issuer, subject)| issuer == subject)
}

/// The issuer and the subject, as they are encoded.
fn names(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let (certificate, _) = value(certificate)?;
    let (mut fields, _) = value(certificate)?;
    if fields.first() == Some(&VERSION) {
        fields = value(fields)?.1;
    }
    let (_serial_number, fields) = value(fields)?;
    let (_signature, fields) = value(fields)?;
    let (issuer, fields) = value(fields)?;
    let (_validity, fields) = value(fields)?;
    let (subject, _) = value(fields)?;
    Some((issuer, subject))
}

/// The tag of the version, which may be left out.
const VERSION: u8 = 0xa0;

/// The contents of the first value, and what comes after it.
fn value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_tag, bytes) = bytes.split_first()?;
    let (first, bytes) = bytes.split_first()?;
    let (len, bytes) = match first {
        ..=0x7f => (usize::from(*first), bytes),
        0x81..=0x84 => {
            let (len, bytes) = bytes.split_at_checked(usize::from(first & 0x7f))?;
            (len.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), bytes)
        }
        _ => return None,
    };
    bytes.split_at_checked(len)
}
