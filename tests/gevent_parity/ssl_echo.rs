//! What is sent arrives, in pieces of any size, and both ends know what they have agreed on.

use std::io::{Read, Write};

use gevent::spawn;
use gevent::ssl::{DER_cert_to_PEM_cert, TLSVersion};

use super::common::{TestResult, show};
use super::common_ssl::{End, client_context, connected, connected_with, file, recv, server_context};

fn upper(mut end: End) -> TestResult {
    let mut data = [0; 1000];
    loop {
        match end.read(&mut data)? {
            0 => return Ok(end.unwrap().map(drop)?),
            count => end.write_all(&data[..count].to_ascii_uppercase())?,
        }
    }
}

pub(crate) fn main() -> TestResult {
    let (mut near, mut far) = connected()?;
    for (what, end) in [("client", &near), ("server", &far)] {
        let certificate = std::fs::read_to_string(file("localhost.crt"))?;
        let known = end
            .getpeercert()
            .is_some_and(|theirs| DER_cert_to_PEM_cert(&theirs) == certificate);
        // Here a server's stream has the name, too, that the client has asked for.
        let hostname = end.server_hostname().filter(|_| what == "client");
        let (version, protocol) = (show(end.version()), show(end.selected_alpn_protocol()));
        println!(
            "{what}: {version}, {}, {protocol}, certificate: {known}",
            show(hostname)
        );
    }

    near.write_all(b"hello people")?;
    println!("{} {}", recv(&far, 5)?, far.pending());
    println!("{} {}", recv(&far, 100)?, far.pending());
    far.write_all(b"")?;
    far.write_all(b"ok")?;
    println!("{}", recv(&near, 100)?);

    let echoing = spawn(move || upper(far));
    for size in [1, 16384, 16385, 100_000] {
        let data: Vec<u8> = (0..size).map(|i| b'a' + (i % 26) as u8).collect();
        let (mut its, sent) = (near.clone(), data.clone());
        let sending = spawn(move || Ok(its.write_all(&sent)?));
        let mut got = vec![0; size];
        near.read_exact(&mut got)?;
        sending.get()?;
        println!("{size}: {}", got == data.to_ascii_uppercase());
    }
    near.unwrap()?;
    echoing.get()?;

    for name in ["127.0.0.1", "localhost"] {
        let mut context = client_context()?;
        context.set_maximum_version(TLSVersion::TLSv1_2);
        let (near, far) = connected_with(&context, &server_context()?, name)?;
        let [ours, theirs] = [&near, &far].map(|end| show(end.version()));
        println!("{name}: {ours}, {theirs}, {}", show(near.server_hostname()));
    }
    Ok(())
}
