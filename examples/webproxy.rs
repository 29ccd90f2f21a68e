//! A web application that fetches other sites for its visitors, and leads the links of their pages to itself: gevent's
//! example of that name.
//!
//! ```sh
//! cargo run --features pywsgi --features ssl --example webproxy
//! ```
//!
//! The page at `http://127.0.0.1:8088/` asks for an address, and `http://127.0.0.1:8088/http://example.com/` is the
//! site `example.com`. Another address to listen at may be given as an argument; everybody who can reach it can reach
//! by it what this machine can.

#[path = "ureq_client.rs"]
#[allow(dead_code, reason = "an example, whose main function is not used here")]
mod ureq_client;

use std::io::{self, Read};
use std::time::Duration;

use gevent::Exception;
use gevent::pywsgi::{Body, Limits, ResponseWriter, WSGIServer};
use gevent::ssl::{Purpose, create_default_context};
use http::{HeaderMap, Method, Request, Response, Uri, header};
use ureq::config::Config;
use ureq::{Agent, ResponseExt};

const FORM: &str = "<!DOCTYPE html>
<title>Web Proxy - gevent example</title>
<p>Type in the address that you want to visit, and press Enter.
<form action=/ method=post>
<input size=80 name=url value='http://www.gevent.org' autofocus>
</form>
";

/// The headers of a site that are not passed on: they are about the connection to it, or would say to the browser
/// something about this server.
const DROP_HEADERS: [&str; 6] = [
    "connection",
    "keep-alive",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "upgrade",
];

/// The attributes that are links.
const LINKS: [&str; 3] = ["href", "src", "action"];

fn application(agent: &Agent, request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    match (request.method(), target.trim_start_matches('/')) {
        (&Method::GET, "") => response.header("Content-Type", "text/html")?.send(FORM),
        (&Method::GET, url) => proxy(agent, url, response),
        (&Method::POST, "") => {
            let mut form = Vec::new();
            request.body_mut().read_to_end(&mut form)?;
            let url = form_urlencoded::parse(&form).find(|(name, _)| name == "url");
            match url.filter(|(_, url)| !url.contains(char::is_control)) {
                Some((_, url)) => {
                    let at = format!("/{}", url.trim().trim_start_matches('/'));
                    response.status(302)?.header("Location", at).map(drop)
                }
                None => response.status(400)?.send("There is no address.\n"),
            }
        }
        (&Method::POST, _) => response.status(404).map(drop),
        _ => response.status(501).map(drop),
    }
}

/// Answers with what the site answers.
fn proxy(agent: &Agent, url: &str, response: &mut ResponseWriter) -> Result<(), Exception> {
    let begin = url.split('/').next().unwrap_or_default();
    let url = match begin.ends_with(':') {
        true => url.to_owned(),
        false => format!("http://{url}"),
    };
    match fetch(agent, &url) {
        Ok((answer, page)) => {
            println!("{url}: {}", answer.status());
            pass_on(answer, page, response)
        }
        Err(error) if error.is_exit() => Err(error),
        Err(error) => {
            println!("{url}: {error}");
            response
                .status(502)?
                .header("Content-Type", "text/html; charset=UTF-8")?;
            let (error, url) = (escape(&error.to_string()), escape(&url));
            response.send(format!("<h1>{error}</h1><h2>{url}</h2>\n"))
        }
    }
}

/// The answer of the site, and the whole page with other links, if it is one.
fn fetch(agent: &Agent, url: &str) -> Result<(Response<ureq::Body>, Option<Vec<u8>>), Exception> {
    let mut answer = agent.get(url).call().map_err(ureq_client::exception)?;
    if !is_page(answer.headers()) {
        return Ok((answer, None));
    }
    // Redirections may have led elsewhere.
    let at = answer.get_uri().clone();
    let page = answer.body_mut().read_to_vec().map_err(ureq_client::exception)?;
    Ok((answer, Some(fix_links(&page, &at))))
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
        && !headers.contains_key(header::CONTENT_ENCODING)
}

fn pass_on(
    answer: Response<ureq::Body>,
    page: Option<Vec<u8>>,
    response: &mut ResponseWriter,
) -> Result<(), Exception> {
    response.status(answer.status())?;
    for (name, value) in answer.headers() {
        let is_new = page.is_some() && name == header::CONTENT_LENGTH;
        if !is_new && !DROP_HEADERS.contains(&name.as_str()) {
            response.header(name, value)?;
        }
    }
    match page {
        Some(page) => response.send(page),
        None => {
            io::copy(&mut answer.into_body().into_reader(), response)?;
            Ok(())
        }
    }
}

/// The page of this address with links that lead here. A link follows the sign `=` of its attribute, blanks, and
/// perhaps a quote.
fn fix_links(page: &[u8], url: &Uri) -> Vec<u8> {
    let mut fixed = Vec::with_capacity(page.len());
    let mut is_link = false;
    for piece in page.split_inclusive(|byte| *byte == b'=') {
        if is_link {
            let link = piece.trim_ascii_start();
            let link = link.strip_prefix(b"\"").or(link.strip_prefix(b"'")).unwrap_or(link);
            fixed.extend(&piece[..piece.len() - link.len()]);
            fixed.extend(before(link, url).bytes());
            fixed.extend(link);
        } else {
            fixed.extend(piece);
        }
        is_link = piece.strip_suffix(b"=").is_some_and(ends_with_attribute);
    }
    fixed
}

/// Whether the text ends with the name of an attribute that is a link, and not with a part of a query, say.
fn ends_with_attribute(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let start = text.iter().rposition(|byte| !byte.is_ascii_alphabetic());
    let Some((rest, name)) = start.map(|start| text.split_at(start + 1)) else {
        return false;
    };
    let begins = matches!(
        rest.last(),
        Some(b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'-' | b':')
    );
    begins && LINKS.iter().any(|link| name.eq_ignore_ascii_case(link.as_bytes()))
}

/// What has to come before a link on the page of this address, so that it leads here.
fn before(link: &[u8], url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or("http");
    let site = format!("/{scheme}://{}", url.authority().map_or("", |host| host.as_str()));
    let folder = url.path().rfind('/').map_or("/", |end| &url.path()[..=end]);
    let word = link.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    match link {
        // It is empty, or a place on this page.
        [] | [b'"' | b'\'' | b'>' | b'#', ..] => String::new(),
        [b'/', b'/', ..] => format!("/{scheme}:"),
        [b'/', ..] => site,
        [b'?', ..] => site + url.path(),
        _ if link[word..].starts_with(b"://") => "/".to_owned(),
        // An address of mail, for example.
        _ if link[word..].starts_with(b":") => String::new(),
        _ => site + folder,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn main() -> Result<(), Exception> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8088".to_owned());
    let config = Config::builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build();
    let agent = ureq_client::agent(config, create_default_context(Purpose::ServerAuth)?);
    let limits = Limits {
        body: 64 << 10,
        ..Limits::default()
    };
    let server = WSGIServer::builder().limits(limits);
    let server = server.build(address, move |request, response| application(&agent, request, response));
    server.start()?;
    println!("Serving on {}", server.address().expect("it was started"));
    server.serve_forever()
}
