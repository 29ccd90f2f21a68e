//! [`Server`]: a name server in greenlets, by UDP and TCP at one port of the loopback. It notes what it is asked.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use gevent::socket::{TcpListener, TcpStream, UdpSocket};
use gevent::{AnyGreenlet, Exception, sleep, spawn};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, PTR, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// What the server is asked, and by whom.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) type_: RecordType,
    pub(crate) from: SocketAddr,
    pub(crate) id: u16,
    pub(crate) by_tcp: bool,
}

/// What it says by datagrams: each of them after some seconds, and from the server's socket or from another one.
pub(crate) struct Said {
    pub(crate) bytes: Vec<u8>,
    pub(crate) after: f64,
    pub(crate) from_elsewhere: bool,
}

impl Said {
    pub(crate) fn now(message: &Message) -> Said {
        Said::bytes(message.to_vec().expect("it is a message"))
    }

    pub(crate) fn bytes(bytes: Vec<u8>) -> Said {
        Said {
            bytes,
            after: 0.0,
            from_elsewhere: false,
        }
    }
}

/// Says something to the question with this number among all (from 0), in datagrams. The message is the right answer.
pub(crate) type Behaviour = dyn Fn(usize, &Message) -> Vec<Said>;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    asked: Rc<RefCell<Vec<Asked>>>,
    greenlets: Vec<AnyGreenlet>,
}

impl Server {
    /// A server that says the truth.
    pub(crate) fn new() -> Server {
        Server::with(|_, truth| vec![Said::now(&cut(truth))])
    }

    pub(crate) fn with(says: impl Fn(usize, &Message) -> Vec<Said> + 'static) -> Server {
        // Both have the same port; another program may have taken it by TCP.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").expect("there are ports");
            let address = udp.local_addr().expect("it is bound");
            if let Ok(tcp) = TcpListener::bind(address) {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().expect("it is bound");
        let asked = Rc::<RefCell<Vec<Asked>>>::default();
        let says: Rc<Behaviour> = Rc::new(says);
        let (log, its) = (asked.clone(), udp.clone());
        let datagrams = spawn(move || -> Result<(), Exception> {
            let mut buffer = [0; 1500];
            loop {
                let (len, from) = its.recv_from(&mut buffer)?;
                let question = Message::from_vec(&buffer[..len]).expect("it is a question");
                let number = note(&log, &question, from, false);
                for said in says(number, &answer(&question)) {
                    let socket = match said.from_elsewhere {
                        true => UdpSocket::bind("127.0.0.1:0")?,
                        false => its.clone(),
                    };
                    match said.after {
                        0.0 => drop(socket.send_to(&said.bytes, from)?),
                        seconds => drop(spawn(move || -> Result<(), Exception> {
                            sleep(seconds)?;
                            // The client may have gone.
                            let _ = socket.send_to(&said.bytes, from);
                            Ok(())
                        })),
                    }
                }
            }
        });
        let log = asked.clone();
        let streams = spawn(move || -> Result<(), Exception> {
            loop {
                let (stream, from) = tcp.accept()?;
                let log = log.clone();
                spawn(move || serve(stream, from, &log));
            }
        });
        Server {
            address,
            asked,
            greenlets: vec![datagrams.any(), streams.any()],
        }
    }

    /// What it was asked since this was called last.
    pub(crate) fn take(&self) -> Vec<Asked> {
        self.asked.take()
    }

    /// How many times it was asked since [`take`](Server::take).
    pub(crate) fn count(&self) -> usize {
        self.asked.borrow().len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for greenlet in &self.greenlets {
            let _ = greenlet.kill();
        }
    }
}

fn note(log: &RefCell<Vec<Asked>>, question: &Message, from: SocketAddr, by_tcp: bool) -> usize {
    let query = &question.queries[0];
    let mut log = log.borrow_mut();
    log.push(Asked {
        name: query.name.to_ascii(),
        type_: query.query_type,
        from,
        id: question.metadata.id,
        by_tcp,
    });
    log.len() - 1
}

fn serve(mut stream: TcpStream, from: SocketAddr, log: &RefCell<Vec<Asked>>) -> Result<(), Exception> {
    let mut len = [0; 2];
    while stream.read_exact(&mut len).is_ok() {
        let mut bytes = vec![0; u16::from_be_bytes(len).into()];
        stream.read_exact(&mut bytes)?;
        let question = Message::from_vec(&bytes).expect("it is a question");
        note(log, &question, from, true);
        let bytes = answer(&question).to_vec().expect("it is a message");
        let len = u16::try_from(bytes.len()).expect("it is short");
        stream.write_all(&len.to_be_bytes())?;
        // In two parts, which may arrive apart.
        let (first, second) = bytes.split_at(bytes.len() / 2);
        stream.write_all(first)?;
        sleep(0)?;
        stream.write_all(second)?;
    }
    Ok(())
}

pub(crate) fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).expect("it is a name");
    name.set_fqdn(true);
    name
}

pub(crate) fn reply_to(question: &Message) -> Message {
    let mut reply = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    reply.metadata.recursion_desired = true;
    reply.metadata.recursion_available = true;
    reply.queries.clone_from(&question.queries);
    reply
}

/// What does not fit into a datagram is left out, and said to be.
pub(crate) fn cut(message: &Message) -> Message {
    let mut cut = message.clone();
    if message.to_vec().expect("it is a message").len() > 512 {
        cut.answers.clear();
        cut.metadata.truncation = true;
    }
    cut
}

pub(crate) fn record(owner: &str, seconds: u32, data: RData) -> Record {
    Record::from_rdata(name(owner), seconds, data)
}

/// The truth.
fn answer(question: &Message) -> Message {
    let mut reply = reply_to(question);
    let Query {
        name: asked,
        query_type,
        ..
    } = &question.queries[0];
    let asked = asked.to_lowercase().to_ascii();
    let asked = asked.trim_end_matches('.');
    let (records, exists) = zone(asked, *query_type);
    if records.is_empty() {
        if !exists {
            reply.metadata.response_code = ResponseCode::NXDomain;
        }
        let soa = SOA::new(name("ns.test"), name("me.test"), 1, 60, 60, 60, 60);
        reply.add_authority(record("test", 60, RData::SOA(soa)));
    }
    reply.add_answers(records);
    reply
}

/// The records of a name, and whether the name exists.
fn zone(asked: &str, type_: RecordType) -> (Vec<Record>, bool) {
    let address = |owner: &str, seconds, address: &str| match address.parse().expect("an address") {
        IpAddr::V4(address) => record(owner, seconds, RData::A(A(address))),
        IpAddr::V6(address) => record(owner, seconds, RData::AAAA(AAAA(address))),
    };
    let alias = |owner: &str, target: &str| record(owner, 60, RData::CNAME(CNAME(name(target))));
    let mut all = match asked {
        "www.example.test" => vec![address(asked, 60, "192.0.2.1"), address(asked, 60, "2001:db8::1")],
        "local.example.test" => vec![address(asked, 60, "127.0.0.1")],
        "v4.example.test" => vec![address(asked, 60, "192.0.2.4")],
        "v6.example.test" => vec![address(asked, 60, "2001:db8::6")],
        "never-kept.example.test" => vec![address(asked, 0, "192.0.2.9")],
        "soon-gone.example.test" => vec![address(asked, 1, "192.0.2.10")],
        "xn--bcher-kva.example.test" => vec![address(asked, 60, "192.0.2.11")],
        "big.example.test" => (0..100).map(|i| address(asked, 60, &format!("192.0.2.{i}"))).collect(),
        "alias.example.test" => vec![
            // In an order in which they are not needed, and with something that nobody has asked for.
            address("www.example.test", 60, "192.0.2.1"),
            address("evil.example.test", 60, "192.0.2.66"),
            address("www.example.test", 60, "2001:db8::1"),
            alias("second.example.test", "www.example.test"),
            alias(asked, "second.example.test"),
        ],
        // The data of the other name have to be asked for.
        "far.example.test" => vec![alias(asked, "v4.example.test")],
        "loop.example.test" => vec![alias(asked, "loop2.example.test"), alias("loop2.example.test", asked)],
        "far-loop.example.test" => vec![alias(asked, "far-loop2.example.test")],
        "far-loop2.example.test" => vec![alias(asked, "far-loop.example.test")],
        "self.example.test" => vec![alias(asked, asked)],
        "1.2.0.192.in-addr.arpa" => vec![record(asked, 60, RData::PTR(PTR(name("www.example.test"))))],
        other => match other.strip_prefix("chain-").and_then(|rest| rest.split_once('.')) {
            // An endless row of names, none of them twice.
            Some((number, _)) => {
                let next: u32 = number.parse::<u32>().expect("a number") + 1;
                vec![alias(other, &format!("chain-{next}.example.test"))]
            }
            None => match other.strip_prefix("n-").and_then(|rest| rest.split_once('.')) {
                Some((number, _)) => {
                    let number: u16 = number.parse().expect("a number");
                    let [a, b] = number.to_be_bytes();
                    vec![address(other, 60, &format!("10.0.{a}.{b}"))]
                }
                None => return (Vec::new(), false),
            },
        },
    };
    all.retain(|record| record.record_type() == type_ || record.record_type() == RecordType::CNAME);
    // An alias comes with the data of the name for which it stands, if the server has them.
    (all, true)
}
