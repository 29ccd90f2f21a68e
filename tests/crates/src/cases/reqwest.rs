//! `reqwest::blocking`: a thread of its own runs tokio, and those who ask park until it has the answer.

use std::sync::Arc;
use std::time::Duration;

use reqwest::blocking::Client;

use crate::servers::nginx::{Nginx, path};
use crate::{Case, Result, Started, equal};

struct Reqwest {
    client: Client,
    server: String,
}

pub(super) fn start() -> Result<Option<Started>> {
    let Some(nginx) = Nginx::start()? else {
        return Ok(None);
    };
    let server = format!("http://localhost:{}", nginx.http.port());
    Started::new(Reqwest::new(server)?, nginx)
}

impl Reqwest {
    fn new(server: String) -> Result<Reqwest> {
        let client = Client::builder().no_proxy().build()?;
        Ok(Reqwest { client, server })
    }
}

impl Case for Reqwest {
    fn run(&self, i: usize, wait: Duration) -> Result {
        for (i, wait) in [(i, wait), (i + 1, Duration::ZERO)] {
            let path = path(i, wait);
            let response = self.client.get(format!("{}{path}", self.server)).send()?;
            equal(response.status().as_u16(), 200)?;
            equal(response.text()?, path)?;
        }
        Ok(())
    }

    fn with_threads_made_here(&self) -> Result<Option<Arc<dyn Case>>> {
        Ok(Some(Arc::new(Reqwest::new(self.server.clone())?)))
    }
}
