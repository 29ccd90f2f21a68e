//! A chat server: the first line of a client is its name, the others go to everybody, and /quit ends it.

use std::io::{self, BufRead, BufReader, Write};
use std::{cell::RefCell, collections::BTreeMap, env, rc::Rc};

use gevent::{exceptions::KeyboardInterrupt, prelude::*, queue::Queue, server::StreamServer, socket::TcpStream};

#[derive(Clone, Default)]
struct Chat(Rc<RefCell<BTreeMap<String, Queue<Option<String>>>>>);

fn write(mut stream: TcpStream, queue: &Queue<Option<String>>) -> Result<(), Exception> {
    for text in queue.until_none() {
        writeln!(stream, "{}", text?)?;
    }
    Ok(())
}

impl Chat {
    fn broadcast(&self, text: &str) -> Result<(), Exception> {
        let queues = self.0.borrow();
        queues.values().try_for_each(|queue| queue.put(Some(text.to_owned())))
    }

    fn chat(&self, name: &str, lines: impl Iterator<Item = io::Result<String>>) -> Result<(), Exception> {
        for line in lines {
            match line?.trim() {
                "/quit" => break,
                "/who" => {
                    let names: Vec<_> = self.0.borrow().keys().cloned().collect();
                    self.0.borrow()[name].put(Some(format!("here: {}", names.join(" "))))?;
                }
                "" => {}
                line => self.broadcast(&format!("{name}: {line}"))?,
            }
        }
        Ok(())
    }

    fn handle(&self, mut stream: TcpStream) -> Result<(), Exception> {
        let mut lines = BufReader::new(stream.clone()).lines();
        let name = lines.next().unwrap_or(Ok(String::new()))?;
        if name.is_empty() || self.0.borrow().contains_key(&name) {
            return Ok(stream.write_all(b"this name is taken\n")?);
        }
        let queue = Queue::new();
        self.0.borrow_mut().insert(name.clone(), queue.clone());
        let its = queue.clone();
        let writer = spawn(move || write(stream, &its));
        self.broadcast(&format!("* {name} has come"))?;
        let chatted = self.chat(&name, lines);
        self.0.borrow_mut().remove(&name);
        self.broadcast(&format!("* {name} has gone"))?;
        queue.put(None)?;
        writer.join()?;
        chatted.except(|_: &io::Error| ())
    }
}

fn main() -> Result<(), Exception> {
    let port: u16 = env::args().nth(1).unwrap_or_default().parse()?;
    let chat = Chat::default();
    gevent::keyboard_interrupt()?;
    let server = StreamServer::new(("127.0.0.1", port), move |stream, _| chat.handle(stream));
    server.start()?;
    println!("listening on 127.0.0.1:{}", server.server_port().unwrap());
    server.serve_forever().except(|_: &KeyboardInterrupt| println!("bye"))
}
