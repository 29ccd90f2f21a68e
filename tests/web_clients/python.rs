//! Python's libraries as clients: `http.client`, `urllib.request` and requests.

use gevent::pywsgi::{Limits, WSGIServer};

use crate::common::installed::{installed, say_skipped};
use crate::support::{TestResult, bounded};
use crate::{limits, output, serve, server, url};

/// Runs a program of Python beside the server, with the server's address as its argument, and returns what it prints.
fn run(python: &str, script: &str, server: &WSGIServer) -> Result<String, gevent::Exception> {
    // No proxy is asked.
    let script = format!("import os, sys\nos.environ['no_proxy'] = '*'\nurl = sys.argv[1]\n{script}");
    output(python, &["-c", &script, &url(server, "")], None)
}

/// A Python that has requests. Debian's package is for Debian's Python, which may not be the first one.
pub(crate) fn with_requests() -> Option<&'static str> {
    let imports = |python: &&str| {
        let mut python = std::process::Command::new(python);
        let ended = python.args(["-c", "import requests"]).output();
        ended.is_ok_and(|ended| ended.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(imports);
    if found.is_none() {
        say_skipped("requests not found: install Debian's package `python3-requests`".to_owned());
    }
    found
}

#[test]
fn http_client_asks() -> TestResult {
    let _bounded = bounded();
    if !installed(&["python3"], "python3") {
        return Ok(());
    }
    let server = server()?;
    let script = "
import http.client
connection = http.client.HTTPConnection(url.removeprefix('http://'))
for body in (None, b'hello', iter([b'he', b'llo'])):
    connection.request('POST', '/path', body)
    sys.stdout.write(connection.getresponse().read().decode())
";
    assert_eq!(
        run("python3", script, &server)?,
        "POST /path HTTP/1.1 0 0\nPOST /path HTTP/1.1 5 532\nPOST /path HTTP/1.1 5 532\n"
    );
    server.stop()
}

#[test]
fn urllib_asks() -> TestResult {
    let _bounded = bounded();
    if !installed(&["python3"], "python3") {
        return Ok(());
    }
    let server = server()?;
    let script = "
from urllib.error import HTTPError
from urllib.request import Request, urlopen
def told(*request):
    with urlopen(*request, timeout=40) as answer:
        sys.stdout.write(answer.read().decode())
told(url + '/a?q=1')
told(url + '/moved')
told(url + '/form', b'hello')
told(Request(url + '/path', b'hello', method='PUT'))
print(len(urlopen(url + '/large').read()))
try:
    urlopen(url + '/' + 'x' * 9000)
except HTTPError as error:
    print(error.code, error.reason)
";
    assert_eq!(
        run("python3", script, &server)?,
        "GET /a?q=1 HTTP/1.1 0 0\nGET /here HTTP/1.1 0 0\nPOST /form HTTP/1.1 5 532\nPUT /path HTTP/1.1 5 532\n\
         3000000\n414 Request URI Too Long\n"
    );
    server.stop()
}

/// All by one connection, except for the client that comes anew.
#[test]
fn requests_has_sessions() -> TestResult {
    let _bounded = bounded();
    let Some(python) = with_requests() else {
        return Ok(());
    };
    let server = server()?;
    let script = "
import requests
session = requests.Session()
ports = set()
def ask(method, path, **more):
    answer = session.request(method, url + path, timeout=40, **more)
    answer.raise_for_status()
    ports.add(answer.headers['Port'])
    return answer
def told(method, path, **more):
    sys.stdout.write(ask(method, path, **more).text)
told('GET', '/a', params={'q': 'a b'})
told('POST', '/form', data={'a': '1', 'b': '2'})
told('PUT', '/json', json={'a': [1, 2]})
told('POST', '/chunks', data=(b'x' * 1000 for _ in range(1000)))
told('POST', '/length', data=b'x' * 3000000)
told('GET', '/moved')
told('DELETE', '/d')
print(ask('HEAD', '/head').headers['Content-Length'])
print(sum(len(part) for part in ask('GET', '/large', stream=True).iter_content(4096)))
form = requests.Request('POST', url + '/form', files={'file': b'12345'}).prepare()
assert session.send(form, timeout=40).text.endswith(f' {len(form.body)} {sum(form.body)}\\n')
print(len(ports))
answer = requests.get(url + '/' + 'x' * 9000, timeout=40)
print(answer.status_code, answer.reason, answer.headers['Connection'])
";
    let x = 120;
    assert_eq!(
        run(python, script, &server)?,
        format!(
            "GET /a?q=a+b HTTP/1.1 0 0\nPOST /form HTTP/1.1 7 {}\nPUT /json HTTP/1.1 13 {}\n\
             POST /chunks HTTP/1.1 1000000 {}\nPOST /length HTTP/1.1 3000000 {}\nGET /here HTTP/1.1 0 0\n\
             DELETE /d HTTP/1.1 0 0\n24\n3000000\n1\n414 Request URI Too Long close\n",
            sum("a=1&b=2"),
            sum("{\"a\": [1, 2]}"),
            1_000_000 * x,
            3_000_000 * x,
        )
    );
    server.stop()
}

fn sum(text: &str) -> u32 {
    text.bytes().map(u32::from).sum()
}

/// Many sessions at once, in threads, whose connections the server ends now and then.
#[test]
fn requests_opens_another_connection_when_the_server_ends_one() -> TestResult {
    let _bounded = bounded();
    let Some(python) = with_requests() else {
        return Ok(());
    };
    let limits = Limits {
        requests: Some(2),
        ..limits()
    };
    let server = serve(WSGIServer::builder().limits(limits))?;
    let script = "
import requests
from concurrent.futures import ThreadPoolExecutor
def ask(number):
    with requests.Session() as session:
        answers = [session.get(f'{url}/{number}', timeout=40) for _ in range(10)]
    assert all(answer.text == f'GET /{number} HTTP/1.1 0 0\\n' for answer in answers)
    for first, last in zip(answers[::2], answers[1::2]):
        assert first.headers['Port'] == last.headers['Port'] and last.headers['Connection'] == 'close'
    return len(answers)
with ThreadPoolExecutor(20) as pool:
    print(sum(pool.map(ask, range(20))))
";
    assert_eq!(run(python, script, &server)?, "200\n");
    server.stop()
}
