//! [`Verdict`]: what a server has made of its input.

use http::{HeaderMap, Method, Version};

/// A request as the server has understood it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The method.
    pub method: Method,
    /// The target, as the crate `http` writes it.
    pub target: String,
    /// The version.
    pub version: Version,
    /// The headers, each value of a name.
    pub headers: HeaderMap,
    /// The body, without its coding.
    pub body: Vec<u8>,
    /// The headers behind the body.
    pub trailers: Option<HeaderMap>,
}

/// What has become of a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// The server has waited for the rest of a next request.
    Kept,
    /// The last answer says that the connection is closed.
    Closed,
    /// The server has refused a request, or its body, and says why.
    Refused(String),
}

impl End {
    /// Whether both are the same but for the words of a refusal.
    pub fn is_like(&self, other: &End) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// What a server has made of its input.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The requests that were given to the handler, with their whole bodies.
    pub seen: Vec<Seen>,
    /// What is behind them.
    pub end: End,
    /// How many times the client was told to go on.
    pub continues: usize,
}

/// An answer, as far as its bytes tell.
struct Answer {
    status: u16,
    closes: bool,
    len: usize,
}

impl Verdict {
    /// The verdict of a server that has sent these answers. The answers have to be as many as there were requests.
    pub fn of(seen: Vec<Seen>, refused: Option<String>, mut answers: &[u8]) -> Verdict {
        let mut methods = seen.iter().map(|seen| &seen.method);
        let (mut continues, mut closed, mut served) = (0, false, 0);
        let mut method = methods.next();
        while !answers.is_empty() {
            let answer = Answer::parse(answers, method);
            assert!(
                !closed,
                "there is an answer behind the last one: {}",
                answers.escape_ascii()
            );
            answers = &answers[answer.len..];
            match answer.status {
                100 => continues += 1,
                200 | 405 if method.is_some() => {
                    method = methods.next();
                    served += 1;
                    closed = answer.closes;
                }
                400.. if refused.is_some() => closed = true,
                status => panic!("unexpected status {status}"),
            }
        }
        assert_eq!(served, seen.len(), "an answer is missing");
        let end = match (refused, closed) {
            (Some(why), _) => End::Refused(why),
            (None, true) => End::Closed,
            (None, false) => End::Kept,
        };
        Verdict { seen, end, continues }
    }
}

impl Answer {
    /// The answer at the beginning of the data.
    fn parse(data: &[u8], method: Option<&Method>) -> Answer {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut response = httparse::Response::new(&mut headers);
        let Ok(httparse::Status::Complete(head)) = response.parse(data) else {
            panic!("this is no answer: {}", data.escape_ascii());
        };
        let status = response.code.unwrap_or_default();
        let value = |name: &str| {
            let header = response
                .headers
                .iter()
                .find(|header| header.name.eq_ignore_ascii_case(name));
            header.map(|header| String::from_utf8_lossy(header.value).to_lowercase())
        };
        let length: usize = value("content-length").map_or(0, |length| length.parse().expect("a length"));
        let has_body = status != 100 && (method != Some(&Method::HEAD));
        let len = match method {
            // It is the refusal of a request of which the method is not known, and the last answer.
            None if head == data.len() => head,
            _ => head + if has_body { length } else { 0 },
        };
        assert!(len <= data.len(), "an answer is cut off");
        let closes = match (response.version, value("connection").as_deref()) {
            (_, Some("close")) => true,
            (Some(0), connection) => connection != Some("keep-alive"),
            _ => false,
        };
        Answer { status, closes, len }
    }
}
