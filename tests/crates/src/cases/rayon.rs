//! `rayon`: a pool that computes. Its workers are threads of the operating system's, also if a virtual thread makes it.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gevent_threading::is_virtual;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{Case, Result, Started, equal};

struct Rayon(ThreadPool);

pub(super) fn start() -> Result<Option<Started>> {
    Started::new(Rayon::new()?, ())
}

impl Rayon {
    fn new() -> Result<Rayon> {
        // As many workers as there are processors.
        Ok(Rayon(ThreadPoolBuilder::new().build()?))
    }
}

impl Case for Rayon {
    fn run(&self, i: usize, wait: Duration) -> Result {
        thread::sleep(wait);
        // Whoever calls waits until the workers are done.
        let (sum, virtual_workers) = self.0.install(|| {
            (0..=1000)
                .into_par_iter()
                .map(|n| (n * i, usize::from(is_virtual())))
                .reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
        });
        equal((sum, virtual_workers), (500_500 * i, 0))
    }

    fn with_threads_made_here(&self) -> Result<Option<Arc<dyn Case>>> {
        Ok(Some(Arc::new(Rayon::new()?)))
    }
}
