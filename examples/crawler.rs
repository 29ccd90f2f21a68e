//! Follows the links of a web site with a few workers, and prints each page that it finds.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::{cell::RefCell, env, rc::Rc};

use gevent::{pool::Pool, prelude::*, queue::JoinableQueue, socket::TcpStream};

const WORKERS: usize = 4;
const TRIES: u32 = 3;
const LIMIT: u32 = 2;

fn fetch(address: &str, path: &str) -> Result<String, Exception> {
    let reply = Timeout::new(LIMIT).with(|| {
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        Ok(io::read_to_string(stream)?)
    })?;
    match reply.split(' ').nth(1) {
        Some("200") => Ok(reply),
        status => Err(Exception::msg(format!("status {}", status.unwrap_or("none")))),
    }
}

#[derive(Default)]
struct Crawler {
    address: String,
    queue: JoinableQueue<(String, u32)>,
    seen: RefCell<HashSet<String>>,
    pages: RefCell<BTreeMap<String, String>>,
}

impl Crawler {
    fn add(&self, path: &str) -> Result<(), Exception> {
        if self.seen.borrow_mut().insert(path.to_owned()) {
            self.queue.put((path.to_owned(), 1))?;
        }
        Ok(())
    }

    fn visit(&self, path: String, attempt: u32) -> Result<(), Exception> {
        let text = match fetch(&self.address, &path) {
            Ok(page) => {
                for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                    self.add(link)?;
                }
                format!("{} bytes, attempt {attempt}", page.len())
            }
            Err(error) if error.is_exit() => return Err(error),
            Err(_) if attempt < TRIES => return self.queue.put((path, attempt + 1)),
            Err(error) => format!("failed: {error}"),
        };
        self.pages.borrow_mut().insert(path, text);
        Ok(())
    }

    fn work(&self) -> Result<(), Exception> {
        loop {
            let (path, attempt) = self.queue.get()?;
            let visited = self.visit(path, attempt);
            self.queue.task_done()?;
            visited?;
        }
    }
}

fn crawl(address: String, path: &str) -> Result<BTreeMap<String, String>, Exception> {
    let crawler = Rc::new(Crawler {
        address,
        ..Crawler::default()
    });
    crawler.add(path)?;
    let pool = Pool::new(WORKERS);
    for crawler in vec![crawler.clone(); WORKERS] {
        pool.spawn(move || crawler.work())?;
    }
    crawler.queue.join()?;
    pool.kill()?;
    Ok(crawler.pages.take())
}

fn main() -> Result<(), Exception> {
    for (path, text) in crawl(env::args().nth(1).unwrap_or_default(), "/")? {
        println!("{path} {text}");
    }
    Ok(())
}
