//! Sets and selectors.

use std::os::fd::AsRawFd;
use std::rc::Rc;

use crate::trap::{Case, Code, Trap, Value, any};
use gevent::select::{Select, select, select_timeout};
use gevent::selectors::{EVENT_READ, EVENT_WRITE, GeventSelector};
use gevent::socket::{Socket, socketpair};

type Pair = Rc<(Socket, Socket)>;

fn pair() -> Pair {
    Rc::new(socketpair().expect("there are descriptors"))
}

#[test]
fn iterators_of_sets() {
    Case {
        names: &[
            "select::{select, select_timeout} | Iterator",
            "select::Select::new | Iterator",
        ],
        make: |_| pair(),
        calls: vec![
            |pair, trap| {
                let lists = [&pair.0, &pair.1].into_iter().inspect(|_| trap.spring());
                select([], lists.cloned(), []).map(drop)
            },
            |pair, trap| {
                let list = [pair.0.clone()].into_iter().inspect(|_| trap.spring());
                select_timeout(list, [pair.1.clone()], [], 100).map(drop)
            },
            |pair, trap| {
                let list = [pair.0.clone()].into_iter().inspect(|_| trap.spring());
                select_timeout([], [pair.1.clone()], list, 100).map(drop)
            },
            |pair, trap| {
                let list = [pair.0.clone()].into_iter().inspect(|_| trap.spring());
                let mut set = Select::new([], [pair.1.clone()], list);
                set.select().map(drop)
            },
        ],
        others: |pair| any(select_timeout([pair.0.clone()], [], [], 0)),
        waits: Some(|pair| select([pair.0.clone()], [], []).map(drop)),
        after: |pair| {
            pair.1.sendall(b"x").expect("there is space");
            assert_eq!(
                select([pair.0.clone()], [], []).expect("nobody kills the test").0.len(),
                1
            );
        },
    }
    .run();
}

struct Item(Pair, #[allow(dead_code, reason = "it is there to be dropped")] Value);

impl AsRawFd for Item {
    fn as_raw_fd(&self) -> i32 {
        self.0.1.fileno()
    }
}

type Selecting = (GeventSelector<Value>, Pair);

/// Both sockets are registered, with a trap in the data of the first.
fn selecting(trap: Trap) -> Selecting {
    let (selector, pair) = (GeventSelector::new(), pair());
    let value = Value::trapped(1, Code::Drop, trap);
    selector.register(&pair.0, EVENT_WRITE, value).expect("it is open");
    selector
        .register(&pair.1, EVENT_READ, Value::plain(2))
        .expect("it is open");
    (selector, pair)
}

#[test]
fn destructors_of_data() {
    Case {
        names: &[
            "select::Select::drop | Drop",
            "select::{Ready, IntoIter}::drop | Drop",
            "selectors::{GeventSelector, SelectorKey, SelectorMap}::drop | Drop",
        ],
        make: selecting,
        calls: vec![
            |(_, pair), trap| {
                let item = Item(pair.clone(), Value::trapped(1, Code::Drop, trap));
                drop(Select::new([], [item], []));
                Ok(())
            },
            |(selector, _), _| {
                selector.close();
                Ok(())
            },
            |(selector, pair), _| selector.unregister(&pair.0).map(drop),
            |(selector, pair), _| selector.modify(&pair.0, EVENT_WRITE, Value::plain(3)).map(drop),
            |(selector, pair), _| selector.modify(&pair.0, EVENT_READ, Value::plain(3)).map(drop),
            |(selector, pair), _| {
                let ready = selector.select()?;
                any(selector.unregister(&pair.0));
                drop(ready);
                Ok(())
            },
            |(selector, pair), _| {
                let ready = selector.select()?.into_iter();
                any(selector.unregister(&pair.0));
                drop(ready);
                Ok(())
            },
            |(selector, pair), _| {
                let map = selector.get_map().expect("it is open");
                let keys = map.values();
                any(selector.unregister(&pair.0));
                drop(keys);
                Ok(())
            },
            |(_, pair), trap| {
                let selector = GeventSelector::new();
                selector.register(&pair.0, EVENT_READ, Value::trapped(1, Code::Drop, trap))?;
                selector.register(&pair.1, EVENT_READ, Value::plain(2))?;
                any(selector.select_timeout(0).map(drop));
                drop(selector);
                Ok(())
            },
        ],
        others: |(selector, pair)| {
            any(selector.select_timeout(0));
            any(selector.unregister(&pair.1));
            any(selector.get_key(&pair.0));
            let _ = (
                format!("{selector:?}"),
                selector.get_map().map(|map| map.values().len()),
            );
        },
        waits: Some(|(_, pair)| select([pair.1.clone()], [], []).map(drop)),
        after: |(selector, pair)| {
            any(selector.unregister(&pair.0).map(drop));
            any(selector.unregister(&pair.1).map(drop));
            pair.0.sendall(b"x").expect("there is space");
            if selector.get_map().is_some() {
                selector
                    .register(&pair.1, EVENT_READ, Value::plain(4))
                    .expect("it is open");
                let ready = selector.select().expect("nobody kills the test");
                assert_eq!((ready.len(), ready[0].0.data.number), (1, 4));
            }
        },
    }
    .run();
}
