//! [`HubResolver`]: the resolver of a hub. Source: `Hub.resolver` in gevent's `hub.py`.

use std::rc::Rc;

use greenlet_core::ThreadSlot;
use hub::Hub;

use super::{Resolver, config};

thread_local! {
    static RESOLVER: ThreadSlot<Option<Kept>> =
        const { ThreadSlot::new(None, || RESOLVER.with(ThreadSlot::clear)) };
}

/// A resolver, its hub, and what the hub calls at its end.
#[derive(Clone)]
struct Kept {
    hub: Hub,
    resolver: Rc<dyn Resolver>,
    _at_end: Rc<dyn Fn()>,
}

/// The methods of a [`Hub`] for its resolver. `use gevent::resolver::HubResolver` adds them.
pub trait HubResolver {
    /// The resolver that looks names up for the hub's greenlets. It is made when it is first asked for, as
    /// [`set_resolver`](super::set_resolver) says.
    fn resolver(&self) -> Rc<dyn Resolver>;

    /// Gives the hub another resolver. Look-ups that are under way go on in the old one, which is not closed.
    fn set_resolver(&self, resolver: Rc<dyn Resolver>);
}

impl HubResolver for Hub {
    fn resolver(&self) -> Rc<dyn Resolver> {
        let known = RESOLVER.with(|slot| slot.with(|kept| kept.borrow().clone()));
        match known.flatten() {
            Some(kept) if kept.hub == *self => kept.resolver,
            _ => {
                let resolver = config::make();
                self.set_resolver(resolver.clone());
                resolver
            }
        }
    }

    fn set_resolver(&self, resolver: Rc<dyn Resolver>) {
        let its = resolver.clone();
        let at_end: Rc<dyn Fn()> = Rc::new(move || its.close());
        self.on_end(Rc::downgrade(&at_end));
        let kept = Kept {
            hub: self.clone(),
            resolver,
            _at_end: at_end,
        };
        let old = RESOLVER.with(|slot| slot.with(|known| known.replace(Some(kept))));
        drop(old);
    }
}
