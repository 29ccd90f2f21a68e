//! The resolver of hubs that were given none. Source: `Resolver` in gevent's `_config.py`.

use std::env;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{BlockingResolver, Resolver, ThreadResolver};

const RESOLVER: &str = "GEVENT_RESOLVER";

/// A name, and what makes the resolver of that name.
type Named = (&'static str, fn() -> Rc<dyn Resolver>);

/// The resolvers by name. The first one is the default.
const KNOWN: &[Named] = &[
    ("thread", || Rc::new(ThreadResolver)),
    ("block", || Rc::new(BlockingResolver)),
    #[cfg(feature = "dns")]
    ("dns", || Rc::new(super::DnsResolver::new(super::DnsConfig::system()))),
];

/// The index of the one that was chosen, or [`NOT_CHOSEN`].
static CHOSEN: AtomicUsize = AtomicUsize::new(NOT_CHOSEN);
const NOT_CHOSEN: usize = usize::MAX;

/// The error of [`set_resolver`] for a name that no resolver has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no resolver {0:?}")]
pub struct UnknownResolver(pub String);

/// Chooses the resolver of hubs that have none yet, in all threads, by name: `"thread"`, `"block"`, or with the feature
/// `dns` `"dns"`. Several names
/// with commas between them mean the first one that there is. The environment's `GEVENT_RESOLVER` has the same names.
///
/// ```
/// gevent::resolver::set_resolver("ares,thread")?;
/// assert!(gevent::resolver::set_resolver("ares").is_err());
/// # Ok::<(), gevent::Exception>(())
/// ```
///
/// Source: gevent's `config.resolver`.
///
/// # Errors
/// [`UnknownResolver`] if there is none of that name.
pub fn set_resolver(names: &str) -> Result<(), UnknownResolver> {
    CHOSEN.store(named(names)?, Ordering::Relaxed);
    Ok(())
}

fn named(names: &str) -> Result<usize, UnknownResolver> {
    let index = |name: &str| KNOWN.iter().position(|(known, _)| *known == name.trim());
    let found = names.split(',').find_map(index);
    found.ok_or_else(|| UnknownResolver(names.to_owned()))
}

/// Makes the resolver that was chosen.
pub(super) fn make() -> Rc<dyn Resolver> {
    let chosen = match CHOSEN.load(Ordering::Relaxed) {
        NOT_CHOSEN => of_environment(),
        chosen => chosen,
    };
    let (_, make) = KNOWN[chosen];
    make()
}

/// What the environment chooses. It is looked at once.
#[cold]
fn of_environment() -> usize {
    let names = env::var(RESOLVER).ok().filter(|names| !names.trim().is_empty());
    let chosen = names.map_or(Ok(0), |names| named(&names)).unwrap_or_else(|unknown| {
        let _ = writeln!(io::stderr(), "gevent: {RESOLVER}: {unknown}");
        0
    });
    match CHOSEN.compare_exchange(NOT_CHOSEN, chosen, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => chosen,
        Err(already) => already,
    }
}
