//! Every function that is interposed has a row, or a reason why it needs none.

use std::collections::BTreeSet;

use gevent_monkey::saved;

/// Those without a row.
const REASONS: [(&str, &[&str]); 6] = [
    (
        "it does not park; the strikes call it",
        &["close", "__close", "close_range", "closefrom", "dup2", "__dup2", "dup3"],
    ),
    (
        "it does not park",
        &[
            "pthread_create",
            "pthread_detach",
            "pthread_getname_np",
            "pthread_setname_np",
        ],
    ),
    (
        "it tells how many processors there are",
        &[
            "sched_getaffinity",
            "pthread_getaffinity_np",
            "sysconf",
            "get_nprocs",
            "get_nprocs_conf",
        ],
    ),
    (
        "it looks whether a thread has ended, and does not wait for that",
        &["pthread_tryjoin_np"],
    ),
    (
        "it is getc of a stream that is the process's only one: tests/stdio.rs and tests/standard_streams.rs",
        &["getchar"],
    ),
    (
        "it parks as fsync does, but for as long as all disks of the machine take: tests/disks.rs",
        &["sync"],
    ),
];

pub(crate) fn check(rows: &[crate::row::Row]) {
    let struck: BTreeSet<_> = rows.iter().map(|row| row.function).collect();
    let excused: BTreeSet<_> = REASONS
        .iter()
        .flat_map(|(_, functions)| functions.iter().copied())
        .collect();
    let interposed: BTreeSet<_> = saved().map(|(_, name, _)| name).collect();
    let both: Vec<_> = struck.intersection(&excused).collect();
    assert!(both.is_empty(), "they have rows, and need no reason: {both:?}");
    let all: BTreeSet<_> = struck.union(&excused).copied().collect();
    let is_missing = |name: &&&str| !name.starts_with("mq_") || crate::queues::are_there();
    let without: Vec<_> = interposed.difference(&all).filter(is_missing).collect();
    assert!(without.is_empty(), "they have neither a row nor a reason: {without:?}");
    let unknown: Vec<_> = all.difference(&interposed).collect();
    assert!(unknown.is_empty(), "nothing is interposed of these names: {unknown:?}");
}
