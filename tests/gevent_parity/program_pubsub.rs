//! A topic with subscribers, each with a queue of its own; one of them leaves in the middle.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use gevent::queue::Queue;
use gevent::{Exception, JoinAll, joinall_with, sleep, spawn};

use super::common::TestResult;

#[derive(Default)]
struct Topic {
    subscribers: RefCell<BTreeMap<String, Queue<Option<String>>>>,
    sent: Cell<usize>,
}

impl Topic {
    fn subscribe(&self, name: &str) -> Queue<Option<String>> {
        let queue = Queue::new();
        self.subscribers.borrow_mut().insert(name.to_owned(), queue.clone());
        queue
    }

    fn unsubscribe(&self, name: &str) -> TestResult {
        let queue = self.subscribers.borrow_mut().remove(name);
        queue.map_or(Ok(()), |queue| queue.put(None))
    }

    fn publish(&self, message: &str) -> TestResult {
        self.sent.set(self.sent.get() + 1);
        for queue in self.subscribers.borrow().values() {
            queue.put(Some(message.to_owned()))?; // it has no maxsize, so this does not wait
        }
        Ok(())
    }
}

fn subscriber(topic: &Topic, name: &str) -> Result<usize, Exception> {
    let mut seen = 0;
    for message in topic.subscribe(name).until_none() {
        let message = message?;
        println!("{name} got {message}");
        seen += 1;
        if message == format!("bye{name}") {
            topic.unsubscribe(name)?;
        }
    }
    Ok(seen)
}

pub(crate) fn main() -> TestResult {
    let topic = Rc::new(Topic::default());
    let subscribers = ["A", "B", "C"].map(|name| {
        let topic = topic.clone();
        spawn(move || subscriber(&topic, name))
    });
    sleep(0)?;
    for message in ["hello", "byeB", "news"] {
        topic.publish(message)?;
        sleep(0)?;
    }
    let names: Vec<_> = topic.subscribers.borrow().keys().cloned().collect();
    println!("left: {}", names.join(" "));
    for name in names {
        topic.unsubscribe(&name)?;
    }
    joinall_with(&subscribers, JoinAll::default().raise_error())?;
    let seen: Vec<_> = subscribers.iter().filter_map(|g| g.value()).collect();
    println!("{} sent, seen: {seen:?}", topic.sent.get());
    Ok(())
}
