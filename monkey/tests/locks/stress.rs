//! Tokens go round between virtual threads of three carriers, and real threads, by mailboxes of all kinds. Who puts a
//! token into an empty mailbox wakes its owner, and nobody wakes him again before he has emptied it. So a wake-up that
//! is lost keeps its tokens for ever, and in the end all of them.
//!
//! Some waits end by their time, and exceptions are thrown into the virtual threads meanwhile.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use gevent_monkey::{real_threads, take_exception};

/// Where an owner waits until somebody says that there is something.
enum Bell {
    Futex(AtomicU32),
    Std(Mutex<bool>, Condvar),
    ParkingLot(parking_lot::Mutex<bool>, parking_lot::Condvar),
    Channel(crossbeam_channel::Sender<()>, crossbeam_channel::Receiver<()>),
    Park(AtomicBool, OnceLock<Thread>),
}

impl Bell {
    fn new(kind: usize) -> Bell {
        match kind % 5 {
            0 => Bell::Futex(AtomicU32::new(0)),
            1 => Bell::Std(Mutex::new(false), Condvar::new()),
            2 => Bell::ParkingLot(parking_lot::Mutex::new(false), parking_lot::Condvar::new()),
            3 => {
                let (send, receive) = crossbeam_channel::unbounded();
                Bell::Channel(send, receive)
            }
            _ => Bell::Park(AtomicBool::new(false), OnceLock::new()),
        }
    }

    fn ring(&self) {
        match self {
            Bell::Futex(word) => {
                word.store(1, Ordering::Release);
                let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
                // SAFETY: the word is there.
                unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 1) };
            }
            Bell::Std(rung, changed) => {
                *rung.lock().unwrap() = true;
                changed.notify_one();
            }
            Bell::ParkingLot(rung, changed) => {
                *rung.lock() = true;
                changed.notify_one();
            }
            Bell::Channel(send, _) => send.send(()).unwrap(),
            Bell::Park(rung, thread) => {
                rung.store(true, Ordering::Release);
                if let Some(thread) = thread.get() {
                    thread.unpark();
                }
            }
        }
    }

    /// Waits until it has rung. Returns false if the time is over before.
    fn wait(&self, limit: Option<Duration>) -> bool {
        match self {
            Bell::Futex(word) => {
                let time = limit.map(|limit| libc::timespec {
                    tv_sec: 0,
                    tv_nsec: limit.subsec_nanos().into(),
                });
                let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
                loop {
                    if word.swap(0, Ordering::AcqRel) == 1 {
                        return true;
                    }
                    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
                    // SAFETY: the word and the time are there.
                    let answer = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, 0, time) };
                    let error = std::io::Error::last_os_error().raw_os_error();
                    if answer == -1 && error == Some(libc::ETIMEDOUT) {
                        return word.swap(0, Ordering::AcqRel) == 1;
                    }
                }
            }
            Bell::Std(rung, changed) => {
                let guard = rung.lock().unwrap();
                let mut rung = match limit {
                    None => changed.wait_while(guard, |rung| !*rung).unwrap(),
                    Some(limit) => changed.wait_timeout_while(guard, limit, |rung| !*rung).unwrap().0,
                };
                std::mem::take(&mut *rung)
            }
            Bell::ParkingLot(rung, changed) => {
                let mut rung = rung.lock();
                match limit {
                    None => changed.wait_while(&mut rung, |rung| !*rung),
                    Some(limit) => _ = changed.wait_while_for(&mut rung, |rung| !*rung, limit),
                }
                std::mem::take(&mut *rung)
            }
            Bell::Channel(_, receive) => match limit {
                None => receive.recv().is_ok(),
                Some(limit) => receive.recv_timeout(limit).is_ok(),
            },
            Bell::Park(rung, thread) => {
                thread.get_or_init(thread::current);
                let deadline = limit.map(|limit| Instant::now() + limit);
                while !rung.swap(false, Ordering::AcqRel) {
                    match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                        None => thread::park(),
                        Some(Duration::ZERO) => return false,
                        Some(left) => thread::park_timeout(left),
                    }
                }
                true
            }
        }
    }
}

struct Mailbox {
    /// Locked in turn as std does and as parking_lot does, so that these locks are contended, too.
    tokens: Mutex<VecDeque<Option<u64>>>,
    bell: Bell,
}

impl Mailbox {
    fn put(&self, token: Option<u64>) {
        let was_empty = {
            let mut tokens = self.tokens.lock().unwrap();
            tokens.push_back(token);
            tokens.len() == 1
        };
        if was_empty {
            self.bell.ring();
        }
    }
}

struct Round {
    mailboxes: Vec<Mailbox>,
    moves: AtomicU64,
    thrown: AtomicU64,
    is_over: AtomicBool,
}

const CARRIERS: usize = 3;
const VIRTUAL: usize = 12;
const REAL: usize = 4;
const TOKENS: u64 = 60;

/// A small generator of random numbers.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Moves what comes into a mailbox on to others, until it is told to end.
fn owner(round: &Round, number: usize) -> u64 {
    let mut random = 0x9E37_79B9_7F4A_7C15 ^ (number as u64 + 1);
    let mine = &round.mailboxes[number];
    let mut kept = 0;
    loop {
        let limit = next(&mut random)
            .is_multiple_of(4)
            .then(|| Duration::from_micros(next(&mut random) % 300));
        while !mine.bell.wait(limit) {
            // A time that is over already does not wait, in some of them: this polls.
            thread::yield_now();
        }
        if take_exception().is_some() {
            round.thrown.fetch_add(1, Ordering::Relaxed);
        }
        // From now on somebody rings again.
        let tokens = std::mem::take(&mut *mine.tokens.lock().unwrap());
        let mut is_last = false;
        for token in tokens {
            match token {
                None => is_last = true,
                Some(_) if round.is_over.load(Ordering::Relaxed) => kept += 1,
                Some(token) => {
                    let other = next(&mut random) as usize % round.mailboxes.len();
                    round.moves.fetch_add(1, Ordering::Relaxed);
                    round.mailboxes[other].put(Some(token));
                }
            }
        }
        if is_last {
            return kept;
        }
        if next(&mut random).is_multiple_of(16) {
            thread::yield_now();
        }
    }
}

/// Throws something into one of this carrier's virtual threads now and then.
fn throw(round: &Round) {
    let mut random = 77;
    while !round.is_over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(1));
        let _ = take_exception();
        gevent_threading::on_carrier(|| {
            let owners: Vec<_> = greenlet_core::greenlets()
                .into_iter()
                .filter(|greenlet| greenlet.name().as_deref() == Some("owner"))
                .collect();
            if !owners.is_empty() {
                let victim = &owners[next(&mut random) as usize % owners.len()];
                hub::kill(victim, greenlet_core::GreenletExit).unwrap();
            }
        });
    }
}

/// Tells what is where, and ends the process.
fn lost(round: &Round, what: &str) -> ! {
    eprintln!("a wake-up was lost: {what}");
    for (number, mailbox) in round.mailboxes.iter().enumerate() {
        let tokens = mailbox.tokens.try_lock().map(|tokens| tokens.len());
        let bell = match &mailbox.bell {
            Bell::Futex(word) => format!("futex {}", word.load(Ordering::Relaxed)),
            Bell::Std(rung, _) => format!("std {:?}", rung.try_lock().map(|rung| *rung)),
            Bell::ParkingLot(rung, _) => format!("parking_lot {:?}", rung.try_lock().map(|rung| *rung)),
            Bell::Channel(_, receive) => format!("channel {}", receive.len()),
            Bell::Park(rung, thread) => format!("park {rung:?} {thread:?}"),
        };
        eprintln!("{number}: {tokens:?} tokens, {bell}");
    }
    std::process::abort()
}

#[test]
fn no_wake_up_is_lost() {
    gevent_monkey::patch_all().unwrap();
    let seconds = std::env::var("MONKEY_SECONDS").map_or(2, |seconds| seconds.parse().unwrap());
    let owners = CARRIERS * VIRTUAL + REAL;
    let round = Arc::new(Round {
        mailboxes: (0..owners)
            .map(|number| Mailbox {
                tokens: Mutex::default(),
                bell: Bell::new(number),
            })
            .collect(),
        moves: AtomicU64::new(0),
        thrown: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    });
    let mut threads: Vec<_> = (0..CARRIERS)
        .map(|carrier| {
            let round = round.clone();
            thread::spawn(move || {
                let mine = (carrier * VIRTUAL)..((carrier + 1) * VIRTUAL);
                let owners: Vec<_> = mine
                    .map(|number| {
                        let round = round.clone();
                        let builder = gevent_threading::Builder::new().name("owner".into());
                        builder.spawn(move || owner(&round, number)).unwrap()
                    })
                    .collect();
                let theirs = round.clone();
                let throws = gevent_threading::spawn(move || throw(&theirs));
                let kept: u64 = owners.into_iter().map(|owner| owner.join().unwrap()).sum();
                throws.join().unwrap();
                kept
            })
        })
        .collect();
    for number in CARRIERS * VIRTUAL..owners {
        let round = round.clone();
        threads.push(real_threads(|| thread::spawn(move || owner(&round, number))));
    }
    (0..TOKENS).for_each(|token| round.mailboxes[token as usize % owners].put(Some(token)));
    let begun = Instant::now();
    let mut moves = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        // A bound for a machine that does other things, too: somebody moves something within a minute.
        let looked = Instant::now();
        thread::sleep(Duration::from_millis(50));
        while round.moves.load(Ordering::Relaxed) == moves {
            if looked.elapsed() > Duration::from_secs(240) {
                lost(&round, &format!("nothing moves after {moves} moves"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        moves = round.moves.load(Ordering::Relaxed);
    }
    round.is_over.store(true, Ordering::Relaxed);
    round.mailboxes.iter().for_each(|mailbox| mailbox.put(None));
    let mut kept = 0;
    for thread in threads {
        let looked = Instant::now();
        while !thread.is_finished() {
            if looked.elapsed() > Duration::from_secs(240) {
                lost(&round, "an owner does not end");
            }
            thread::sleep(Duration::from_millis(5));
        }
        kept += thread.join().unwrap();
    }
    // What came after an owner's end is in its mailbox.
    let left = |mailbox: &Mailbox| mailbox.tokens.lock().unwrap().iter().flatten().count() as u64;
    kept += round.mailboxes.iter().map(left).sum::<u64>();
    assert_eq!(kept, TOKENS);
    let (moves, thrown) = (
        round.moves.load(Ordering::Relaxed),
        round.thrown.load(Ordering::Relaxed),
    );
    println!("{moves} moves, {thrown} exceptions");
}
