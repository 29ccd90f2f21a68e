//! Futures in greenlets, and the objects of greenlets as futures.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use gevent::event::{AsyncResult, Event};
use gevent::future::{HubDriver, SharedExecutor, block_on, join_all, spawn_local};
use gevent::queue::{BaseJoinableQueue, Channel, Queue};
use gevent::{spawn, threadsafe};

use super::queue::{Own, drain, is_complete, use_it};
use crate::support::TestResult;
use crate::trap::{Case, Code, Trap, Value, any, ok};

/// When a future springs its trap.
#[derive(Clone, Copy, PartialEq)]
enum When {
    Converted,
    Polled,
    Dropped,
}

struct Trapped(When, Trap);

impl Trapped {
    fn spring(&self, when: When) {
        if self.0 == when {
            self.1.spring();
        }
    }
}

struct Polled(Trapped);

impl Future for Polled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.0.spring(When::Polled);
        Poll::Ready(())
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        self.0.spring(When::Dropped);
    }
}

impl IntoFuture for Trapped {
    type Output = ();
    type IntoFuture = Polled;

    fn into_future(self) -> Polled {
        self.spring(When::Converted);
        Polled(self)
    }
}

/// Uses an event, by which others wait meanwhile.
fn event_case(names: &'static [&'static str], calls: Vec<fn(&Event, Trap) -> TestResult>) {
    Case {
        names,
        make: |_| Event::new(),
        calls,
        others: |event| {
            event.set();
            any(block_on(event));
            any(block_on(join_all([event, event])));
            event.clear();
        },
        waits: Some(|event| event.wait().map(drop)),
        after: |event| {
            event.set();
            block_on(event).expect("nobody kills the test");
        },
    }
    .run();
}

#[test]
fn futures_that_are_polled() {
    event_case(
        &["future::{block_on, spawn_local, join_all, JoinAll::poll, JoinAll::drop} | Future"],
        vec![
            |_, trap| block_on(Trapped(When::Converted, trap)),
            |_, trap| block_on(Trapped(When::Polled, trap)),
            |_, trap| block_on(Trapped(When::Dropped, trap)),
            |_, trap| spawn_local(Trapped(When::Converted, trap)).get(),
            |_, trap| spawn_local(Trapped(When::Polled, trap)).get(),
            |_, trap| spawn_local(Trapped(When::Dropped, trap)).get(),
            |_, trap| ok(join_all([Trapped(When::Converted, trap)])),
            |_, trap| block_on(join_all([Trapped(When::Polled, trap), Trapped(When::Polled, trap)])).map(drop),
            |_, trap| block_on(join_all([Trapped(When::Dropped, trap), Trapped(When::Dropped, trap)])).map(drop),
            |_, trap| ok(join_all([Trapped(When::Dropped, trap), Trapped(When::Dropped, trap)])),
        ],
    );
}

#[test]
fn futures_beside_a_driver() {
    // Another call may have the thread's driver: then this one fails, and the future is not converted.
    fn driven(when: When, trap: Trap) -> TestResult {
        block_on(HubDriver::new()?.run(Trapped(when, trap)))?
    }
    event_case(
        &["future::HubDriver::run | Future"],
        vec![
            |_, trap| driven(When::Converted, trap),
            |_, trap| driven(When::Polled, trap),
            |_, trap| driven(When::Dropped, trap),
        ],
    );
}

#[test]
fn iterators_of_futures() {
    event_case(
        &["future::join_all | Iterator"],
        vec![|_, trap| {
            let futures = [1, 2].into_iter().map(|number| -> Ready<i32> {
                trap.spring();
                ready(number)
            });
            block_on(join_all(futures)).map(drop)
        }],
    );
}

#[test]
fn values_of_what_is_awaited() {
    Case {
        names: &["event::AsyncResult::now, greenlet::Greenlet::now, threadsafe::GetResult::poll | Clone"],
        make: |_| AsyncResult::new(),
        calls: vec![
            |result: &AsyncResult<Value>, trap| {
                result.set(Value::trapped(7, Code::Clone, trap));
                block_on(result)?.map(drop)
            },
            |_, trap| {
                let greenlet = spawn(move || Value::trapped(7, Code::Clone, trap));
                block_on(greenlet)?.map(drop)
            },
            |_, trap| {
                let result = threadsafe::AsyncResult::new();
                result.set(Value::trapped(7, Code::Clone, trap));
                block_on(result)?.map(drop)
            },
        ],
        others: |result| {
            result.set(Value::plain(8));
            any(block_on(result));
        },
        waits: None,
        after: |result| {
            result.set(Value::plain(9));
            let value = block_on(result).and_then(|value| value);
            assert_eq!(value.expect("it was set").number, 9);
        },
    }
    .run();
}

#[test]
fn what_futures_drop() {
    event_case(
        &[
            "queue::{Get, Put, ChannelGet, ChannelPut}::drop | Drop",
            "threadsafe::{Get, GetResult, Put}::drop | Drop",
            "future::{JoinAll, Linked}::drop | Drop",
        ],
        vec![
            |_, trap| {
                let queue = Queue::with_items(None, [Value::trapped(7, Code::Drop, trap)]);
                let get = queue.get_async();
                drop(queue);
                ok(get)
            },
            |_, trap| ok(Queue::new().put_async(Value::trapped(7, Code::Drop, trap))),
            |_, trap| ok(Channel::new().put_async(Value::trapped(7, Code::Drop, trap))),
            |_, trap| {
                let channel = Channel::new();
                let (get, its) = (channel.get_async(), channel.clone());
                spawn(move || its.put(Value::trapped(7, Code::Drop, trap)));
                drop(channel);
                block_on(get).map(drop)
            },
            |_, trap| {
                let queue = threadsafe::Queue::new();
                queue.put(Value::trapped(7, Code::Drop, trap))?;
                let get = queue.get_async();
                drop(queue);
                ok(get)
            },
            |_, trap| ok(threadsafe::Queue::new().put_async(Value::trapped(7, Code::Drop, trap))),
            |_, trap| {
                let result = threadsafe::AsyncResult::new();
                result.set(Value::trapped(7, Code::Drop, trap));
                ok(result.into_future())
            },
            |_, trap| {
                let result = AsyncResult::new();
                result.set(Value::trapped(7, Code::Drop, trap));
                ok(result.into_future())
            },
            |_, trap| block_on(join_all([ready(Value::trapped(7, Code::Drop, trap))])).map(drop),
        ],
    );
}

#[test]
fn storages_of_queues() {
    Case {
        names: &["queue::{Get, Put}::poll, queue::Get::drop | Storage"],
        make: |trap| {
            let items = [10, 11].map(Value::plain);
            BaseJoinableQueue::with_storage(None, Own(items.into(), trap))
        },
        calls: vec![
            |queue: &BaseJoinableQueue<Own>, _| block_on(queue.get_async())?.map(|item| any(queue.put(item))),
            |queue, _| Ok(block_on(queue.put_async(Value::plain(12)))??),
        ],
        others: |queue| use_it(queue),
        waits: None,
        after: |queue| {
            let found = drain(queue);
            assert!(found.contains(&10) || found.contains(&11), "{found:?}");
            let _ = is_complete(queue, &[]);
        },
    }
    .run();
}

/// A future that tells somebody when it is dropped, however it ends.
struct Told(Polled, AsyncResult<()>);

impl Future for Told {
    type Output = ();
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.get_mut().0).poll(context)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.1.set(());
    }
}

#[test]
fn futures_that_share_greenlets() {
    fn shared(when: When, trap: Trap) -> TestResult {
        let (over, other) = (AsyncResult::new(), AsyncResult::new());
        SharedExecutor.spawn(Told(Polled(Trapped(when, trap)), over.clone()))?;
        // Another future goes on, whatever happens to that one.
        SharedExecutor.spawn({
            let other = other.clone();
            async move { other.set(()) }
        })?;
        other.get()?;
        over.get()
    }
    event_case(
        &["future::SharedExecutor::{spawn, execute} | Future"],
        vec![|_, trap| shared(When::Polled, trap), |_, trap| {
            shared(When::Dropped, trap)
        }],
    );
}

#[cfg(feature = "hyper")]
#[test]
fn futures_of_an_executor() {
    use gevent::future::HubExecutor;
    use hyper::rt::Executor;

    event_case(
        &["future::HubExecutor::execute | Future"],
        vec![|_, trap| {
            let over = AsyncResult::new();
            HubExecutor.execute(Told(Polled(Trapped(When::Polled, trap)), over.clone()));
            over.get()
        }],
    );
}

#[cfg(feature = "tokio")]
#[test]
fn futures_in_a_runtime() {
    use gevent::future::{InTokio, TokioRuntime};
    fn run(when: When, trap: Trap) -> TestResult {
        let runtime = TokioRuntime::new()?;
        block_on(InTokio::new(runtime.handle(), Trapped(when, trap)))
    }
    event_case(
        &["future::InTokio::{new, poll} | Future", "future::InTokio::drop | Drop"],
        vec![
            |_, trap| run(When::Converted, trap),
            |_, trap| run(When::Polled, trap),
            |_, trap| run(When::Dropped, trap),
        ],
    );
}

#[cfg(feature = "futures-io")]
mod streams {
    use futures::{SinkExt, StreamExt};
    use gevent::future::iwait_stream;
    use gevent::hub::{Link, Linkable};

    use super::*;

    /// An object whose links are trapped.
    #[derive(Debug, Clone)]
    struct Door(Event, bool, Trap);

    impl Linkable for Door {
        fn ready(&self) -> bool {
            self.0.is_set()
        }

        fn rawlink(&self, link: Link) {
            Linkable::rawlink(&self.0, link);
            if self.1 {
                self.2.spring();
            }
        }

        fn unlink(&self, link: &Link) {
            Linkable::unlink(&self.0, link);
            self.2.spring();
        }
    }

    #[test]
    fn objects_that_are_waited_for() {
        event_case(
            &[
                "future::{IwaitStream::poll_next, IwaitStream::drop} | Linkable",
                "future::iwait_stream | Iterator",
            ],
            vec![
                |_, trap| {
                    let door = Event::new();
                    door.set();
                    block_on(iwait_stream([Door(door, true, trap)]).next()).map(drop)
                },
                |_, trap| {
                    let (open, closed) = (Event::new(), Event::new());
                    open.set();
                    let mut stream = iwait_stream([Door(open, false, trap), Door(closed, false, trap)]);
                    block_on(stream.next()).map(drop)
                },
                |event, trap| {
                    let events = [1, 2].into_iter().map(|_| {
                        trap.spring();
                        event.clone()
                    });
                    ok(iwait_stream(events))
                },
            ],
        );
    }

    #[test]
    fn items_of_streams() {
        event_case(
            &["future::{ChannelStream, IwaitStream, QueueSink, QueueStream}::drop | Drop"],
            vec![
                |_, trap| {
                    let channel = Channel::new();
                    let its = channel.clone();
                    spawn(move || its.put(Value::trapped(7, Code::Drop, trap)));
                    let mut stream = channel.stream();
                    drop(channel);
                    block_on(stream.next()).map(drop)
                },
                |_, trap| {
                    let queue = Queue::with_items(None, [Value::trapped(7, Code::Drop, trap)]);
                    let stream = queue.stream();
                    drop(queue);
                    ok(stream)
                },
                |_, trap| {
                    let queue = Queue::with_items(None, [Value::trapped(7, Code::Drop, trap)]);
                    let sink = queue.sink();
                    drop(queue);
                    ok(sink)
                },
                |_, trap| {
                    let result = AsyncResult::new();
                    result.set(Value::trapped(7, Code::Drop, trap));
                    ok(iwait_stream([result]))
                },
            ],
        );
    }

    #[test]
    fn storages_of_streams() {
        Case {
            names: &[
                "future::QueueStream::poll_next | Storage",
                "future::QueueSink::{poll_ready, poll_flush, poll_close} | Storage",
            ],
            make: |trap| {
                let items = [10, 11].map(Value::plain);
                BaseJoinableQueue::with_storage(None, Own(items.into(), trap))
            },
            calls: vec![
                |queue: &BaseJoinableQueue<Own>, _| {
                    let item = block_on(queue.stream().next())?;
                    item.map_or(Ok(()), |item| item.map(|item| any(queue.put(item))))
                },
                |queue, _| Ok(block_on(async { queue.sink().send(Value::plain(12)).await })??),
                |queue, _| {
                    let mut sink = queue.sink();
                    block_on(sink.feed(Value::plain(12)))??;
                    Ok(block_on(sink.close())??)
                },
            ],
            others: |queue| use_it(queue),
            waits: None,
            after: |queue| {
                let found = drain(queue);
                assert!(found.contains(&10) || found.contains(&11), "{found:?}");
            },
        }
        .run();
    }
}
