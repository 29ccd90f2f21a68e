//! A server that has a certificate for each name, and learns the name that a client asks for.

use std::fs;
use std::sync::{Arc, Mutex};

use gevent::ssl::DER_cert_to_PEM_cert;

use super::common::{TestResult, show};
use super::common_ssl::{client_context, file, outcome, server_context, server_context_of, shaking};

pub(crate) fn main() -> TestResult {
    let names = Arc::new(Mutex::new(Vec::new()));
    let mut other = server_context_of("other")?;
    other.set_alpn_protocols(&["other"]);

    let mut server = server_context()?;
    let its = names.clone();
    server.set_sni_callback(move |name| {
        its.lock().expect("no panic").push(show(name));
        Ok((name == Some("other.example")).then(|| other.clone()))
    });
    server.set_alpn_protocols(&["localhost"]);
    for name in [
        "localhost",
        "other.example",
        "localhost",
        "another.example",
        "127.0.0.1",
    ] {
        let mut client = client_context()?;
        client.set_alpn_protocols(&["other", "localhost"]);
        let (near, far) = shaking(&client, &server, name)?;
        let outcomes = [outcome(&near)?, outcome(&far)?];
        let asked = std::mem::take(&mut *names.lock().expect("no panic")).join(", ");
        println!("{name}: {}, the server was asked for {asked}", outcomes[0]);
        println!("  the server: {}", outcomes[1]);
        if let Ok(end) = near.get()? {
            let certificate = DER_cert_to_PEM_cert(&end.getpeercert().expect("it has one"));
            for whose in ["localhost", "other"] {
                if fs::read_to_string(file(&format!("{whose}.crt")))? == certificate {
                    println!("  {whose}, {}", show(end.selected_alpn_protocol()));
                }
            }
        }
    }
    Ok(())
}
