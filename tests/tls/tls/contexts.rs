//! What contexts say: names, versions, protocols, sessions, certificates of clients.

use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gevent::socket::UnixStream;
use gevent::ssl::rustls::{self, AlertDescription, Error};
use gevent::ssl::{Protocol, Purpose, SSLContext, SSLError, TLSVersion, VerifyMode, create_default_context};
use gevent::{Exception, sleep, spawn};
use gevent_tls_tests::{client, connected, file, server, server_of};

use crate::inside;
use crate::support::{ExpectedError, TestResult, bounded, fail};

#[test]
fn sessions_are_resumed_within_a_context() -> TestResult {
    let _bounded = bounded();
    for version in [TLSVersion::TLSv1_2, TLSVersion::TLSv1_3] {
        let (mut client, server) = (client()?, server()?);
        client.set_maximum_version(version);
        for reused in [false, true, true] {
            let (mut near, mut far) = connected(&client, &server)?;
            // A ticket comes with the first data.
            far.write_all(b"x")?;
            near.read_exact(&mut [0; 1])?;
            assert_eq!(
                (near.session_reused(), far.session_reused()),
                (Some(reused), Some(reused))
            );
        }
        // Clones have the same sessions, and other contexts others.
        assert_eq!(
            connected(&client.clone(), &server.clone())?.0.session_reused(),
            Some(true)
        );
        assert_eq!(
            connected(&client, &gevent_tls_tests::server()?)?.0.session_reused(),
            Some(false)
        );
    }
    Ok(())
}

/// The function for the name may wait. If that is ended, the next handshake asks it again.
#[test]
fn a_function_for_the_name_is_ended_and_asked_again() -> TestResult {
    let _bounded = bounded();
    let mut server = server()?;
    let asked = Arc::new(AtomicU32::new(0));
    let its = asked.clone();
    server.set_sni_callback(move |_| {
        if its.fetch_add(1, Ordering::Relaxed) == 0 {
            sleep(1000)?;
        }
        Ok(None)
    });
    let (near, far) = UnixStream::pair()?;
    let connecting = spawn(move || Ok(client()?.wrap_socket(near, "localhost").map(drop)?));
    let options = gevent::ssl::WrapSocket {
        do_handshake_on_connect: false,
        ..Default::default()
    };
    let stream = server.wrap_socket_with(far, options)?;
    let its = stream.clone();
    let handshake = spawn(move || Ok(its.do_handshake()?));
    while asked.load(Ordering::Relaxed) == 0 {
        sleep(0.001)?;
    }
    handshake.kill()?;
    stream.do_handshake()?;
    connecting.get()?;
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    Ok(())
}

#[test]
fn a_server_has_a_context_for_each_name() -> TestResult {
    let _bounded = bounded();
    let other = server_of("other")?;
    let mut server = server()?;
    server.set_sni_callback(move |name| {
        sleep(0.001)?;
        match name {
            Some("other.example") => Ok(Some(other.clone())),
            Some("refused.example") => fail("refused"),
            _ => Ok(None),
        }
    });
    let ask = |name: &'static str| -> Result<_, Exception> {
        let (near, far) = UnixStream::pair()?;
        let server = server.clone();
        let serving = spawn(move || {
            let mut stream = server.wrap_socket(far, None)?;
            stream.write_all(b"welcome")?;
            Ok(stream.server_hostname())
        });
        let asked = client()?.wrap_socket(near, name).and_then(|mut stream| {
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        });
        Ok((asked, serving.get()))
    };
    for name in ["localhost", "other.example"] {
        let (asked, told) = ask(name)?;
        assert_eq!((&*asked?, told?.as_deref()), ("welcome", Some(name)));
    }
    // An address is no name, so the server is told none.
    assert_eq!(ask("127.0.0.1")?.1?, None);
    let (asked, told) = ask("refused.example")?;
    assert_eq!(asked.unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert_eq!(inside::<ExpectedError>(told.unwrap_err()), ExpectedError("refused"));
    Ok(())
}

#[test]
fn what_is_not_tls_is_refused_before_the_name_is_known() -> TestResult {
    let _bounded = bounded();
    let (mut near, far) = UnixStream::pair()?;
    let mut server = server()?;
    server.set_sni_callback(|_| Ok(None));
    near.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    let error = inside::<SSLError>(server.wrap_socket(far, None).unwrap_err());
    assert!(matches!(error.source, Error::InvalidMessage(_)), "{error:?}");
    let mut alert = Vec::new();
    near.read_to_end(&mut alert)?;
    assert_eq!(alert[0], 21);
    Ok(())
}

#[test]
fn sides_without_a_common_protocol() -> TestResult {
    let _bounded = bounded();
    let (mut client, mut server) = (client()?, server()?);
    client.set_alpn_protocols(&["h2"]);
    assert_eq!(connected(&client, &server)?.0.selected_alpn_protocol(), None);
    server.set_alpn_protocols(&["http/1.1"]);
    let error = connected(&client, &server).unwrap_err();
    let error = inside::<SSLError>(error);
    assert_eq!(
        error.source,
        Error::AlertReceived(AlertDescription::NoApplicationProtocol)
    );
    Ok(())
}

#[test]
fn a_server_may_ask_for_certificates() -> TestResult {
    let _bounded = bounded();
    let mut with_certificate = client()?;
    with_certificate.load_cert_chain(file("other.crt"), file("other.key"))?;
    let mut server = server()?;
    server.load_verify_locations(file("ca.crt"))?;
    server.set_verify_mode(VerifyMode::CertOptional);
    assert_eq!(server.verify_mode(), VerifyMode::CertOptional);
    assert_eq!(connected(&client()?, &server)?.1.getpeercert(), None);
    assert!(connected(&with_certificate, &server)?.1.getpeercert().is_some());
    server.set_verify_mode(VerifyMode::CertRequired);
    assert!(connected(&with_certificate, &server)?.1.getpeercert().is_some());
    // In TLS 1.3 the client learns of it when it reads.
    let (near, far) = UnixStream::pair()?;
    let serving = spawn(move || Ok(server.wrap_socket(far, None).map(drop)?));
    let mut stream = client()?.wrap_socket(near, "localhost")?;
    let error = inside::<SSLError>(stream.read(&mut [0; 10]).unwrap_err());
    assert_eq!(
        error.source,
        Error::AlertReceived(AlertDescription::CertificateRequired)
    );
    assert_eq!(
        inside::<SSLError>(serving.get().unwrap_err()).source,
        Error::NoCertificatesPresented
    );
    Ok(())
}

#[test]
fn contexts_of_configs() -> TestResult {
    let _bounded = bounded();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    use rustls::pki_types::pem::PemObject;
    roots
        .add(rustls::pki_types::CertificateDer::from_pem_file(file("ca.crt")).expect("it is there"))
        .expect("it is good");
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("it has ciphers");
    let client = SSLContext::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let (near, _far) = connected(&client, &server()?)?;
    assert_eq!(near.version(), Some("TLSv1.3"));
    Ok(())
}

#[test]
fn files_that_are_no_good() -> TestResult {
    let mut context = SSLContext::new(Protocol::TlsServer);
    let load = |context: &mut SSLContext, certificate, key| context.load_cert_chain(file(certificate), file(key));
    let missing = load(&mut context, "localhost.crt", "missing").unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    for (certificate, key) in [
        ("localhost.key", "localhost.key"),
        ("localhost.crt", "localhost.crt"),
        ("make", "make"),
    ] {
        let error = load(&mut context, certificate, key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }
    let mixed = inside::<SSLError>(load(&mut context, "localhost.crt", "other.key").unwrap_err());
    assert!(matches!(mixed.source, Error::InconsistentKeys(_)), "{mixed:?}");
    assert_eq!(
        context.load_verify_locations(file("make")).unwrap_err().kind(),
        ErrorKind::InvalidData
    );
    assert!(format!("{context:?}").contains("has_cert: false"));
    Ok(())
}

#[test]
fn a_change_is_for_the_connections_that_are_made_after_it() -> TestResult {
    let _bounded = bounded();
    let (mut client, server) = (client()?, server()?);
    assert_eq!(connected(&client, &server)?.0.version(), Some("TLSv1.3"));
    let old = client.clone();
    client.set_maximum_version(TLSVersion::TLSv1_2);
    assert_eq!(
        (client.minimum_version(), client.maximum_version()),
        (TLSVersion::TLSv1_2, TLSVersion::TLSv1_2)
    );
    assert_eq!(connected(&client, &server)?.0.version(), Some("TLSv1.2"));
    assert_eq!(connected(&old, &server)?.0.version(), Some("TLSv1.3"));
    Ok(())
}

#[test]
fn a_context_may_be_used_by_all_threads() -> TestResult {
    let _bounded = bounded();
    let (client, server) = (client()?, server()?);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let (client, server) = (client.clone(), server.clone());
            std::thread::spawn(move || connected(&client, &server).map(|(near, _)| near.version()))
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().expect("no panic")?, Some("TLSv1.3"));
    }
    Ok(())
}

#[test]
fn default_contexts() -> TestResult {
    // Where the system has no certificates at all, this fails, and there is nothing to see.
    if let Ok(context) = create_default_context(Purpose::ServerAuth) {
        assert_eq!(
            (context.protocol(), context.check_hostname()),
            (Protocol::TlsClient, true)
        );
        assert_eq!(context.verify_mode(), VerifyMode::CertRequired);
    }
    let mut context = create_default_context(Purpose::ClientAuth)?;
    assert_eq!(
        (context.protocol(), context.verify_mode()),
        (Protocol::TlsServer, VerifyMode::CertNone)
    );
    context.load_cert_chain(file("localhost.crt"), file("localhost.key"))?;
    connected(&client()?, &context)?;
    Ok(())
}

#[test]
fn code_of_a_config_that_uses_its_own_connection() -> TestResult {
    use gevent::exceptions::ConcurrentObjectUseError;
    use gevent::ssl::rustls::client::{
        ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
    };
    use gevent::ssl::rustls::pki_types::ServerName;

    thread_local! {
        static STREAM: std::cell::RefCell<Option<gevent::ssl::SslStream<UnixStream>>> = const { std::cell::RefCell::new(None) };
        static REFUSED: Cell<u32> = const { Cell::new(0) };
    }

    /// Reads its own connection when it is to keep a ticket.
    #[derive(Debug)]
    struct Store(ClientSessionMemoryCache);

    impl ClientSessionStore for Store {
        fn set_kx_hint(&self, server: ServerName<'static>, group: rustls::NamedGroup) {
            self.0.set_kx_hint(server, group);
        }
        fn kx_hint(&self, server: &ServerName<'_>) -> Option<rustls::NamedGroup> {
            self.0.kx_hint(server)
        }
        fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
            self.0.set_tls12_session(server, value);
        }
        fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
            self.0.tls12_session(server)
        }
        fn remove_tls12_session(&self, server: &ServerName<'static>) {
            self.0.remove_tls12_session(server);
        }
        fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
            let stream = STREAM.with_borrow(|stream| stream.clone()).expect("it was set");
            let _ = stream.pending();
            inside::<ConcurrentObjectUseError>((&stream).read(&mut [0; 1]).unwrap_err());
            inside::<ConcurrentObjectUseError>((&stream).write(b"x").unwrap_err());
            // It may wait.
            sleep(0).expect("nothing is thrown");
            REFUSED.set(REFUSED.get() + 1);
            self.0.insert_tls13_ticket(server, value);
        }
        fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
            self.0.take_tls13_ticket(server)
        }
    }

    let _bounded = bounded();
    let mut roots = rustls::RootCertStore::empty();
    use rustls::pki_types::pem::PemObject;
    roots
        .add(rustls::pki_types::CertificateDer::from_pem_file(file("ca.crt")).expect("it is there"))
        .expect("it is good");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config
        .expect("it has ciphers")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::store(Arc::new(Store(ClientSessionMemoryCache::new(4))));
    let (mut near, mut far) = connected(&SSLContext::from(Arc::new(config)), &server()?)?;
    STREAM.set(Some(near.clone()));
    far.write_all(b"x")?;
    near.read_exact(&mut [0; 1])?;
    assert!(REFUSED.get() > 0);
    STREAM.set(None);
    Ok(())
}
