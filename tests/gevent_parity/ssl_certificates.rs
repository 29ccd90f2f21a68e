//! Certificates that are wrong, or missing: what the client says of them, and what the server learns.

use std::fs;

use gevent::Exception;
use gevent::ssl::{DER_cert_to_PEM_cert, Protocol, SSLContext, TLSVersion, VerifyMode};

use super::common::TestResult;
use super::common_ssl::{
    End, attempt, client_context, file, outcome, recv, server_context, server_context_of, shaking,
};

fn show(what: &str, client: &SSLContext, server: &SSLContext, name: &str) -> Result<Result<End, String>, Exception> {
    let (near, far) = shaking(client, server, name)?;
    println!("{what}: client: {}, server: {}", outcome(&near)?, outcome(&far)?);
    far.get()
}

fn of_version(version: TLSVersion) -> TestResult {
    let client = || -> Result<SSLContext, Exception> {
        let mut context = client_context()?;
        context.set_maximum_version(version);
        Ok(context)
    };
    let mut distrusting = SSLContext::new(Protocol::TlsClient);
    distrusting.set_maximum_version(version);
    let localhost = server_context()?;

    drop(show("good", &client()?, &localhost, "localhost")?);
    drop(show("an address", &client()?, &localhost, "127.0.0.1")?);
    drop(show("another name", &client()?, &localhost, "other.example")?);
    drop(show(
        "another server",
        &client()?,
        &server_context_of("other")?,
        "localhost",
    )?);
    drop(show("nobody is trusted", &distrusting, &localhost, "localhost")?);
    distrusting.set_check_hostname(false);
    drop(show(
        "any name, nobody is trusted",
        &distrusting,
        &localhost,
        "other.example",
    )?);
    distrusting.set_verify_mode(VerifyMode::CertNone);
    drop(show(
        "any name, all are trusted",
        &distrusting,
        &localhost,
        "other.example",
    )?);
    let mut context = client()?;
    context.set_check_hostname(false);
    drop(show("any name", &context, &localhost, "other.example")?);

    let mut server = server_context()?;
    server.load_verify_locations(file("ca.crt"))?;
    for (name, mode) in [
        ("CERT_OPTIONAL", VerifyMode::CertOptional),
        ("CERT_REQUIRED", VerifyMode::CertRequired),
    ] {
        server.set_verify_mode(mode);
        let (near, far) = shaking(&client()?, &server, "localhost")?;
        println!("{name}, the client has none: {}", outcome(&far)?);
        if mode == VerifyMode::CertRequired {
            // In TLS 1.3 its handshake is done before the server has seen that there is none.
            match near.get()? {
                Ok(near) => attempt("  the client", recv(&near, 1)),
                Err(reason) => println!("  the client: {reason}"),
            }
        }
        let mut context = client()?;
        context.load_cert_chain(file("other.crt"), file("other.key"))?;
        let far = show(&format!("{name}, the client has one"), &context, &server, "localhost")?;
        let theirs = far.ok().and_then(|far| far.getpeercert()).expect("it has one");
        let is_it = DER_cert_to_PEM_cert(&theirs) == fs::read_to_string(file("other.crt"))?;
        println!("  it is the one: {is_it}");
    }
    Ok(())
}

pub(crate) fn main() -> TestResult {
    for version in [TLSVersion::TLSv1_2, TLSVersion::TLSv1_3] {
        println!("{version:?}:");
        of_version(version)?;
    }
    Ok(())
}
