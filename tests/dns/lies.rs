//! What is not believed.

use std::net::Ipv4Addr;

use gevent::socket::{EAI_AGAIN, EAI_NODATA, gethostbyaddr, gethostbyname};
use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{DNSClass, RData, RecordType};

use crate::server::{Said, Server, name, record, reply_to};
use crate::support::{TestResult, bounded};
use crate::{ask, code, config, use_config};

const TRUTH: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 4);

/// An answer with an address that nobody has.
fn lie(truth: &Message) -> Message {
    let mut lie = reply_to(truth);
    lie.add_answer(record("v4.example.test", 60, RData::A(A(Ipv4Addr::new(6, 6, 6, 6)))));
    lie
}

fn changed(truth: &Message, change: impl Fn(&mut Message)) -> Said {
    let mut lie = lie(truth);
    change(&mut lie);
    Said::now(&lie)
}

/// All kinds of datagrams that are no answer to the question.
fn lies(truth: &Message) -> Vec<Said> {
    let mut bytes = lie(truth).to_vec().expect("it is a message");
    let elsewhere = Said {
        from_elsewhere: true,
        ..Said::now(&lie(truth))
    };
    let mut lies = vec![
        changed(truth, |lie| lie.metadata.id = lie.metadata.id.wrapping_add(1)),
        changed(truth, |lie| lie.queries[0].name = name("other.example.test")),
        changed(truth, |lie| lie.queries[0].query_type = RecordType::TXT),
        changed(truth, |lie| lie.queries[0].query_class = DNSClass::CH),
        changed(truth, |lie| lie.queries.clear()),
        changed(truth, |lie| lie.queries.push(lie.queries[0].clone())),
        changed(truth, |lie| lie.metadata.message_type = MessageType::Query),
        elsewhere,
        Said::bytes(Vec::new()),
        Said::bytes(vec![0xff; 3]),
        Said::bytes(vec![0xff; 600]),
        Said::bytes(bytes[..12].to_vec()),
        Said::bytes(bytes[..bytes.len() - 2].to_vec()),
    ];
    // Many more records than there are.
    bytes[6] = 0xff;
    lies.push(Said::bytes(bytes.clone()));
    // A name that points to itself, and one that points behind itself.
    let id = &bytes[..2];
    let header = [id, &[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]].concat();
    lies.push(Said::bytes([&header[..], &[0xc0, 12, 0, 1, 0, 1]].concat()));
    lies.push(Said::bytes([&header[..], &[0xc0, 14, 0xc0, 12, 0, 1, 0, 1]].concat()));
    lies.push(Said::bytes([&header[..], &[0xc0, 40, 0, 1, 0, 1]].concat()));
    lies
}

#[test]
fn lies_are_dropped_and_the_truth_is_waited_for() -> TestResult {
    let _bounded = bounded();
    for number in 0..lies(&Message::query_of_tests()).len() {
        let server = Server::with(move |_, truth| {
            let mut said = vec![lies(truth).swap_remove(number)];
            said.push(Said::now(truth));
            said
        });
        ask(&server);
        assert_eq!(gethostbyname("v4.example.test")?, TRUTH, "lie {number}");
        assert_eq!(server.take().len(), 1, "lie {number}");
    }
    Ok(())
}

#[test]
fn nothing_but_lies_is_no_answer() -> TestResult {
    let _bounded = bounded();
    let server = Server::with(|_, truth| lies(truth));
    let mut quick = config(&[server.address]);
    quick.timeout = 0.05;
    use_config(quick.clone());
    assert_eq!(code(gethostbyname("v4.example.test")), EAI_AGAIN);
    assert_eq!(server.take().len(), quick.attempts);
    // Another server is asked then.
    let good = Server::new();
    quick.nameservers.push(good.address);
    use_config(quick);
    assert_eq!(gethostbyname("v4.example.test")?, TRUTH);
    Ok(())
}

#[test]
fn records_about_others_do_not_count() -> TestResult {
    let _bounded = bounded();
    let server = Server::with(|_, truth| {
        let mut reply = reply_to(truth);
        reply.add_answer(record("other.example.test", 60, RData::A(A(Ipv4Addr::new(6, 6, 6, 6)))));
        vec![Said::now(&reply)]
    });
    let resolver = ask(&server);
    assert_eq!(code(gethostbyname("v4.example.test")), EAI_NODATA);
    assert!(gethostbyaddr("192.0.2.1").is_err());
    // Nor is there anything to keep.
    assert_eq!(resolver.cached(), 0);
    Ok(())
}

/// A small message whose names are long and many, as they point to one another.
#[test]
fn compressed_names_cost_little() -> TestResult {
    let _bounded = bounded();
    let server = Server::with(|_, truth| {
        let question = reply_to(truth).to_vec().expect("it is a message");
        let mut bytes = question.clone();
        // One long name, and then as many records as fit, each with a pointer to it.
        let start = bytes.len() as u16;
        for _ in 0..120 {
            bytes.extend([1, b'x']);
        }
        bytes.push(0);
        bytes.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6]);
        let mut count = 1_u16;
        while bytes.len() + 16 < 4096 {
            bytes.extend((0xc000 | start).to_be_bytes());
            bytes.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6]);
            count += 1;
        }
        bytes[6..8].copy_from_slice(&count.to_be_bytes());
        vec![Said::bytes(bytes)]
    });
    let mut quick = config(&[server.address]);
    (quick.timeout, quick.attempts) = (5.0, 1);
    use_config(quick);
    assert_eq!(code(gethostbyname("v4.example.test")), EAI_NODATA);
    Ok(())
}

#[test]
fn numbers_and_ports_are_not_to_be_guessed() -> TestResult {
    let _bounded = bounded();
    let server = Server::new();
    ask(&server);
    for i in 0..50 {
        gethostbyname(&format!("n-{i}.example.test"))?;
    }
    let asked = server.take();
    let distinct = |mut all: Vec<u16>| {
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    assert!(distinct(asked.iter().map(|asked| asked.id).collect()) > 45);
    assert!(distinct(asked.iter().map(|asked| asked.from.port()).collect()) > 40);
    let rows = asked.windows(2).filter(|pair| pair[1].id == pair[0].id.wrapping_add(1));
    assert!(rows.count() < 5);
    Ok(())
}

trait OfTests {
    fn query_of_tests() -> Message;
}

impl OfTests for Message {
    fn query_of_tests() -> Message {
        let mut message = Message::query();
        message.add_query(hickory_proto::op::Query::query(name("v4.example.test"), RecordType::A));
        message
    }
}
