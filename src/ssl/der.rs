//! As much of a certificate's encoding as is needed to see whether it is self-signed, and whether it may sign others.

/// Whether the issuer of the certificate is its subject.
pub(super) fn is_self_issued(certificate: &[u8]) -> bool {
    names(certificate).is_some_and(|(issuer, subject)| issuer == subject)
}

/// Whether the certificate is one of an authority. One that does not say is not, unless it is of the first version of
/// the format, in which it cannot be said.
pub(super) fn may_sign(certificate: &[u8]) -> bool {
    fields(certificate).is_some_and(|fields| fields.is_of_version_1 || is_authority(fields.rest).unwrap_or(false))
}

/// The issuer and the subject, as they are encoded.
fn names(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    fields(certificate).map(|fields| (fields.issuer, fields.subject))
}

struct Fields<'a> {
    is_of_version_1: bool,
    issuer: &'a [u8],
    subject: &'a [u8],
    /// What comes after the subject.
    rest: &'a [u8],
}

fn fields(certificate: &[u8]) -> Option<Fields<'_>> {
    let (certificate, _) = value(certificate)?;
    let (mut fields, _) = value(certificate)?;
    let is_of_version_1 = fields.first() != Some(&VERSION);
    if !is_of_version_1 {
        fields = value(fields)?.1;
    }
    let (_serial_number, fields) = value(fields)?;
    let (_signature, fields) = value(fields)?;
    let (issuer, fields) = value(fields)?;
    let (_validity, fields) = value(fields)?;
    let (subject, rest) = value(fields)?;
    Some(Fields {
        is_of_version_1,
        issuer,
        subject,
        rest,
    })
}

/// Whether the extension `basicConstraints` says so, in what comes after the subject.
fn is_authority(mut rest: &[u8]) -> Option<bool> {
    while rest.first() != Some(&EXTENSIONS) {
        rest = value(rest)?.1;
    }
    let (extensions, _) = value(rest)?;
    let (mut extensions, _) = value(extensions)?;
    while !extensions.is_empty() {
        let (extension, others) = value(extensions)?;
        extensions = others;
        let (id, mut contents) = value(extension)?;
        if id == BASIC_CONSTRAINTS {
            if contents.first() == Some(&BOOLEAN) {
                // Whether the extension is critical.
                contents = value(contents)?.1;
            }
            let (octets, _) = value(contents)?;
            let (constraints, _) = value(octets)?;
            return Some(constraints.starts_with(&[BOOLEAN, 1, 0xff]));
        }
    }
    Some(false)
}

/// The tag of the version, which may be left out, and that of the extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const BOOLEAN: u8 = 1;
/// The identifier of the extension: 2.5.29.19.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

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
