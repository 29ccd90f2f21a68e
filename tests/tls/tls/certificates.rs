//! Certificates that are good, and that are wrong in one way each.

use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering};

use gevent::socket::UnixStream;
use gevent::ssl::rustls::{AlertDescription, CertificateError, Error};
use gevent::ssl::{Protocol, SSLCertVerificationError, SSLContext, SSLError, TLSVersion, VerifyMode};
use gevent::{Exception, spawn};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use crate::inside;
use crate::support::{TestResult, bounded};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn key() -> KeyPair {
    KeyPair::generate().expect("there is randomness")
}

/// An authority that is its own issuer.
fn authority() -> Authority {
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, key()).expect("it can be signed")
}

/// A certificate for a server, changed by `change`, with its key, both in the PEM format.
fn certificate(issuer: Option<&Authority>, change: impl FnOnce(&mut CertificateParams)) -> [String; 2] {
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a good name");
    params.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    change(&mut params);
    let key = key();
    let certificate = match issuer {
        Some(issuer) => params.signed_by(&key, issuer),
        None => params.self_signed(&key),
    };
    [certificate.expect("it can be signed").pem(), key.serialize_pem()]
}

/// What a client that trusts these says of a server with this certificate, and what the server learns.
fn ask(
    trusted: &str,
    [certificate, key]: &[String; 2],
    change: impl Fn(&mut SSLContext),
) -> Result<[TestResult; 2], Exception> {
    let (near, far) = UnixStream::pair()?;
    let mut server = SSLContext::new(Protocol::TlsServer);
    server.load_cert_chain_pem(certificate.as_bytes(), key.as_bytes())?;
    let serving = spawn(move || {
        let mut stream = server.wrap_socket(far, None)?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    });
    let mut client = SSLContext::new(Protocol::TlsClient);
    client.load_verify_locations_pem(trusted.as_bytes())?;
    change(&mut client);
    let asked = client.wrap_socket(near, "localhost").map(drop);
    Ok([asked.map_err(Exception::from), serving.get()])
}

/// Fails unless the certificate is refused with this number and message, and the server is told so.
#[track_caller]
fn refused(trusted: &str, certificate: &[String; 2], code: i32, message: &str) -> Result<CertificateError, Exception> {
    for version in [TLSVersion::TLSv1_2, TLSVersion::TLSv1_3] {
        let [asked, told] = ask(trusted, certificate, |client| client.set_maximum_version(version))?;
        let error = asked.unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("certificate verify failed: {message}")),
            "{error}"
        );
        let error = inside::<SSLCertVerificationError>(error);
        assert_eq!((error.verify_code, error.verify_message), (code, message));
        let told = inside::<SSLError>(told.unwrap_err());
        assert!(matches!(told.source, Error::AlertReceived(_)), "{told:?}");
        if version == TLSVersion::TLSv1_3 {
            let Error::InvalidCertificate(error) = error.source else {
                panic!("{error:?}");
            };
            return Ok(error);
        }
    }
    unreachable!("the loop has returned")
}

#[test]
fn a_good_certificate_is_accepted() -> TestResult {
    let _bounded = bounded();
    let authority = authority();
    let [asked, told] = ask(&authority.pem(), &certificate(Some(&authority), |_| ()), |_| ())?;
    asked?;
    told
}

#[test]
fn a_chain_is_followed() -> TestResult {
    let _bounded = bounded();
    let root = authority();
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(rcgen::DnType::CommonName, "between");
    let between = CertifiedIssuer::signed_by(params, key(), &root).expect("it can be signed");
    let [leaf, key] = certificate(Some(&between), |_| ());
    let with_chain = [leaf.clone() + &between.pem(), key.clone()];
    let [asked, _] = ask(&root.pem(), &with_chain, |_| ())?;
    asked?;
    refused(
        &root.pem(),
        &[leaf.clone(), key.clone()],
        20,
        "unable to get local issuer certificate",
    )?;
    // A root that is shown, and not trusted.
    let other = authority();
    let with_root = [leaf + &between.pem() + &root.pem(), key];
    refused(
        &other.pem(),
        &with_root,
        19,
        "self-signed certificate in certificate chain",
    )?;
    Ok(())
}

#[test]
fn expired() -> TestResult {
    let _bounded = bounded();
    let authority = authority();
    let old = certificate(Some(&authority), |params| params.not_after = date_time_ymd(2001, 1, 1));
    let error = refused(&authority.pem(), &old, 10, "certificate has expired")?;
    assert!(matches!(error, CertificateError::ExpiredContext { .. }), "{error:?}");
    Ok(())
}

#[test]
fn not_yet_valid() -> TestResult {
    let _bounded = bounded();
    let authority = authority();
    let early = certificate(Some(&authority), |params| params.not_before = date_time_ymd(3000, 1, 1));
    refused(&authority.pem(), &early, 9, "certificate is not yet valid")?;
    Ok(())
}

#[test]
fn for_another_name() -> TestResult {
    let _bounded = bounded();
    let authority = authority();
    let other = certificate(Some(&authority), |params| {
        let names = CertificateParams::new(["other.example".to_owned(), "127.0.0.1".to_owned()]);
        params.subject_alt_names = names.expect("good names").subject_alt_names;
    });
    refused(&authority.pem(), &other, 62, "hostname mismatch")?;
    let [asked, _] = ask(&authority.pem(), &other, |client| client.set_check_hostname(false))?;
    asked
}

#[test]
fn self_signed() -> TestResult {
    let _bounded = bounded();
    let trusted = authority();
    let own = certificate(None, |_| ());
    refused(&trusted.pem(), &own, 18, "self-signed certificate")?;
    // It may be trusted itself.
    let [asked, _] = ask(&own[0], &own, |_| ())?;
    asked
}

#[test]
fn self_signed_and_an_authority_at_once() -> TestResult {
    let _bounded = bounded();
    // As `openssl req -x509` makes them.
    let may_sign = |params: &mut CertificateParams| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.extended_key_usages.clear();
    };
    let own = certificate(None, may_sign);
    let [asked, told] = ask(&own[0], &own, |_| ())?;
    asked?;
    told?;
    // It is trusted as it is, and no other one of its name; and only for its own names and time.
    let forged = certificate(None, may_sign);
    let [asked, _] = ask(&own[0], &forged, |_| ())?;
    inside::<SSLCertVerificationError>(asked.unwrap_err());
    let elsewhere = certificate(None, |params| {
        may_sign(params);
        let names = CertificateParams::new(["other.example".to_owned()]);
        params.subject_alt_names = names.expect("a good name").subject_alt_names;
    });
    refused(&elsewhere[0], &elsewhere, 62, "hostname mismatch")?;
    let old = certificate(None, |params| {
        may_sign(params);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    refused(&old[0], &old, 10, "certificate has expired")?;
    // An authority that is trusted as one of the system's is no server.
    let authority = authority();
    let [asked, _] = ask(&authority.pem(), &certificate(Some(&authority), may_sign), |_| ())?;
    inside::<SSLCertVerificationError>(asked.unwrap_err());
    Ok(())
}

#[test]
fn of_an_authority_that_is_not_trusted() -> TestResult {
    let _bounded = bounded();
    let (trusted, other) = (authority(), authority());
    let unknown = certificate(Some(&other), |_| ());
    let error = refused(&trusted.pem(), &unknown, 20, "unable to get local issuer certificate")?;
    assert_eq!(error, CertificateError::UnknownIssuer);
    Ok(())
}

#[test]
fn for_another_purpose() -> TestResult {
    let _bounded = bounded();
    let authority = authority();
    let client = certificate(Some(&authority), |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    refused(&authority.pem(), &client, 26, "unsuitable certificate purpose")?;
    Ok(())
}

#[test]
fn with_a_signature_that_is_wrong() -> TestResult {
    let _bounded = bounded();
    // Two authorities of one name.
    let mut params = CertificateParams::new([]).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "the same");
    let trusted = CertifiedIssuer::self_signed(params.clone(), key()).expect("it can be signed");
    let forger = CertifiedIssuer::self_signed(params, key()).expect("it can be signed");
    let forged = certificate(Some(&forger), |_| ());
    refused(&trusted.pem(), &forged, 7, "certificate signature failure")?;
    Ok(())
}

#[test]
fn signed_by_whoever_may_not_sign() -> TestResult {
    let _bounded = bounded();
    let root = authority();
    let mut params = CertificateParams::new(["server.example".to_owned()]).expect("a good name");
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "no authority");
    let between = CertifiedIssuer::signed_by(params, key(), &root).expect("it can be signed");
    let [leaf, key] = certificate(Some(&between), |_| ());
    let [asked, _] = ask(&root.pem(), &[leaf + &between.pem(), key], |_| ())?;
    inside::<SSLCertVerificationError>(asked.unwrap_err());
    Ok(())
}

/// A certificate that is trusted on its own, and one for `localhost` that its owner has signed with it.
fn trusted_and_signed_by_it(purpose: ExtendedKeyUsagePurpose) -> [[String; 2]; 2] {
    let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a good name");
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "no authority");
    params.extended_key_usages = vec![purpose.clone()];
    let own = CertifiedIssuer::self_signed(params, key()).expect("it can be signed");
    let signed = certificate(Some(&own), |params| params.extended_key_usages = vec![purpose]);
    [[own.pem(), own.key().serialize_pem()], signed]
}

#[test]
fn signed_by_a_trusted_server_that_is_no_authority() -> TestResult {
    let _bounded = bounded();
    let [own, signed] = trusted_and_signed_by_it(ExtendedKeyUsagePurpose::ServerAuth);
    let [asked, told] = ask(&own[0], &own, |_| ())?;
    asked?;
    told?;
    for chain in [signed[0].clone(), signed[0].clone() + &own[0]] {
        let [asked, _] = ask(&own[0], &[chain, signed[1].clone()], |_| ())?;
        inside::<SSLCertVerificationError>(asked.unwrap_err());
        // Neither beside an authority.
        let both = own[0].clone() + &authority().pem();
        let [asked, _] = ask(&both, &signed, |_| ())?;
        inside::<SSLCertVerificationError>(asked.unwrap_err());
    }
    Ok(())
}

#[test]
fn signed_by_a_trusted_client_that_is_no_authority() -> TestResult {
    let _bounded = bounded();
    let [own, signed] = trusted_and_signed_by_it(ExtendedKeyUsagePurpose::ClientAuth);
    let servers = certificate(None, |_| ());
    let authority = authority();
    for trusted in [own[0].clone(), own[0].clone() + &authority.pem()] {
        for (shown, good) in [(&own, true), (&signed, false)] {
            let mut server = SSLContext::new(Protocol::TlsServer);
            server.load_cert_chain_pem(servers[0].as_bytes(), servers[1].as_bytes())?;
            server.load_verify_locations_pem(trusted.as_bytes())?;
            server.set_verify_mode(VerifyMode::CertRequired);
            let (near, far) = UnixStream::pair()?;
            let serving = spawn(move || server.wrap_socket(far, None).is_ok());
            let mut client = SSLContext::new(Protocol::TlsClient);
            client.load_verify_locations_pem(servers[0].as_bytes())?;
            client.load_cert_chain_pem(shown[0].as_bytes(), shown[1].as_bytes())?;
            // In TLS 1.3 the client is done before the server has seen its certificate.
            let _connected = client.wrap_socket(near, "localhost");
            assert_eq!(serving.get()?, good);
        }
    }
    Ok(())
}

#[test]
fn nothing_is_wrong_for_a_client_that_asks_for_nothing() -> TestResult {
    let _bounded = bounded();
    let trusted = authority();
    let wrong = certificate(None, |params| params.not_after = date_time_ymd(2001, 1, 1));
    for version in [TLSVersion::TLSv1_2, TLSVersion::TLSv1_3] {
        let [asked, told] = ask(&trusted.pem(), &wrong, |client| {
            client.set_verify_mode(VerifyMode::CertNone);
            client.set_maximum_version(version);
        })?;
        asked?;
        told?;
    }
    Ok(())
}

#[test]
fn a_client_that_trusts_nobody() -> TestResult {
    let _bounded = bounded();
    let authority = authority();
    let [certificate, key] = certificate(Some(&authority), |_| ());
    let (near, far) = UnixStream::pair()?;
    let mut server = SSLContext::new(Protocol::TlsServer);
    server.load_cert_chain_pem(certificate.as_bytes(), key.as_bytes())?;
    let serving = spawn(move || Ok(server.wrap_socket(far, None).map(drop)?));
    let error = SSLContext::new(Protocol::TlsClient)
        .wrap_socket(near, "localhost")
        .unwrap_err();
    assert_eq!(inside::<SSLCertVerificationError>(error).verify_code, 20);
    let told = inside::<SSLError>(serving.get().unwrap_err());
    assert_eq!(told.source, Error::AlertReceived(AlertDescription::UnknownCA));
    Ok(())
}

#[test]
fn a_failed_connection_says_the_same_again() -> TestResult {
    let _bounded = bounded();
    let trusted = authority();
    let [certificate, key] = certificate(None, |_| ());
    let (near, far) = UnixStream::pair()?;
    let mut server = SSLContext::new(Protocol::TlsServer);
    server.load_cert_chain_pem(certificate.as_bytes(), key.as_bytes())?;
    let serving = spawn(move || Ok(server.wrap_socket(far, None).map(drop)?));
    let mut client = SSLContext::new(Protocol::TlsClient);
    client.load_verify_locations_pem(trusted.pem().as_bytes())?;
    let options = gevent::ssl::WrapSocket {
        server_hostname: Some("localhost"),
        do_handshake_on_connect: false,
        ..Default::default()
    };
    let stream = client.wrap_socket_with(near, options)?;
    for _ in 0..2 {
        let error = inside::<SSLCertVerificationError>(stream.do_handshake().unwrap_err());
        assert_eq!(error.verify_code, 18);
    }
    serving.get().unwrap_err();
    Ok(())
}
