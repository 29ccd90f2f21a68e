//! What pools of greenlets and of threads map: the same cases for both.

/// A module of cases for one of gevent's modules with a pool; the file of its name runs them.
macro_rules! cases_of_maps {
    ($name:ident) => {
        mod $name {
            use crate::cases::$name::run;
            use crate::trap::{Trap, ok};

            #[test]
            fn functions_that_are_mapped() {
                run(
                    &["{pool::Group, threadpool::ThreadPool}::{map, map_async, map_async_cb, map_cb} | Fn"],
                    vec![
                        |pool, trap| pool.map(move |_| trap.spring(), 0..5).map(drop),
                        |pool, trap| pool.map_async(move |_| trap.spring(), 0..5).join(),
                        |pool, trap| pool.map_cb(move |_| trap.spring(), 0..5, |_| ()).map(drop),
                        |pool, trap| {
                            pool.map_async_cb(move |_| trap.spring(), 0..5, |_| ())
                                .join()
                        },
                    ],
                );
                run(
                    &["{pool::Group, threadpool::ThreadPool}::{map_async_cb, map_cb} | FnOnce"],
                    vec![
                        |pool, trap| pool.map_cb(|_| (), 0..5, |_| trap.spring()).map(drop),
                        |pool, trap| {
                            pool.map_async_cb(|_| (), 0..5, move |_| trap.spring())
                                .join()
                        },
                    ],
                );
                run(
                    &[
                        "{pool::Group, threadpool::ThreadPool}::{imap, imap_maxsize, imap_unordered, imap_unordered_maxsize} | Fn",
                    ],
                    vec![
                        |pool, trap| ok(pool.imap(move |_| trap.spring(), 0..5).count()),
                        |pool, trap| ok(pool.imap_maxsize(move |_| trap.spring(), 0..5, 2).count()),
                        |pool, trap| ok(pool.imap_unordered(move |_| trap.spring(), 0..5).count()),
                        |pool, trap| {
                            ok(pool
                                .imap_unordered_maxsize(move |_| trap.spring(), 0..5, 2)
                                .count())
                        },
                    ],
                );
            }

            fn items(trap: Trap) -> impl Iterator<Item = i32> {
                (0..5).inspect(move |i| {
                    if *i == 2 {
                        trap.spring();
                    }
                })
            }

            #[test]
            fn iterators_of_items() {
                run(
                    &["{pool::Group, threadpool::ThreadPool}::{map, map_async, map_async_cb, map_cb} | Iterator"],
                    vec![
                        |pool, trap| pool.map(|_| (), items(trap)).map(drop),
                        |pool, trap| pool.map_async(|_| (), items(trap)).join(),
                        |pool, trap| pool.map_cb(|_| (), items(trap), |_| ()).map(drop),
                        |pool, trap| pool.map_async_cb(|_| (), items(trap), |_| ()).join(),
                    ],
                );
                run(
                    &[
                        "{pool::Group, threadpool::ThreadPool}::{imap, imap_maxsize, imap_unordered, imap_unordered_maxsize} | Iterator",
                    ],
                    vec![
                        |pool, trap| ok(pool.imap(|_| (), items(trap)).count()),
                        |pool, trap| ok(pool.imap_maxsize(|_| (), items(trap), 2).count()),
                        |pool, trap| ok(pool.imap_unordered(|_| (), items(trap)).count()),
                        |pool, trap| ok(pool.imap_unordered_maxsize(|_| (), items(trap), 2).count()),
                    ],
                );
            }
        }
    };
}

cases_of_maps!(pool);
cases_of_maps!(threadpool);
