//! [`Group`]: a collection of greenlets that it keeps until they end. Source: `Group` in gevent's
//! `pool.py`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ptr;
use std::rc::{Rc, Weak};

use greenlet_core::{Exception, getcurrent};
use hub::{Link, Linkable, Seconds};

use super::pool::PoolFull;
use crate::event::Event;
use crate::greenlet::{AnyGreenlet, AsGreenlet, Greenlet, Kill, joinall};
use crate::living::{Living, Which};
use crate::lock::Semaphore;
use crate::outcome::Outcome;
use crate::timeout::Timeout;

/// A collection of greenlets, its members, which it keeps until they end. Handles are cheap to
/// clone and mean the same group. A member stays alive when all other handles of it are dropped.
///
/// ```
/// use gevent::pool::Group;
///
/// let group = Group::new();
/// let quick = group.spawn(|| gevent::sleep(0.001))?;
/// group.spawn(|| gevent::sleep(100))?;
/// quick.join()?;
/// assert!(!group.join_timeout(0.01)?);
/// assert_eq!(group.len(), 1);
/// group.kill()?;
/// assert!(group.is_empty());
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `Group`.
#[derive(Clone)]
pub struct Group(Rc<GroupBody>);

struct GroupBody {
    /// The members by their ids, which is the order in which they were made.
    members: RefCell<BTreeMap<u64, Member>>,
    /// An event that is set while there are no members.
    empty: Event,
    limit: Option<Limit>,
}

struct Member {
    greenlet: AnyGreenlet,
    /// The link that takes the greenlet out of the group when it ends.
    link: Link,
    /// Whether the group has killed the greenlet, which it does only once.
    dying: bool,
}

struct Limit {
    size: usize,
    semaphore: Semaphore,
}

impl Group {
    /// Makes a group without members.
    pub fn new() -> Group {
        Group::limited(None)
    }

    /// Makes a group of existing greenlets.
    pub fn of<G: AsGreenlet>(greenlets: impl IntoIterator<Item = G>) -> Group {
        let group = Group::new();
        for greenlet in greenlets {
            group.insert(greenlet.as_greenlet());
        }
        group
    }

    pub(super) fn limited(size: Option<usize>) -> Group {
        let empty = Event::new();
        empty.set();
        Group(Rc::new(GroupBody {
            members: RefCell::default(),
            empty,
            limit: size.map(|size| Limit {
                size,
                semaphore: Semaphore::new(size),
            }),
        }))
    }

    /// Has the group, which is a pool, listed among those of the thread.
    pub(super) fn list(&self) {
        let body: Rc<dyn Living> = self.0.clone();
        Which::Pools.add(Rc::downgrade(&body));
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.members.borrow().len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.0.members.borrow().is_empty()
    }

    /// Whether the greenlet is a member.
    pub fn contains(&self, greenlet: impl AsGreenlet) -> bool {
        self.has(greenlet.as_greenlet().raw().id())
    }

    fn has(&self, id: u64) -> bool {
        self.0.members.borrow().contains_key(&id)
    }

    /// The members, in the order in which they were made.
    pub fn greenlets(&self) -> Vec<AnyGreenlet> {
        let members = self.0.members.borrow();
        members.values().map(|m| m.greenlet.clone()).collect()
    }

    /// The members at this time, in the order in which they were made.
    pub fn iter(&self) -> Members {
        self.greenlets().into_iter()
    }

    /// How many members there may be at most; `None` if there is no limit.
    pub fn size(&self) -> Option<usize> {
        self.0.limit.as_ref().map(|limit| limit.size)
    }

    /// Whether there is no free place, so that [`add`](Group::add) would wait. Always false for a
    /// group without a limit.
    pub fn full(&self) -> bool {
        self.free_count() == 0
    }

    /// How many more members there is place for; 1 if there is no limit.
    pub fn free_count(&self) -> usize {
        match self.size() {
            Some(size) => size.saturating_sub(self.len()),
            None => 1,
        }
    }

    /// Waits until there is a free place, without taking it. Returns how many there are: 1 if there is no limit, 0 if
    /// another greenlet was quicker.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn wait_available(&self) -> Result<usize, Exception> {
        self.wait_available_timeout(None)
    }

    /// [`wait_available`](Group::wait_available) for at most `timeout` seconds. Returns 0 also if the time is over.
    ///
    /// # Errors
    /// As for `wait_available`; an error if the time is not a number.
    #[track_caller]
    pub fn wait_available_timeout(&self, timeout: impl Seconds) -> Result<usize, Exception> {
        match &self.0.limit {
            Some(limit) => limit.semaphore.wait_timeout(timeout),
            None => Ok(1),
        }
    }

    /// Adds a greenlet. Waits while there is no free place. A greenlet that is started already may
    /// end before that, so add it first and start it then, as [`start`](Group::start) and
    /// [`spawn`](Group::spawn) do.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet while it waits; the greenlet is not
    /// added then.
    #[track_caller]
    pub fn add(&self, greenlet: impl AsGreenlet) -> Result<(), Exception> {
        self.add_timeout(greenlet, None)
    }

    /// [`add`](Group::add), for at most `timeout` seconds.
    ///
    /// # Errors
    /// As for `add`; [`PoolFull`] if the time is over; an error if the time is not a number.
    #[track_caller]
    pub fn add_timeout(&self, greenlet: impl AsGreenlet, timeout: impl Seconds) -> Result<(), Exception> {
        let greenlet = greenlet.as_greenlet();
        let timeout = timeout.checked()?;
        let Some(limit) = self.limit_for(&greenlet) else {
            self.insert(greenlet);
            return Ok(());
        };
        let has_place = limit.semaphore.acquire_timeout(timeout)?;
        if self.contains(&greenlet) {
            // Other code has added the greenlet meanwhile, so it has a place.
            if has_place {
                limit.semaphore.release();
            }
            return Ok(());
        }
        if !has_place {
            return Err(Exception::new(PoolFull));
        }
        self.insert(greenlet);
        Ok(())
    }

    /// The limit, if there is one and the greenlet is not a member, so that it needs a place.
    fn limit_for(&self, greenlet: &AnyGreenlet) -> Option<&Limit> {
        let limit = self.0.limit.as_ref()?;
        (!self.contains(greenlet)).then_some(limit)
    }

    /// [`add`](Group::add) without waiting: gevent's `add(blocking=False)`.
    ///
    /// # Errors
    /// [`PoolFull`] if there is no free place.
    pub fn try_add(&self, greenlet: impl AsGreenlet) -> Result<(), PoolFull> {
        let greenlet = greenlet.as_greenlet();
        if let Some(limit) = self.limit_for(&greenlet)
            && !limit.semaphore.try_acquire()
        {
            return Err(PoolFull);
        }
        self.insert(greenlet);
        Ok(())
    }

    /// Makes the greenlet a member. The caller has taken a place for it.
    fn insert(&self, greenlet: AnyGreenlet) {
        let id = greenlet.raw().id();
        if self.has(id) {
            return;
        }
        // The handle is weak, as the greenlet owns its links.
        let group = Rc::downgrade(&self.0);
        let link = Link::new(move |_| {
            if let Some(group) = Weak::upgrade(&group) {
                drop(group.remove(id));
            }
            Ok(())
        });
        let member = Member {
            greenlet: greenlet.clone(),
            link: link.clone(),
            dying: false,
        };
        self.0.members.borrow_mut().insert(id, member);
        self.0.empty.clear();
        Linkable::rawlink(&greenlet, link);
    }

    /// Takes the greenlet out of the group. It goes on.
    pub fn discard(&self, greenlet: impl AsGreenlet) {
        if let Some(member) = self.0.remove(greenlet.as_greenlet().raw().id()) {
            member.greenlet.unlink(&member.link);
        }
    }

    /// Adds a greenlet that is not started, and starts it.
    ///
    /// # Errors
    /// As for [`add`](Group::add); an error if the loop is destroyed.
    #[track_caller]
    pub fn start<T: 'static>(&self, greenlet: &Greenlet<T>) -> Result<(), Exception> {
        self.add(greenlet)?;
        // If the start fails, the greenlet ends, and its place is given back.
        greenlet.start_or_fail()
    }

    /// [`start`](Group::start), which waits for a free place for at most `timeout` seconds: gevent's
    /// `start(greenlet, timeout=seconds)`.
    ///
    /// # Errors
    /// As for `start`; [`PoolFull`] if the time is over, and the greenlet is not started then; an
    /// error if the time is not a number.
    #[track_caller]
    pub fn start_timeout<T: 'static>(&self, greenlet: &Greenlet<T>, timeout: impl Seconds) -> Result<(), Exception> {
        self.add_timeout(greenlet, timeout)?;
        greenlet.start_or_fail()
    }

    /// [`start`](Group::start) without waiting: gevent's `start(greenlet, blocking=False)`.
    ///
    /// # Errors
    /// [`PoolFull`] if there is no free place, and the greenlet is not started then; an error if
    /// the loop is destroyed.
    pub fn try_start<T: 'static>(&self, greenlet: &Greenlet<T>) -> Result<(), Exception> {
        self.try_add(greenlet)?;
        greenlet.start_or_fail()
    }

    /// Makes a greenlet that runs `function`, adds it, and starts it. Waits while there is no free
    /// place.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet while it waits: the function does not
    /// run then; an error if this thread has no hub and none can be made, see [`hub::try_get_hub`].
    #[track_caller]
    pub fn spawn<R: Outcome>(&self, function: impl FnOnce() -> R + 'static) -> Result<Greenlet<R::Value>, Exception> {
        hub::try_get_hub()?;
        let greenlet = Greenlet::new(function);
        self.start(&greenlet)?;
        Ok(greenlet)
    }

    /// [`spawn`](Group::spawn), which waits for a free place for at most `timeout` seconds.
    ///
    /// ```
    /// use gevent::pool::{Pool, PoolFull};
    ///
    /// let pool = Pool::new(1);
    /// pool.spawn(|| gevent::sleep(100))?;
    /// assert!(pool.spawn_timeout(|| (), 0.001).unwrap_err().is::<PoolFull>());
    /// assert!(pool.try_spawn(|| ()).unwrap_err().is::<PoolFull>());
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    ///
    /// # Errors
    /// As for `spawn`; [`PoolFull`] if the time is over, and the function does not run then; an
    /// error if the time is not a number.
    #[track_caller]
    pub fn spawn_timeout<R: Outcome>(
        &self,
        function: impl FnOnce() -> R + 'static,
        timeout: impl Seconds,
    ) -> Result<Greenlet<R::Value>, Exception> {
        hub::try_get_hub()?;
        let greenlet = Greenlet::new(function);
        self.start_timeout(&greenlet, timeout)?;
        Ok(greenlet)
    }

    /// [`spawn`](Group::spawn) without waiting.
    ///
    /// # Errors
    /// [`PoolFull`] if there is no free place: the function does not run then; an error if this
    /// thread has no hub and none can be made.
    #[track_caller]
    pub fn try_spawn<R: Outcome>(
        &self,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<Greenlet<R::Value>, Exception> {
        hub::try_get_hub()?;
        let greenlet = Greenlet::new(function);
        self.try_start(&greenlet)?;
        Ok(greenlet)
    }

    /// Waits until there are no members, and returns true.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn join(&self) -> Result<bool, Exception> {
        self.join_timeout(None)
    }

    /// [`join`](Group::join) for at most `timeout` seconds. Returns whether there were no members at any time
    /// meanwhile.
    ///
    /// # Errors
    /// As for `join`; an error if the time is not a number.
    #[track_caller]
    pub fn join_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        self.0.empty.wait_timeout(timeout)
    }

    /// [`join`](Group::join) as a future, which keeps the group. Dropping it leaves no link behind.
    ///
    /// ```
    /// use gevent::future::block_on;
    /// use gevent::pool::Group;
    ///
    /// let group = Group::new();
    /// group.spawn(|| gevent::sleep(0.001))?;
    /// block_on(group.join_async())?;
    /// assert!(group.is_empty());
    /// # Ok::<(), gevent::Exception>(())
    /// ```
    pub fn join_async(&self) -> impl Future<Output = ()> + use<> {
        let group = self.clone();
        async move { (&group.0.empty).await }
    }

    /// [`join`](Group::join) that returns the exception of a member that has failed: gevent's `join(raise_error=True)`.
    /// When the wait is over, it looks at the greenlets that were members when it began, in the order in which they
    /// were made.
    ///
    /// # Errors
    /// As for `join`; the exception of the first of these greenlets that has failed.
    #[track_caller]
    pub fn join_raise_error(&self) -> Result<bool, Exception> {
        self.join_raise_error_timeout(None)
    }

    /// [`join_raise_error`](Group::join_raise_error) for at most `timeout` seconds.
    ///
    /// # Errors
    /// As for `join_raise_error`; an error if the time is not a number.
    #[track_caller]
    pub fn join_raise_error_timeout(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        let greenlets = self.greenlets();
        let empty = self.join_timeout(timeout)?;
        match greenlets.iter().find_map(AnyGreenlet::exception) {
            Some(exception) => Err(exception),
            None => Ok(empty),
        }
    }

    /// Kills all members, and those that are added meanwhile, and waits for their ends.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn kill(&self) -> Result<(), Exception> {
        self.kill_with(Kill::default())
    }

    /// [`kill`](Group::kill) with other settings. Returns without an error if the members take
    /// longer than `timeout` to end.
    ///
    /// # Errors
    /// As for `kill`.
    #[track_caller]
    pub fn kill_with(&self, kill: Kill) -> Result<(), Exception> {
        let all_killed = || {
            while !self.is_empty() {
                for greenlet in self.greenlets() {
                    self.kill_member(&greenlet, &kill)?;
                }
                if !kill.block {
                    break;
                }
                for ended in joinall(self.greenlets())? {
                    // User code may have taken the link away that does this.
                    self.discard(ended);
                }
            }
            Ok(())
        };
        Timeout::new(kill.timeout).silent(all_killed).map(drop)
    }

    /// Kills a greenlet if it is a member, and waits for its end.
    ///
    /// # Errors
    /// Any exception that is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn killone(&self, greenlet: impl AsGreenlet) -> Result<(), Exception> {
        self.killone_with(greenlet, Kill::default())
    }

    /// [`killone`](Group::killone) with other settings.
    ///
    /// # Errors
    /// As for `killone`.
    #[track_caller]
    pub fn killone_with(&self, greenlet: impl AsGreenlet, kill: Kill) -> Result<(), Exception> {
        let greenlet = greenlet.as_greenlet();
        if self.kill_member(&greenlet, &kill)? && kill.block {
            greenlet.join_timeout(kill.timeout)?;
        }
        Ok(())
    }

    /// Kills the greenlet without waiting, if it is a member and was not killed before. Returns
    /// whether it was killed.
    fn kill_member(&self, greenlet: &AnyGreenlet, kill: &Kill) -> Result<bool, Exception> {
        let id = greenlet.raw().id();
        match self.0.members.borrow_mut().get_mut(&id) {
            Some(member) if !member.dying => member.dying = true,
            _ => return Ok(false),
        }
        greenlet.kill_with(Kill {
            block: false,
            ..kill.clone()
        })?;
        Ok(true)
    }

    /// Has `callback` called in the hub when there is a free place; not at all if there is no
    /// limit.
    pub(crate) fn when_available(&self, callback: impl Fn() -> Result<(), Exception> + 'static) {
        if let Some(limit) = &self.0.limit {
            limit.semaphore.rawlink(move |_| callback());
        }
    }

    /// Whether the current greenlet is a member.
    pub(super) fn has_current(&self) -> bool {
        self.has(getcurrent().id())
    }

    pub(super) fn show(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let address = Rc::as_ptr(&self.0).addr();
        write!(f, "<{name} at {address:#x} {:?}>", self.greenlets())
    }
}

/// The iterator of [`Group::iter`].
pub type Members = std::vec::IntoIter<AnyGreenlet>;

impl Living for GroupBody {
    fn describe(self: Rc<Self>) -> String {
        let address = Rc::as_ptr(&self).addr();
        let (members, size) = (self.members.borrow().len(), self.limit.as_ref().map(|limit| limit.size));
        match size {
            Some(size) => format!("<Pool at {address:#x}> {members} of {size} greenlets"),
            None => format!("<Pool at {address:#x}> {members} greenlets"),
        }
    }
}

impl GroupBody {
    /// Takes a member out, and frees its place.
    fn remove(&self, id: u64) -> Option<Member> {
        let member = self.members.borrow_mut().remove(&id)?;
        if self.members.borrow().is_empty() {
            self.empty.set();
        }
        if let Some(limit) = &self.limit {
            limit.semaphore.release();
        }
        Some(member)
    }
}

impl IntoIterator for &Group {
    type Item = AnyGreenlet;
    type IntoIter = Members;

    fn into_iter(self) -> Members {
        self.iter()
    }
}

impl Default for Group {
    fn default() -> Self {
        Group::new()
    }
}

impl PartialEq for Group {
    /// Whether both are handles of the same group.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Group {}

impl Hash for Group {
    fn hash<H: Hasher>(&self, state: &mut H) {
        ptr::hash(Rc::as_ptr(&self.0), state);
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f, "Group")
    }
}
