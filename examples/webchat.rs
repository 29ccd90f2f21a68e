//! A chat in web pages: gevent's example of that name, which is an application of Django there.
//!
//! ```sh
//! cargo run --features pywsgi --example webchat
//! ```
//!
//! Open `http://127.0.0.1:8000/` in several windows. Each page asks for the messages that it does not have yet, and
//! gets its answer when there are some: until then a greenlet waits for it. The page says by a cookie, its cursor, what
//! it has. Another address may be given as an argument.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::Read;

use gevent::Exception;
use gevent::event::Event;
use gevent::pywsgi::{Body, Environ, Limits, ResponseWriter, WSGIServer};
use http::Request;
use serde_json::{Value, json};

/// How many messages a room remembers.
const CACHE_SIZE: usize = 200;

/// The page, which gets the messages that there are already in place of `{{ messages }}`.
const INDEX: &str = "<!DOCTYPE html>
<title>Chat Demo</title>
<style>
body { font-family: sans-serif; margin: 2em }
.message { padding: 0.2em 0 }
</style>
<div id=inbox>{{ messages }}</div>
<form id=messageform action=/a/message/new method=post>
<input id=message name=body size=60 autofocus autocomplete=off>
<input type=submit value=Post>
</form>
<script>
// A message that this page has posted comes twice: as the answer, and as an update.
const show = ({id, html}) => document.getElementById('m' + id) || inbox.insertAdjacentHTML('beforeend', html);
const post = async (path, body) => (await fetch(path, {method: 'POST', body})).json();
messageform.onsubmit = async event => {
    event.preventDefault();
    const body = new URLSearchParams(new FormData(messageform));
    messageform.reset();
    show(await post('/a/message/new', body));
};
const poll = async () => {
    for (let pause = 500; ; ) {
        try {
            (await post('/a/message/updates')).messages.forEach(show);
            pause = 500;
        } catch {
            await new Promise(over => setTimeout(over, pause));
            pause *= 2;
        }
    }
};
poll();
</script>
";

struct Message {
    id: String,
    from: String,
    body: String,
}

impl Message {
    fn html(&self) -> String {
        let Message { id, from, body } = self;
        let (from, body) = (escape(from), escape(body));
        format!("<div class=\"message\" id=\"m{id}\"><b>{from}: </b>{body}</div>\n")
    }

    fn json(&self) -> Value {
        json!({ "id": self.id, "from": self.from, "body": self.body, "html": self.html() })
    }
}

fn create_message(from: String, body: String) -> Message {
    // Each state has keys of its own, which nobody can guess.
    let half = || RandomState::new().build_hasher().finish();
    let id = format!("{:016x}{:016x}", half(), half());
    Message { id, from, body }
}

/// No borrow is held while a greenlet waits.
#[derive(Default)]
struct ChatRoom {
    cache: RefCell<VecDeque<Message>>,
    new_message_event: Event,
}

impl ChatRoom {
    /// The identifier of the last message.
    fn last(&self) -> Option<String> {
        self.cache.borrow().back().map(|message| message.id.clone())
    }

    fn main(&self, response: &mut ResponseWriter) -> Result<(), Exception> {
        let messages: String = self.cache.borrow().iter().map(Message::html).collect();
        set_cursor(response, self.last())?;
        response.header("Content-Type", "text/html; charset=UTF-8")?;
        response.send(INDEX.replace("{{ messages }}", &messages))
    }

    fn message_new(&self, request: &mut Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
        let mut form = Vec::new();
        request.body_mut().read_to_end(&mut form)?;
        let Some((_, body)) = form_urlencoded::parse(&form).find(|(name, _)| name == "body") else {
            return response.status(400)?.send("There is no message.\n");
        };
        let message = create_message(sender(request), body.into_owned());
        let answer = message.json();
        let mut cache = self.cache.borrow_mut();
        cache.push_back(message);
        if cache.len() > CACHE_SIZE {
            cache.pop_front();
        }
        drop(cache);
        self.new_message_event.set();
        self.new_message_event.clear();
        json_response(response, &answer)
    }

    fn message_updates(&self, request: &Request<Body>, response: &mut ResponseWriter) -> Result<(), Exception> {
        let cursor = cursor(request);
        while self.last().is_none_or(|last| cursor == Some(&last)) {
            self.new_message_event.wait()?;
        }
        let messages: Vec<_> = {
            let cache = self.cache.borrow();
            // If the message at the cursor is forgotten already, all the others are new.
            let known = cache.iter().position(|message| cursor == Some(&message.id));
            let new = known.map_or(0, |known| known + 1);
            cache.range(new..).map(Message::json).collect()
        };
        set_cursor(response, self.last())?;
        json_response(response, &json!({ "messages": messages }))
    }
}

/// Who asks: the client of a proxy on this machine, or else the client itself.
fn sender(request: &Request<Body>) -> String {
    let Some(address) = request.remote_addr().map(|address| address.ip()) else {
        return "Anonymous".to_owned();
    };
    let forwarded = request.forwarded().pop().filter(|_| address.is_loopback());
    forwarded.unwrap_or_else(|| address.to_string())
}

/// The last message that the page has.
fn cursor(request: &Request<Body>) -> Option<&str> {
    let cookies = request.headers().get("Cookie")?.to_str().ok()?;
    cookies
        .split(';')
        .find_map(|cookie| cookie.trim().strip_prefix("cursor="))
}

fn set_cursor(response: &mut ResponseWriter, cursor: Option<String>) -> Result<(), Exception> {
    if let Some(cursor) = cursor {
        let cookie = format!("cursor={cursor}; Path=/; HttpOnly; SameSite=Lax");
        response.header("Set-Cookie", cookie)?;
    }
    Ok(())
}

fn json_response(response: &mut ResponseWriter, value: &Value) -> Result<(), Exception> {
    response.header("Content-Type", "text/javascript; charset=UTF-8")?;
    response.send(value.to_string())
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('"', "&quot;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

fn main() -> Result<(), Exception> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8000".to_owned());
    let room = ChatRoom::default();
    let limits = Limits {
        body: 64 << 10,
        ..Limits::default()
    };
    let server = WSGIServer::builder().limits(limits);
    let server = server.build(address, move |request, response| match request.uri().path() {
        "/" => room.main(response),
        "/a/message/new" => room.message_new(request, response),
        "/a/message/updates" => room.message_updates(request, response),
        _ => response.status(404)?.send("not found\n"),
    });
    server.start()?;
    println!("Serving on {}", server.address().expect("it was started"));
    server.serve_forever()
}
