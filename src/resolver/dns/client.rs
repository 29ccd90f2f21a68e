//! [`Client`]: asks the servers, one after another, and keeps what they say.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::cache::Cache;
use super::config::DnsConfig;
use super::exchange::{Heard, ask};
use super::message::{Question, Reply};
use crate::event::Event;
use crate::lock::Semaphore;

/// What is said of a name.
#[derive(Debug)]
pub(super) struct Answer {
    /// The name itself, and those for which it stands: the last one has the data.
    pub(super) names: Vec<Name>,
    pub(super) addresses: Vec<IpAddr>,
    /// The names of an address.
    pub(super) pointers: Vec<Name>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The name does not exist.
    NoName,
    /// The name has no data of the type.
    NoData,
    /// No server was able to answer.
    ServerFailed,
    /// No server has answered in time.
    TimedOut,
    /// The name stands for another one, and so on, without an end.
    Endless,
}

pub(super) type Found = Result<Rc<Answer>, Failure>;
type Key = (Name, RecordType);

pub(super) struct Client {
    pub(super) config: DnsConfig,
    cache: RefCell<Cache<Key, Found>>,
    under_way: RefCell<HashMap<Key, Rc<UnderWay>>>,
    /// How many questions have begun, by which servers take turns.
    begun: Cell<usize>,
    places: Semaphore,
}

/// A look-up that is under way, for others that want the same.
#[derive(Default)]
struct UnderWay {
    ended: Event,
    /// What was found; nothing if the greenlet that looks up was interrupted.
    found: RefCell<Option<Found>>,
}

/// Takes a look-up out when it ends, however it does, and wakes the others.
struct Leading<'a> {
    client: &'a Client,
    key: &'a Key,
    shared: Rc<UnderWay>,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.client.under_way.borrow_mut().remove(self.key);
        self.shared.ended.set();
    }
}

/// How many names may stand for one another.
const MOST_NAMES: usize = 16;

impl Client {
    pub(super) fn new(config: DnsConfig) -> Client {
        Client {
            cache: RefCell::new(Cache::new(config.cache_size)),
            under_way: RefCell::default(),
            begun: Cell::new(0),
            places: Semaphore::new(config.max_queries.max(1)),
            config,
        }
    }

    /// How many answers are kept.
    pub(super) fn cached(&self) -> usize {
        self.cache.borrow().len()
    }

    pub(super) fn clear(&self) {
        self.cache.borrow_mut().clear();
    }

    /// Looks a full name up. Greenlets that want the same at the same time share one look-up; if the greenlet that does
    /// it is killed, another one begins anew.
    #[track_caller]
    pub(super) fn look_up(&self, name: &Name, type_: RecordType) -> io::Result<Found> {
        let key = (name.to_lowercase(), type_);
        loop {
            if let Some(found) = self.cache.borrow_mut().get(&key) {
                return Ok(found);
            }
            let other = self.under_way.borrow().get(&key).cloned();
            let Some(other) = other else {
                return self.lead(&key);
            };
            other.ended.wait()?;
            if let Some(found) = &*other.found.borrow() {
                return Ok(found.clone());
            }
        }
    }

    #[track_caller]
    fn lead(&self, key: &Key) -> io::Result<Found> {
        let shared = Rc::<UnderWay>::default();
        self.under_way.borrow_mut().insert(key.clone(), shared.clone());
        let leading = Leading {
            client: self,
            key,
            shared,
        };
        let (found, ttl) = self.follow(key)?;
        if let Some(seconds) = ttl {
            let time = Duration::from_secs(seconds.min(self.config.max_ttl).into());
            self.cache.borrow_mut().insert(key.clone(), found.clone(), time);
        }
        leading.shared.found.replace(Some(found.clone()));
        Ok(found)
    }

    /// Asks for a name, and for those for which it stands if the server has not told their data at once. Returns also
    /// for how many seconds this holds.
    #[track_caller]
    fn follow(&self, (name, type_): &Key) -> io::Result<(Found, Option<u32>)> {
        let mut names = vec![name.clone()];
        let mut ttl = u32::MAX;
        loop {
            let last = &names[names.len() - 1];
            let reply = match self.ask_all(last, *type_)? {
                Ok(reply) => reply,
                Err(failure) => return Ok((Err(failure), None)),
            };
            let asked = names.len();
            if !append_names(&mut names, &reply.answers, &mut ttl) {
                return Ok((Err(Failure::Endless), None));
            }
            let answer = data(names[names.len() - 1].clone(), *type_, &reply.answers, &mut ttl);
            if let Some((addresses, pointers)) = answer {
                let answer = Answer {
                    names,
                    addresses,
                    pointers,
                };
                return Ok((Ok(Rc::new(answer)), Some(ttl)));
            }
            let failure = match reply.code {
                ResponseCode::NXDomain => Failure::NoName,
                // The server knows that there is nothing.
                _ if reply.negative_ttl.is_some() || asked == names.len() => Failure::NoData,
                _ => continue,
            };
            let ttl = reply.negative_ttl.map(|negative| negative.min(ttl));
            return Ok((Err(failure), ttl));
        }
    }

    /// Asks the servers until one of them answers.
    #[track_caller]
    fn ask_all(&self, name: &Name, type_: RecordType) -> io::Result<Result<Reply, Failure>> {
        let servers = self.servers();
        // Servers that have said that they cannot are not asked again.
        let mut failed = vec![false; servers.len()];
        let mut failure = Failure::ServerFailed;
        for _ in 0..self.config.attempts.max(1) {
            for (at, server) in servers.iter().enumerate() {
                if failed[at] {
                    continue;
                }
                let _place = self.places.acquire_guard()?;
                let question = Question::new(name, type_).map_err(io::Error::other)?;
                match ask(*server, &question, self.config.timeout, self.config.use_tcp)? {
                    Heard::Reply(reply) => match reply.code {
                        ResponseCode::NoError | ResponseCode::NXDomain if !reply.truncated => return Ok(Ok(reply)),
                        _ => {
                            failed[at] = true;
                            failure = Failure::ServerFailed;
                        }
                    },
                    Heard::Nothing | Heard::Unreachable => failure = Failure::TimedOut,
                }
            }
        }
        Ok(Err(failure))
    }

    /// The servers in the order in which they are asked this time.
    fn servers(&self) -> Vec<SocketAddr> {
        let mut servers = self.config.nameservers.clone();
        let begun = self.begun.replace(self.begun.get().wrapping_add(1));
        if self.config.rotate && !servers.is_empty() {
            let first = begun % servers.len();
            servers.rotate_left(first);
        }
        servers
    }
}

/// Appends the names for which the last one stands. Only records about this name count, whatever else there is. Returns
/// false if there are too many.
fn append_names(names: &mut Vec<Name>, records: &[Record], ttl: &mut u32) -> bool {
    loop {
        let last = &names[names.len() - 1];
        let next = records.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *last => Some((target.0.clone(), record.ttl)),
            _ => None,
        });
        let Some((next, seconds)) = next else {
            return true;
        };
        if names.len() >= MOST_NAMES || names.contains(&next) {
            return false;
        }
        *ttl = (*ttl).min(seconds);
        names.push(next);
    }
}

/// The addresses or names that the records have for a name. `None` if there are none of the type.
fn data(name: Name, type_: RecordType, records: &[Record], ttl: &mut u32) -> Option<(Vec<IpAddr>, Vec<Name>)> {
    let (mut addresses, mut pointers) = (Vec::new(), Vec::new());
    for record in records.iter().filter(|record| record.name == name) {
        match &record.data {
            RData::A(address) if type_ == RecordType::A => addresses.push(address.0.into()),
            RData::AAAA(address) if type_ == RecordType::AAAA => addresses.push(address.0.into()),
            RData::PTR(pointer) if type_ == RecordType::PTR => pointers.push(pointer.0.clone()),
            _ => continue,
        }
        *ttl = (*ttl).min(record.ttl);
    }
    (!addresses.is_empty() || !pointers.is_empty()).then_some((addresses, pointers))
}
