//! [`Question`]: a question to a name server as a message, and [`Reply`]: a message that answers it.

use hickory_proto::ProtoError;
use hickory_proto::op::{Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

/// A question with a random number of its own.
pub(super) struct Question {
    pub(super) query: Query,
    id: u16,
    pub(super) bytes: Vec<u8>,
}

/// What a server has said to a question.
pub(super) struct Reply {
    pub(super) code: ResponseCode,
    /// Whether there is more than fits into a datagram.
    pub(super) truncated: bool,
    pub(super) answers: Vec<Record>,
    /// How many seconds it holds that there is no answer.
    pub(super) negative_ttl: Option<u32>,
}

impl Question {
    pub(super) fn new(name: &Name, type_: RecordType) -> Result<Question, ProtoError> {
        let query = Query::query(name.clone(), type_);
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(query.clone());
        Ok(Question {
            query,
            id: message.metadata.id,
            bytes: message.to_vec()?,
        })
    }

    /// Reads an answer. `None` for anything else: another number, another question, garbage.
    pub(super) fn reply(&self, bytes: &[u8]) -> Option<Reply> {
        let mut decoder = BinDecoder::new(bytes);
        let header = Header::read(&mut decoder).ok()?;
        let metadata = &header.metadata;
        let is_reply = metadata.message_type == MessageType::Response && metadata.op_code == OpCode::Query;
        if metadata.id != self.id || !is_reply {
            return None;
        }
        let mut reply = Reply {
            code: metadata.response_code,
            truncated: metadata.truncation,
            answers: Vec::new(),
            negative_ttl: None,
        };
        // A server that has not understood the question need not repeat it.
        if header.counts.queries == 0 && metadata.response_code == ResponseCode::FormErr {
            return Some(reply);
        }
        let queries = Message::read_queries(&mut decoder, header.counts.queries.into()).ok()?;
        match &queries[..] {
            [query] if self.asks(query) => {}
            _ => return None,
        }
        // What was cut off is not read.
        if !reply.truncated {
            let message = Message::from_vec(bytes).ok()?;
            let soa = message.authorities.iter().find_map(|record| match &record.data {
                RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
                _ => None,
            });
            reply.negative_ttl = soa;
            reply.answers = message.answers;
            reply.answers.retain(|record| record.dns_class == DNSClass::IN);
        }
        Some(reply)
    }

    fn asks(&self, query: &Query) -> bool {
        query.name == self.query.name
            && query.query_type == self.query.query_type
            && query.query_class == self.query.query_class
    }
}
