//! `tokio`: a runtime whose workers are threads of the operating system's, also if a virtual thread makes it.

use std::sync::Arc;
use std::time::Duration;

use gevent_threading::is_virtual;
use tokio::runtime::Runtime;
use tokio::task::{spawn, spawn_blocking};
use tokio::time::sleep;

use crate::{Case, Result, Started, equal};

struct Tokio(Runtime);

pub(super) fn start() -> Result<Option<Started>> {
    Started::new(Tokio::new()?, ())
}

impl Tokio {
    fn new() -> Result<Tokio> {
        // As many workers as there are processors.
        Ok(Tokio(Runtime::new()?))
    }
}

impl Case for Tokio {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let task = async move {
            sleep(wait).await;
            let blocking = spawn_blocking(move || (i + 1, is_virtual())).await?;
            Ok::<_, tokio::task::JoinError>((blocking, is_virtual()))
        };
        // Whoever calls waits until the workers are done.
        let ((answer, of_blocking), of_worker) = self.0.block_on(async { spawn(task).await? })?;
        equal((answer, of_blocking, of_worker), (i + 1, false, false))
    }

    fn with_threads_made_here(&self) -> Result<Option<Arc<dyn Case>>> {
        Ok(Some(Arc::new(Tokio::new()?)))
    }
}
