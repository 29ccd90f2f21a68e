//! [`Cache`]: a limited number of values, each for its time. The value that was not wanted for the longest time makes
//! room for a new one.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

pub(super) struct Cache<K, V> {
    size: usize,
    entries: HashMap<K, Entry<V>>,
    /// The keys by the moment of their last use.
    by_use: BTreeMap<u64, K>,
    moment: u64,
}

struct Entry<V> {
    value: V,
    ends: Instant,
    used: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    pub(super) fn new(size: usize) -> Self {
        Cache {
            size,
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            moment: 0,
        }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        if self.entries.get(key)?.ends <= Instant::now() {
            self.remove(key);
            return None;
        }
        self.moment += 1;
        let entry = self.entries.get_mut(key)?;
        self.by_use.remove(&entry.used);
        entry.used = self.moment;
        self.by_use.insert(self.moment, key.clone());
        Some(entry.value.clone())
    }

    /// Keeps a value for some time.
    pub(super) fn insert(&mut self, key: K, value: V, time: Duration) {
        if self.size == 0 || time.is_zero() {
            return;
        }
        self.remove(&key);
        while self.entries.len() >= self.size
            && let Some((_, oldest)) = self.by_use.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.moment += 1;
        let entry = Entry {
            value,
            ends: Instant::now() + time,
            used: self.moment,
        };
        self.by_use.insert(self.moment, key.clone());
        self.entries.insert(key, entry);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.by_use.clear();
    }

    fn remove(&mut self, key: &K) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_use.remove(&entry.used);
        }
    }
}
