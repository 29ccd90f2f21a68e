//! Streams and sinks.

use futures::{SinkExt, StreamExt, stream};
use gevent::event::Event;
use gevent::future::{block_on, iwait_stream, spawn_local};
use gevent::queue::{Channel, PutError, Queue};
use gevent::{sleep, spawn};

use crate::support::{TestResult, bounded};

#[test]
fn a_queue_is_a_stream_until_its_shutdown() -> TestResult {
    let _bounded = bounded();
    let queue = Queue::with_maxsize(2);
    let producer = spawn({
        let queue = queue.clone();
        move || {
            for item in 0..100 {
                queue.put(item)?;
            }
            queue.shutdown(false);
            Ok(())
        }
    });
    let items: Vec<_> = block_on(queue.stream().collect())?;
    assert_eq!(
        items.into_iter().collect::<Result<Vec<_>, _>>()?,
        (0..100).collect::<Vec<_>>()
    );
    producer.get()
}

#[test]
fn a_sink_waits_for_space() -> TestResult {
    let _bounded = bounded();
    let queue = Queue::with_maxsize(1);
    let sender = spawn_local({
        let queue = queue.clone();
        async move {
            let mut sink = queue.sink();
            sink.send_all(&mut stream::iter((0..100).map(Ok))).await?;
            queue.shutdown(false);
            // An item that finds the queue shut down comes back.
            Ok(matches!(sink.send(100).await, Err(PutError::ShutDown(100))))
        }
    });
    let got: Result<Vec<_>, _> = queue.iter().collect();
    assert_eq!(got?, (0..100).collect::<Vec<_>>());
    assert!(sender.get()?);
    Ok(())
}

#[test]
fn a_channel_is_a_stream() -> TestResult {
    let _bounded = bounded();
    let channel = Channel::new();
    let producer = spawn({
        let channel = channel.clone();
        move || (0..10).try_for_each(|item| channel.put(item))
    });
    let items: Vec<_> = block_on(channel.stream().take(10).collect())?;
    assert_eq!(items, (0..10).collect::<Vec<_>>());
    producer.get()
}

#[test]
fn what_becomes_ready_is_a_stream() -> TestResult {
    let _bounded = bounded();
    let events: Vec<_> = (0..5).map(|_| Event::new()).collect();
    let setters = events.clone();
    let setter = spawn(move || {
        for i in [3, 1, 4, 0, 2] {
            sleep(0)?;
            setters[i].set();
        }
        Ok(())
    });
    let order: Vec<_> = block_on(
        iwait_stream(&events)
            .map(|ready| events.iter().position(|event| event == ready))
            .collect(),
    )?;
    assert_eq!(order, [3, 1, 4, 0, 2].map(Some));
    setter.get()?;
    // Dropped early, it leaves no links.
    events.iter().for_each(Event::clear);
    let (mut some, first) = (iwait_stream(&events), &events[2]);
    first.set();
    assert!(block_on(some.next())?.is_some_and(|ready| ready == first));
    drop(some);
    assert!(events.iter().all(|event| event.linkcount() == 0));
    Ok(())
}
