//! [`WeakList`]: a list of weak references.

use std::rc::Weak;

/// A list of weak references, which loses those whose values are gone.
///
/// They are removed when the list has become twice as long as it was after the last removal. So an addition takes, on
/// average, as many steps in a long list as in a short one.
pub struct WeakList<T: ?Sized> {
    all: Vec<Weak<T>>,
    /// At this length, the next addition first removes the references whose values are gone.
    full: usize,
}

/// The smallest value of `full`.
const FEW: usize = 4;

impl<T: ?Sized> WeakList<T> {
    /// Adds a reference at the end.
    pub fn push(&mut self, one: Weak<T>) {
        if self.all.len() >= self.full {
            self.all.retain(|one| one.strong_count() > 0);
            self.full = (2 * self.all.len()).max(FEW);
            self.all.shrink_to(self.full);
        }
        self.all.push(one);
    }

    /// All references, in the order in which they were added. The values of some may be gone.
    pub fn iter(&self) -> std::slice::Iter<'_, Weak<T>> {
        self.all.iter()
    }
}

impl<T: ?Sized> IntoIterator for WeakList<T> {
    type Item = Weak<T>;
    type IntoIter = std::vec::IntoIter<Weak<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}

impl<T: ?Sized> Clone for WeakList<T> {
    fn clone(&self) -> Self {
        WeakList {
            all: self.all.clone(),
            full: self.full,
        }
    }
}

impl<T: ?Sized> Default for WeakList<T> {
    fn default() -> Self {
        WeakList {
            all: Vec::new(),
            full: FEW,
        }
    }
}

impl<T: ?Sized> std::fmt::Debug for WeakList<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.all).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::WeakList;

    #[test]
    fn what_is_there_is_kept_in_order_and_what_is_gone_takes_little_room() {
        let mut list = WeakList::default();
        let mut kept = Vec::new();
        for i in 0..10_000 {
            let one = Rc::new(i);
            list.push(Rc::downgrade(&one));
            if i % 100 == 0 {
                kept.push(one);
            }
        }
        assert!(list.all.len() <= 2 * kept.len() + super::FEW);
        assert!(list.all.capacity() <= 4 * kept.len());
        assert!(list.into_iter().filter_map(|one| one.upgrade()).eq(kept));
    }

    #[test]
    fn the_living_are_seldom_looked_at() {
        let (mut list, mut looks) = (WeakList::default(), 0);
        let mut kept: Vec<_> = (0..1_000).map(Rc::new).collect();
        kept.iter().for_each(|one| list.push(Rc::downgrade(one)));
        // One value goes, and another comes, at about the length at which the list is full.
        for i in 0..10_000 {
            let (full, len) = (list.full, list.all.len());
            let one = Rc::new(i);
            list.push(Rc::downgrade(&one));
            kept[i % 1_000] = one;
            looks += usize::from(full != list.full || list.all.len() <= len);
        }
        assert!((1..20).contains(&looks), "{looks}");
    }
}
