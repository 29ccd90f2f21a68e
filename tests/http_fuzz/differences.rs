//! Where the servers may differ, and why. A difference that is not in this list is a fault of one of them.

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::{HeaderName, Method};

use crate::verdict::{End, Seen, Verdict};

/// A kind of difference.
#[derive(Debug)]
pub struct Difference {
    /// What we do, and hyper does not.
    pub name: &'static str,
    /// Why we may. The sections are those of RFC 9110 and RFC 9112.
    pub why: &'static str,
    /// Whether a difference is of this kind.
    holds: fn(&Case<'_>) -> bool,
}

/// An input that the servers have understood in different ways.
struct Case<'a> {
    input: &'a [u8],
    ours: &'a Verdict,
    theirs: &'a Verdict,
    /// How many requests both have understood in the same way, from the first one on.
    same: usize,
}

impl Case<'_> {
    /// Whether we have refused the first request that differs for this reason, and hyper has not refused it.
    fn refused(&self, reason: &str) -> bool {
        let theirs_refused = self.theirs.seen.len() == self.same && matches!(self.theirs.end, End::Refused(_));
        let refused = matches!(&self.ours.end, End::Refused(why) if why == reason);
        refused && self.ours.seen.len() == self.same && !theirs_refused
    }

    /// The first request that differs, as hyper has understood it.
    fn theirs(&self) -> Option<&Seen> {
        self.theirs.seen.get(self.same)
    }

    /// The values of a header of this request.
    fn values(&self, name: HeaderName) -> Vec<&[u8]> {
        let values = self.theirs().map(|seen| seen.headers.get_all(name).iter());
        values.into_iter().flatten().map(|value| value.as_bytes()).collect()
    }

    /// Whether the input has this somewhere, in any case.
    fn says(&self, what: &str) -> bool {
        let mut places = self.input.windows(what.len());
        places.any(|place| place.eq_ignore_ascii_case(what.as_bytes()))
    }

    /// Whether the servers differ only in how often the client was told to go on.
    fn differs_in_continues(&self) -> bool {
        self.ours.seen.len() == self.same
            && self.theirs.seen.len() == self.same
            && self.ours.end.is_like(&self.theirs.end)
    }
}

/// All kinds of differences.
pub const DIFFERENCES: [Difference; 13] = [
    Difference {
        name: "a length and chunks are refused; hyper drops the length, whatever it is",
        why: "9112, 6.1: a server may reject such a request; 6.3: it ought to be handled as an error",
        holds: |case| {
            let says_both = case.says("content-length") && !case.values(TRANSFER_ENCODING).is_empty();
            let reasons = [
                "a length, and chunks",
                "the Content-Length is no number",
                "there are two Content-Length headers",
            ];
            let is_refused = reasons.iter().any(|reason| case.refused(reason));
            is_refused && says_both
        },
    },
    Difference {
        name: "the same length twice is refused; hyper takes it once",
        why: "9112, 6.3: a recipient may reject it",
        holds: |case| case.refused("there are two Content-Length headers") && case.values(CONTENT_LENGTH).len() == 1,
    },
    Difference {
        name: "two hosts are refused",
        why: "9112, 3.2: a server must answer with 400",
        holds: |case| case.refused("there are two Host headers") && case.values(HOST).len() > 1,
    },
    Difference {
        name: "a line end without CR is refused in a head",
        why: "9112, 2.2: a recipient may accept it, and proxies do not agree on it",
        holds: |case| {
            let before = case.same.checked_sub(1).and_then(|before| case.ours.seen.get(before));
            let is_cut_off = before.is_some_and(|seen| seen.body.ends_with(b"\r"));
            let mut pairs = case.input.windows(2);
            let has_bare = case.input.starts_with(b"\n") || pairs.any(|pair| pair[1] == b'\n' && pair[0] != b'\r');
            case.refused("a line does not end with CRLF") && (has_bare || is_cut_off)
        },
    },
    Difference {
        name: "a line end without CR, or without LF, is refused in trailers",
        why: "9112, 7.1.2: trailers are lines that end with CRLF; hyper takes some of these for their end",
        holds: |case| {
            let is_chunked = !case.values(TRANSFER_ENCODING).is_empty();
            case.refused("a line of a chunked body does not end with CRLF") && is_chunked
        },
    },
    Difference {
        name: "blanks behind the size of a chunk, and sizes of more than 16 digits, are refused",
        why: "9112, 7.1: the size is digits; blanks are for bad senders only, and proxies do not agree on them",
        holds: |case| case.refused("the size of a chunk is no number") && !case.values(TRANSFER_ENCODING).is_empty(),
    },
    Difference {
        name: "codings before `chunked` are refused; hyper leaves them to the handler",
        why: "9112, 6.1: a server that does not understand a coding should answer with 501",
        holds: |case| {
            let codings = case.values(TRANSFER_ENCODING);
            case.refused("unknown transfer coding")
                && codings.iter().any(|coding| !coding.eq_ignore_ascii_case(b"chunked"))
        },
    },
    Difference {
        name: "`chunked` twice is refused; hyper takes it once",
        why: "9112, 6.1: a sender must not apply it twice",
        holds: |case| {
            case.refused("there are two Transfer-Encoding headers") && case.values(TRANSFER_ENCODING).len() > 1
        },
    },
    Difference {
        name: "a HEAD request with a length other than 0 is refused",
        why: "9110, 9.3.2: its content has no meaning, and some servers reject it, as it may be smuggling",
        holds: |case| {
            let has_length = case
                .theirs()
                .is_some_and(|seen| seen.method == Method::HEAD && !seen.body.is_empty());
            case.refused("a body of a HEAD request") && has_length
        },
    },
    Difference {
        name: "other expectations than 100-continue are refused; hyper ignores them",
        why: "9110, 10.1.1: a server may answer with 417",
        holds: |case| {
            let expected = case.values(EXPECT);
            case.refused("unknown expectation")
                && expected
                    .iter()
                    .any(|value| !value.eq_ignore_ascii_case(b"100-continue"))
        },
    },
    Difference {
        name: "a client that expects 100-continue gets it when the handler reads, also if there is no body",
        why: "9110, 10.1.1: a server may omit it if there is no content, or some has come",
        holds: |case| case.says("expect") && case.differs_in_continues(),
    },
    Difference {
        name: "`close` and `keep-alive` are found beside other members of Connection that are not ASCII",
        why: "9110, 7.6.1: Connection is a list, and its other members mean nothing to us",
        holds: |case| {
            let last = case.same.checked_sub(1).and_then(|last| case.ours.seen.get(last));
            let mut values = last.into_iter().flat_map(|seen| seen.headers.get_all(CONNECTION));
            values.any(|value| value.to_str().is_err())
        },
    },
    Difference {
        name: "a request line may have 8 KiB, and hyper's target 64 KiB",
        why: "9112, 3: a server may limit it, and answers with 414",
        holds: |case| {
            let mut lines = case.input.split_inclusive(|byte| *byte == b'\n');
            case.refused("the request line is too long") && lines.any(|line| line.len() > 8192)
        },
    },
];

/// The kind of difference between the verdicts on an input; none if they are the same.
///
/// # Errors
/// Fails if the difference is of no kind that there may be.
pub fn compare(input: &[u8], ours: &Verdict, theirs: &Verdict) -> Result<Option<&'static Difference>, String> {
    let pairs = ours.seen.iter().zip(&theirs.seen);
    let same = pairs.take_while(|(ours, theirs)| ours == theirs).count();
    let ends_alike = same == ours.seen.len() && same == theirs.seen.len() && ours.end.is_like(&theirs.end);
    if ends_alike && ours.continues == theirs.continues {
        return Ok(None);
    }
    let case = Case {
        input,
        ours,
        theirs,
        same,
    };
    let kind = DIFFERENCES.iter().find(|difference| (difference.holds)(&case));
    kind.map(Some).ok_or_else(|| {
        format!(
            "{}\n\nours: {:#?}\n\ntheirs: {:#?}",
            input.escape_ascii(),
            &ours,
            &theirs
        )
    })
}
