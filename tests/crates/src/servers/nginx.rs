//! nginx, with Debian's module `echo`, which can wait before it answers.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::common::folder::Folder;
use crate::common::installed::{installed, say_skipped};
use crate::common::process::Process;
use crate::common::{Result, SOON, eventually};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_http_echo_module.so";

/// What openssl makes the certificate of: one for `localhost`, which is no authority's.
const CERTIFICATE: &str = "
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
[extensions]
basicConstraints = critical,CA:FALSE
subjectAltName = DNS:localhost,IP:127.0.0.1
";

/// An nginx that answers each request with its path, and waits before if the path begins with `/wait`.
#[cfg_attr(not(feature = "all"), expect(dead_code, reason = "only the crates of TLS ask by it"))]
pub(crate) struct Nginx {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    _process: Process,
    folder: Folder,
}

impl Nginx {
    /// How long it waits.
    pub(crate) const WAIT: Duration = Duration::from_millis(10);

    /// None if it is not installed.
    pub(crate) fn start() -> Result<Option<Nginx>> {
        if !installed(&["nginx", "openssl", "setpriv"], "nginx") {
            return Ok(None);
        }
        if !Path::new(MODULE).exists() {
            say_skipped(format!(
                "no {MODULE}: install Debian's package `libnginx-mod-http-echo`"
            ));
            return Ok(None);
        }
        // Another program may take a port before it does. It ends then, and others are tried.
        let started = (0..5).find_map(|_| Nginx::try_start().transpose());
        started.ok_or("nginx does not stay up")?.map(Some)
    }

    fn try_start() -> Result<Option<Nginx>> {
        let folder = Folder::new()?;
        make_certificate(&folder)?;
        // By the name `localhost`, it is found at this address.
        let sockets = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        let (http, https) = (sockets[0].local_addr()?, sockets[1].local_addr()?);
        drop(sockets);
        let name = folder.path("");
        let name = name.display();
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|of| format!("{of}_temp_path {name}{of};"))
            .concat();
        // A single process: a master that is killed leaves its workers.
        let config = format!(
            "load_module {MODULE}; daemon off; master_process off; pid {name}pid; error_log stderr;
            events {{ worker_connections 1000; }}
            http {{
                access_log off; {paths} default_type text/plain;
                server {{
                    listen {http} backlog=512; listen {https} ssl backlog=512;
                    ssl_certificate {name}certificate; ssl_certificate_key {name}key;
                    location /who {{ echo -n {name}; }}
                    location /now {{ echo -n $uri; }}
                    location /wait {{ echo_sleep {}; echo -n $uri; }}
                }}
            }}",
            Nginx::WAIT.as_secs_f64()
        );
        fs::write(folder.path("config"), config)?;
        let mut command = super::mortal("nginx");
        command.args(["-e", "stderr", "-c"]).arg(folder.path("config"));
        let mut process = Process::spawn(&mut command)?;
        let up = eventually("nginx", SOON, || {
            let ended = process.has_ended()?;
            let is_ours = who(http).is_ok_and(|who| who.ends_with(&name.to_string()));
            Ok((ended || is_ours).then_some(!ended))
        })?;
        Ok(up.then_some(Nginx {
            http,
            https,
            _process: process,
            folder,
        }))
    }

    /// The file of its certificate, which is its own authority.
    #[cfg(feature = "all")]
    pub(crate) fn certificate(&self) -> std::path::PathBuf {
        self.folder.path("certificate")
    }
}

fn make_certificate(folder: &Folder) -> Result {
    fs::write(folder.path("request"), CERTIFICATE)?;
    let mut command = Command::new("openssl");
    command.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(' '));
    command.arg("-config").arg(folder.path("request"));
    command.arg("-keyout").arg(folder.path("key"));
    command.arg("-out").arg(folder.path("certificate"));
    let ended = Process::spawn(&mut command)?.wait(SOON)?;
    match ended.status.success() {
        true => Ok(()),
        false => Err(format!("openssl: {}", ended.stderr).into()),
    }
}

fn who(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SOON))?;
    write!(stream, "GET /who HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The path to ask for: its answer comes after the wait.
pub(crate) fn path(i: usize, wait: Duration) -> String {
    match wait.is_zero() {
        true => format!("/now/{i}"),
        false => {
            assert_eq!(wait, Nginx::WAIT);
            format!("/wait/{i}")
        }
    }
}

/// Asks for a path, and checks that the answer is the path. The connection is kept.
pub(crate) fn ask_for(path: &str, stream: &mut (impl Read + Write)) -> Result {
    let end = format!("\r\n{:x}\r\n{path}\r\n0\r\n\r\n", path.len());
    // In one piece: the system would keep the second one back until the first is acknowledged.
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    while !answer.ends_with(end.as_bytes()) {
        let mut piece = [0; 512];
        match stream.read(&mut piece)? {
            0 => return Err(format!("{path}: {:?}", String::from_utf8_lossy(&answer)).into()),
            len => answer.extend_from_slice(&piece[..len]),
        }
    }
    Ok(())
}
