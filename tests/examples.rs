//! Tests that the examples do what they say. The portforwarder has tests of its own.

#[allow(dead_code)] // each test takes from it what it needs
mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread::{self, available_parallelism};

use common::folder::Folder;
use common::installed::installed;
use common::process::{Process, example};
use common::{Result, SOON, eventually};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn demo_succeeds() -> Result {
    let demo = Process::spawn(example("demo")?.arg("--quick"))?;
    let ended = demo.wait(2 * SOON)?;
    let output = format!("{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.status.success(), "{output}");
    assert!(ended.stdout.contains("libev"), "{output}");
    assert_eq!(ended.stderr, "", "{output}");
    Ok(())
}

#[test]
fn demo_says_what_it_takes() -> Result {
    let ended = Process::spawn(example("demo")?.arg("--slow"))?.wait(SOON)?;
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("usage"), "{}", ended.stderr);
    Ok(())
}

#[test]
fn monitor_names_the_greenlet_that_is_stuck() -> Result {
    let ended = Process::spawn(&mut example("monitor")?)?.wait(2 * SOON)?;
    let output = format!("{}\n{}", ended.stdout, ended.stderr);
    assert!(ended.status.success(), "{output}");
    // It was found by its report, and by the event.
    let report = ended.stderr.split("appears to be blocked").nth(1).expect(&output);
    assert!(
        report.contains("longest_sequence") && report.contains("Advice: "),
        "{output}"
    );
    let line = ended.stdout.lines().last().expect(&output);
    let id = line
        .strip_prefix("greenlet #")
        .and_then(|line| line.split(' ').next())
        .expect(&output);
    assert!(
        line.contains("kept the others waiting in ") && line.contains("longest_sequence"),
        "{output}"
    );
    assert!(
        ended.stderr.contains(&format!("Greenlet #{id} appears to be blocked")),
        "{output}"
    );
    Ok(())
}

#[test]
fn udp_server_answers_udp_client() -> Result {
    let server = Process::spawn(example("udp_server")?.arg("0"))?;
    let line = server.stdout().line_with("Receiving datagrams on :", 0, SOON)?;
    let port = line.rsplit(':').next().ok_or("it names its port")?.to_owned();
    let at = format!("127.0.0.1:{port}");
    let client = Process::spawn(
        example("udp_client")?
            .args(["Test_udp_server", "twice"])
            .env("UDP_SERVER", &at),
    )?;
    let ended = client.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    let expected = format!("Sending 21 bytes to {at}\n{at}: got \"Received 21 bytes\"");
    assert_eq!(ended.stdout, expected);
    server
        .stdout()
        .line_with("127.0.0.1: got \"Test_udp_server twice\"", 0, SOON)?;
    Ok(())
}

#[test]
fn unixsocket_server_answers_unixsocket_client() -> Result {
    let path = std::env::temp_dir().join(format!("gevent-unixsocket-{}", std::process::id()));
    let server = Process::spawn(example("unixsocket_server")?.arg(&path))?;
    server.stdout().line_with("Listening at ", 0, SOON)?;
    for _ in 0..2 {
        let ended = Process::spawn(example("unixsocket_client")?.arg(&path))?.wait(SOON)?;
        assert!(ended.status.success(), "{}", ended.stderr);
        assert!(ended.stdout.starts_with("received "), "{}", ended.stdout);
        assert!(ended.stdout.contains("HTTP/1.1 200 OK"), "{}", ended.stdout);
        assert!(
            ended.stdout.ends_with("<h1>Hello from a Unix socket</h1>"),
            "{}",
            ended.stdout
        );
    }
    server.signal(Signal::TERM)?;
    let ended = server.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!path.exists());
    Ok(())
}

#[test]
fn backdoor_shows_its_workers_and_kills_one() -> Result {
    let path = std::env::temp_dir().join(format!("gevent-example-backdoor-{}", std::process::id()));
    let program = Process::spawn(example("backdoor")?.arg(&path))?;
    program.stdout().line_with("Look into this program at ", 0, SOON)?;
    let ask = |lines: &str| -> Result<String> {
        let mut client = UnixStream::connect(&path)?;
        client.set_read_timeout(Some(SOON))?;
        client.write_all(lines.as_bytes())?;
        client.write_all(b"quit\n")?;
        let mut text = String::new();
        client.read_to_string(&mut text)?;
        Ok(text)
    };
    let tree = ask("tree\nhelp\n")?;
    assert!(tree.starts_with("A program with three workers.\n"), "{tree}");
    assert!(
        (0..3).all(|number| tree.contains(&format!("\"worker {number}\""))),
        "{tree}"
    );
    assert!(
        tree.contains("for Queue at 0x") && tree.contains("[COUNT]: says how many are done"),
        "{tree}"
    );
    let list = ask("greenlets\n")?;
    let worker = list
        .lines()
        .find(|line| line.contains("\"worker 1\""))
        .ok_or("it is listed")?;
    let id = worker
        .trim_start_matches(">>> ")
        .split(' ')
        .next()
        .ok_or("it has a number")?;
    let stack = ask(&format!("stacks {id}\n"))?;
    assert!(stack.contains("work"), "{stack}");
    ask(&format!("kill {id}\n"))?;
    assert!(!ask("greenlets\n")?.contains("\"worker 1\""));
    ask("jobs 20\n")?;
    eventually("the jobs", SOON, || {
        Ok(ask("jobs\n")?.contains("20 done, 0 waiting").then_some(()))
    })?;
    // The program prints all that without a client, too.
    program.signal(Signal::USR1)?;
    program.stderr().line_with("\"worker 2\"", 0, SOON)?;
    program.signal(Signal::TERM)?;
    let ended = program.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!path.exists());
    Ok(())
}

#[test]
fn prefork_serves_by_all_workers_and_replaces_one() -> Result {
    let server = Server::start(example("prefork")?.arg("127.0.0.1:0"))?;
    let output = server.process.stdout();
    // The line after the first `seen` ones that tells of a worker, without its end.
    let worker = |seen| -> Result<String> {
        let line = output.line_with("Worker ", seen, SOON)?;
        Ok(line.strip_prefix("Worker ").ok_or("no number")?.to_owned())
    };
    let (killed, other) = (worker(1)?, worker(2)?);
    let hello = |workers: [&str; 2]| workers.map(|worker| format!("Hello from process {worker}\n"));
    server.answers_with(&hello([&killed, &other]))?;
    let pid = Pid::from_raw(killed.parse()?).ok_or("no process")?;
    kill_process(pid, Signal::KILL)?;
    assert_eq!(worker(3)?, format!("{killed} has ended"));
    let new = worker(4)?;
    assert!(new != killed && new != other);
    server.ends_gracefully(&hello([&new, &other]), Signal::TERM)
}

#[test]
fn hub_per_process_shares_the_port_with_its_like() -> Result {
    let one = Server::start(example("hub_per_process")?.arg("127.0.0.1:0"))?;
    let two = Server::start(example("hub_per_process")?.arg(&one.address))?;
    let hello = [&one, &two].map(|server| format!("Hello from process {}\n", server.process.id()));
    let begun = one.begin(&hello)?;
    one.process.signal(Signal::TERM)?;
    finish(begun)?;
    let ended = one.process.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    two.answers_with(&hello[1..])?;
    two.ends_gracefully(&hello[1..], Signal::INT)
}

#[test]
fn hub_per_thread_serves_by_all_threads() -> Result {
    let server = Server::start(example("hub_per_thread")?.arg("127.0.0.1:0"))?;
    server.answers_with(&threads()?)?;
    server.ends_gracefully(&threads()?, Signal::INT)
}

#[test]
fn shared_listener_serves_by_all_threads() -> Result {
    let server = Server::start(example("shared_listener")?.arg("127.0.0.1:0"))?;
    server.answers_with(&threads()?)?;
    server.ends_gracefully(&threads()?, Signal::TERM)
}

#[test]
fn concurrent_download_begins_all_before_one_is_done() -> Result {
    let ended = Process::spawn(&mut example("concurrent_download")?)?.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    let mut lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(
        lines[..3].iter().all(|line| line.starts_with("Starting http://")),
        "{lines:?}"
    );
    lines[3..].sort_unstable();
    for (line, page) in lines[3..].iter().zip(1..) {
        let expected = format!("/{page}: {} bytes: \"<p>A line of a page</p>\\n", 24_000 * page);
        assert!(line.contains(&expected), "{line}");
    }
    Ok(())
}

#[test]
fn processes_waits_for_two_programs() -> Result {
    let ended = Process::spawn(&mut example("processes")?)?.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with("uname: 0, \"") && lines[1].starts_with("ls: 0, \""),
        "{lines:?}"
    );
    let ended = Process::spawn(example("processes")?.args(["sleep 3600", "expr 1 - 1"]))?.wait(SOON)?;
    assert_eq!(
        ended.stdout.trim_end(),
        "sleep 3600: still running\nexpr 1 - 1: 1, \"0\\n\""
    );
    // The greenlet ran meanwhile.
    assert!(ended.stderr.starts_with(".."), "{}", ended.stderr);
    Ok(())
}

#[test]
fn threadpool_blocks_threads_and_no_greenlets() -> Result {
    let ended = Process::spawn(&mut example("threadpool")?)?.wait(SOON)?;
    assert!(ended.status.success(), "{}", ended.stderr);
    let (first, rest) = ended.stdout.split_once('\n').ok_or("several lines")?;
    let seconds: f64 = first.rsplit(' ').next().ok_or("a number")?.parse()?;
    // Three threads need two rounds.
    assert!(seconds >= 1.0, "{first}");
    assert!(
        rest.starts_with("[30, 20, 10]\n") && rest.contains("no number"),
        "{rest}"
    );
    assert!(ended.stderr.starts_with(".."), "{}", ended.stderr);
    Ok(())
}

#[test]
fn pipeline_joins_programs() -> Result {
    let pipeline = |stages: &[&str], input: &str| -> Result<(String, String)> {
        let folder = Folder::new()?;
        let file = folder.path("input");
        std::fs::write(&file, input)?;
        // The helper gives a process no input.
        let mut shell = Command::new("sh");
        let script = ["-c", "exec \"$@\" <\"$INPUT\"", "sh"];
        shell
            .args(script)
            .arg(example("pipeline")?.get_program())
            .args(stages)
            .env("INPUT", file);
        let ended = Process::spawn(&mut shell)?.wait(SOON)?;
        assert!(ended.status.success(), "{}", ended.stderr);
        Ok((ended.stdout, ended.stderr.trim_end().to_owned()))
    };
    let (output, codes) = pipeline(&[], "")?;
    let words: Vec<_> = output.split_whitespace().collect();
    assert_eq!(words, ["3", "three", "2", "two", "1", "one"]);
    assert_eq!(codes, "[0, 0, 0]");
    let (output, codes) = pipeline(&["grep -v b", "tr a-z A-Z", "sh -c 'cat; exit 3'"], "a\nb\nc\n")?;
    assert_eq!((output.trim_end(), &*codes), ("A\nC", "[0, 0, 3]"));
    // The first programs are told by a signal, or an error, that the last one has had enough.
    let (output, codes) = pipeline(&["exec cat", "exec head -n 1"], &"a line\n".repeat(1_000_000))?;
    assert_eq!((output.trim_end(), &*codes), ("a line", "[-13, 0]"));
    Ok(())
}

#[test]
fn sendfile_serves_the_files_of_its_folder() -> Result {
    let folder = Folder::new()?;
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(folder.path("large"), &large)?;
    std::fs::write(folder.path("empty"), "")?;
    std::fs::create_dir(folder.path("served"))?;
    std::fs::write(folder.path("served/small"), "small")?;
    let server = Server::start(example("sendfile")?.arg(folder.path("")).arg("127.0.0.1:0"))?;
    let get = |path| server.ask(&format!("GET {path} HTTP/1.1\r\n\r\n"));
    let found = |body: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    // A client that does not read keeps nobody waiting.
    let mut idle = TcpStream::connect(&server.address)?;
    idle.write_all(b"GET /large HTTP/1.1\r\n\r\n")?;
    assert!(get("/large")? == found(&large));
    assert!(get("/empty")? == found(b""));
    assert!(get("/served/small")? == found(b"small"));
    for path in [
        "/none",
        "/served",
        "/",
        "/../Cargo.toml",
        "/served/../large",
        "//etc/passwd",
    ] {
        assert!(get(path)?.starts_with(b"HTTP/1.1 404 Not Found\r\n"), "{path}");
    }
    assert!(server.ask("PUT /large HTTP/1.1\r\n\r\n")?.starts_with(b"HTTP/1.1 404 "));
    Ok(())
}

#[test]
fn curl_uses_forward_proxy() -> Result {
    if !installed(&["curl"], "curl") {
        return Ok(());
    }
    let proxy = Server::start(example("forward_proxy")?.arg("127.0.0.1:0"))?;
    let origin = repeating_server()?;
    let curl = |arguments: &[&str]| -> Result<String> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--proxy", &proxy.address, "--noproxy", ""]);
        let ended = Process::spawn(curl.args(arguments))?.wait(SOON)?;
        assert!(ended.status.success(), "{}", ended.stderr);
        Ok(ended.stdout)
    };
    let url = format!("http://{origin}/path?query");
    let asked = curl(&[&url])?;
    assert!(
        asked.starts_with(&format!("GET /path?query HTTP/1.1\nHost: {origin}\n")),
        "{asked}"
    );
    assert!(asked.ends_with("\nConnection: close\n"), "{asked}");
    assert!(!asked.contains("Proxy-Connection"), "{asked}");
    let text = "text".repeat(100_000);
    let folder = Folder::new()?;
    let file = folder.path("text");
    std::fs::write(&file, &text)?;
    let asked = curl(&["--data-binary", &format!("@{}", file.display()), &url])?;
    assert!(asked.starts_with("POST /path?query HTTP/1.1\n"), "{asked}");
    assert!(
        asked.ends_with(&format!("\nConnection: close\n\n{text}")),
        "{}",
        asked.len()
    );
    // CONNECT passes everything on as it is, and the connection is used again.
    let asked = curl(&["--proxytunnel", &url, &url])?;
    assert_eq!(
        asked
            .matches(&format!("GET /path?query HTTP/1.1\nHost: {origin}\n"))
            .count(),
        2,
        "{asked}"
    );
    assert!(!asked.contains("Connection: close"), "{asked}");
    // So does a client that does not wait for the answer to its CONNECT.
    let request = "GET /path HTTP/1.1\r\nConnection: close\r\n\r\n";
    let answer = proxy.ask(&format!("CONNECT {origin} HTTP/1.1\r\n\r\n{request}"))?;
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.starts_with("HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with(request), "{answer}");
    // Requests may have no headers.
    let answer = proxy.ask(&format!("GET http://{origin} HTTP/1.0\r\n\r\n"))?;
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.ends_with("\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n"),
        "{answer}"
    );
    // Nobody listens there.
    let code = ["--write-out", "%{http_code}", "http://127.0.0.1:1/"];
    assert_eq!(curl(&code)?, "502");
    for wrong in [
        "GET / HTTP/1.1\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET http://127.0.0.1:1/\r\n\r\n",
    ] {
        let answer = proxy.ask(wrong)?;
        assert!(answer.starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{wrong}");
    }
    Ok(())
}

/// Starts a server that repeats each request as its answer, on a thread of its own. A connection carries several.
fn repeating_server() -> Result<SocketAddr> {
    fn serve(stream: TcpStream) -> std::io::Result<()> {
        let mut requests = BufReader::new(&stream);
        loop {
            let (mut head, mut length, mut close) = (String::new(), 0, false);
            loop {
                let start = head.len();
                if requests.read_line(&mut head)? <= 2 {
                    break;
                }
                match head[start..].trim_end().split_once(": ") {
                    Some(("Content-Length", value)) => length = value.parse().map_err(std::io::Error::other)?,
                    Some(("Connection", value)) => close = value == "close",
                    _ => {}
                }
            }
            if head.is_empty() {
                return Ok(());
            }
            let mut body = vec![0; length];
            requests.read_exact(&mut body)?;
            let length = head.len() + body.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}");
            (&stream).write_all(&[answer.as_bytes(), &body].concat())?;
            if close {
                return Ok(());
            }
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(stream?));
        }
    });
    Ok(address)
}

/// What the threads of a server answer, of which it has one for each processor.
fn threads() -> Result<Vec<String>> {
    let numbers = 0..available_parallelism()?.get();
    Ok(numbers.map(|number| format!("Hello from thread {number}\n")).collect())
}

/// A server that says where it listens, and answers each request with a line that tells who has answered.
struct Server {
    process: Process,
    address: String,
}

impl Server {
    fn start(command: &mut Command) -> Result<Server> {
        let process = Process::spawn(command)?;
        let line = process.stdout().line_with("Listening at ", 0, SOON)?;
        let address = line.rsplit(' ').next().ok_or("it names its address")?.to_owned();
        Ok(Server { process, address })
    }

    /// Sends a request, and returns the answer.
    fn ask(&self, request: &str) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    }

    /// Connects, and sends a request without its end.
    fn connect(&self) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.write_all(b"GET / HTTP/1.1\r\n")?;
        Ok(stream)
    }

    /// Asks until each of these answers has come, and no other.
    fn answers_with(&self, answers: &[String]) -> Result {
        let mut missing = answers.to_vec();
        eventually(&format!("all of {answers:?}"), SOON, || {
            let begun: Vec<_> = (0..8).map(|_| self.connect()).collect::<Result<_>>()?;
            for answer in finish(begun)? {
                assert!(answers.contains(&answer), "{answer}");
                missing.retain(|other| *other != answer);
            }
            Ok(missing.is_empty().then_some(()))
        })
    }

    /// Begins some requests, and returns them when they are accepted. Connections are accepted in their order, so that
    /// is so when all that accept have answered later ones.
    fn begin(&self, answers: &[String]) -> Result<Vec<TcpStream>> {
        let begun = (0..8).map(|_| self.connect()).collect::<Result<_>>()?;
        self.answers_with(answers)?;
        Ok(begun)
    }

    /// Tells the server to end, and checks that it listens no more, but answers the requests that have begun.
    fn ends_gracefully(self, answers: &[String], signal: Signal) -> Result {
        let begun = self.begin(answers)?;
        self.process.signal(signal)?;
        eventually("the end of the listener", SOON, || {
            Ok(TcpStream::connect(&self.address).is_err().then_some(()))
        })?;
        finish(begun)?;
        let ended = self.process.wait(SOON)?;
        assert!(ended.status.success(), "{}", ended.stderr);
        Ok(())
    }
}

/// Sends the ends of requests, and returns their answers.
fn finish(begun: Vec<TcpStream>) -> Result<Vec<String>> {
    let finish = |mut stream: TcpStream| {
        stream.write_all(b"\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no head")?;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        Ok(body.to_owned())
    };
    begun.into_iter().map(finish).collect()
}
