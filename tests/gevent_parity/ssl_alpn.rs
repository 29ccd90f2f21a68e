//! The protocol that is spoken over TLS: the first of the server's that the client has, too.

use super::common::{TestResult, show};
use super::common_ssl::{client_context, connected_with, server_context};

pub(crate) fn main() -> TestResult {
    let cases: [(&[&str], &[&str]); 6] = [
        (&["http/1.1"], &["http/1.1"]),
        (&["http/1.1", "h2"], &["h2", "http/1.1"]),
        (&["a", "b", "c"], &["d", "c", "b"]),
        (&["h2"], &[]),
        (&[], &["h2"]),
        (&[], &[]),
    ];
    for (ours, theirs) in cases {
        let (mut client, mut server) = (client_context()?, server_context()?);
        client.set_alpn_protocols(ours);
        server.set_alpn_protocols(theirs);
        let (near, far) = connected_with(&client, &server, "localhost")?;
        let chosen = [&near, &far].map(|end| show(end.selected_alpn_protocol()));
        println!("{} and {}: {}", ours.join(", "), theirs.join(", "), chosen.join(", "));
    }
    Ok(())
}
