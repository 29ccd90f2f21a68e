//! [`Group`]: greenlets that are kept track of. Source: `Group` in gevent's `pool.py`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::{Rc, Weak};

use greenlet_core::{Exception, getcurrent};
use hub::{Link, Linkable, Seconds};

use super::pool::PoolFull;
use crate::event::Event;
use crate::greenlet::{AnyGreenlet, AsGreenlet, Greenlet, Kill, joinall};
use crate::lock::Semaphore;
use crate::outcome::Outcome;
use crate::timeout::Timeout;

/// Greenlets that are kept track of until they end. Handles are cheap to clone and mean the same
/// group; a greenlet that is dropped with all its handles elsewhere lives on in its group.
///
/// ```
/// use gevent::pool::Group;
///
/// let group = Group::new();
/// let quick = group.spawn(|| gevent::sleep(0.001))?;
/// group.spawn(|| gevent::sleep(100))?;
/// quick.join(None)?;
/// assert!(!group.join(0.01)?);
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
    /// By their numbers, so in the order in which they were made.
    members: RefCell<BTreeMap<u64, Member>>,
    /// Set while there are no members.
    empty: Event,
    limit: Option<Limit>,
}

struct Member {
    greenlet: AnyGreenlet,
    /// Takes it out at its end.
    link: Link,
    /// Whether it was killed from here; once is enough.
    dying: bool,
}

struct Limit {
    size: usize,
    semaphore: Semaphore,
}

impl Group {
    /// A group without members.
    pub fn new() -> Group {
        Group::limited(None)
    }

    /// A group of greenlets that are there already.
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

    /// How many members there may be at most; none if there is no limit.
    pub fn size(&self) -> Option<usize> {
        self.0.limit.as_ref().map(|limit| limit.size)
    }

    /// Whether there is no place: [`add`](Group::add) would wait. Never for a group without a
    /// limit.
    pub fn full(&self) -> bool {
        self.free_count() == 0
    }

    /// How many more members there is place for: 1 if there is no limit.
    pub fn free_count(&self) -> usize {
        match self.size() {
            Some(size) => size.saturating_sub(self.len()),
            None => 1,
        }
    }

    /// Waits until there is place, at most `timeout` seconds, without taking it. Returns for how
    /// many greenlets: 1 if there is no limit, 0 if the time was over, or somebody was quicker.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; for a time that is no number.
    #[track_caller]
    pub fn wait_available(&self, timeout: impl Seconds) -> Result<usize, Exception> {
        match &self.0.limit {
            Some(limit) => limit.semaphore.wait(timeout),
            None => Ok(1),
        }
    }

    /// Adds a greenlet, which should not be started yet, or it may end before there is place for
    /// it; see [`start`](Group::start) and [`spawn`](Group::spawn). Waits while there is no place.
    ///
    /// # Errors
    /// What is thrown into the current greenlet while it waits; the greenlet is not added then.
    #[track_caller]
    pub fn add(&self, greenlet: impl AsGreenlet) -> Result<(), Exception> {
        self.add_timeout(greenlet, None)
    }

    /// [`add`](Group::add), for at most `timeout` seconds.
    ///
    /// # Errors
    /// As for `add`; [`PoolFull`] when the time is over; for a time that is no number.
    #[track_caller]
    pub fn add_timeout(
        &self,
        greenlet: impl AsGreenlet,
        timeout: impl Seconds,
    ) -> Result<(), Exception> {
        let greenlet = greenlet.as_greenlet();
        let timeout = timeout.checked()?;
        let Some(limit) = self.limit_for(&greenlet) else {
            self.insert(greenlet);
            return Ok(());
        };
        let has_place = limit.semaphore.acquire_timeout(timeout)?;
        if self.contains(&greenlet) {
            // Somebody else has added it meanwhile, and it has a place.
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

    /// The limit, if the greenlet needs a place of its own.
    fn limit_for(&self, greenlet: &AnyGreenlet) -> Option<&Limit> {
        let limit = self.0.limit.as_ref()?;
        (!self.contains(greenlet)).then_some(limit)
    }

    /// [`add`](Group::add) without waiting: gevent's `add(blocking=False)`.
    ///
    /// # Errors
    /// [`PoolFull`].
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

    /// Makes the greenlet a member; its place is taken.
    fn insert(&self, greenlet: AnyGreenlet) {
        let id = greenlet.raw().id();
        if self.has(id) {
            return;
        }
        // Weak, for the greenlet owns its links.
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
        greenlet.rawlink(link);
    }

    /// Forgets the greenlet; it goes on.
    pub fn discard(&self, greenlet: impl AsGreenlet) {
        if let Some(member) = self.0.remove(greenlet.as_greenlet().raw().id()) {
            member.greenlet.unlink(&member.link);
        }
    }

    /// Adds a greenlet that is not started, and starts it.
    ///
    /// # Errors
    /// As for [`add`](Group::add); when the loop is destroyed.
    #[track_caller]
    pub fn start<T: 'static>(&self, greenlet: &Greenlet<T>) -> Result<(), Exception> {
        self.add(greenlet)?;
        // Its place is given back if it cannot.
        greenlet.start_or_fail()
    }

    /// Makes a greenlet that runs `function`, adds it, and starts it. Waits while there is no
    /// place.
    ///
    /// # Errors
    /// What is thrown into the current greenlet while it waits: the function will not run then. When this thread has
    /// no hub and none can be made, see [`hub::try_get_hub`].
    #[track_caller]
    pub fn spawn<R: Outcome>(
        &self,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<Greenlet<R::Value>, Exception> {
        hub::try_get_hub()?;
        let greenlet = Greenlet::new(function);
        self.start(&greenlet)?;
        Ok(greenlet)
    }

    /// Waits until there are no members, at most `timeout` seconds; says whether that was so, at
    /// some time while it waited.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile; for a time that is no number.
    #[track_caller]
    pub fn join(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        self.0.empty.wait(timeout)
    }

    /// [`join`](Group::join) that ends with the exception of a member that has failed: gevent's
    /// `join(raise_error=True)`. It looks at those that are members now, in the order in which they
    /// were made, when all have ended or the time is over.
    ///
    /// # Errors
    /// As for `join`, and that exception.
    #[track_caller]
    pub fn join_raise_error(&self, timeout: impl Seconds) -> Result<bool, Exception> {
        let greenlets = self.greenlets();
        let empty = self.join(timeout)?;
        match greenlets.iter().find_map(AnyGreenlet::exception) {
            Some(exception) => Err(exception),
            None => Ok(empty),
        }
    }

    /// Kills all members, and those that are added meanwhile, and waits for their ends.
    ///
    /// # Errors
    /// What is thrown into the current greenlet meanwhile.
    #[track_caller]
    pub fn kill(&self) -> Result<(), Exception> {
        self.kill_with(Kill::default())
    }

    /// [`kill`](Group::kill) with other settings. When it takes longer than `timeout` it returns,
    /// without an error.
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
                for ended in joinall(self.greenlets(), None)? {
                    // Somebody may have taken the link away by which it would be.
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
    /// What is thrown into the current greenlet meanwhile.
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
            greenlet.join(kill.timeout)?;
        }
        Ok(())
    }

    /// Says whether it was killed: it is a member, and was not killed before.
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

    /// Calls `callback` in the hub when there is place; not at all without a limit.
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

/// The members of a group: see [`Group::iter`].
pub type Members = std::vec::IntoIter<AnyGreenlet>;

impl GroupBody {
    /// Takes a member out, and gives its place free.
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

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show(f, "Group")
    }
}
