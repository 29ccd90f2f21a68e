//! `reqwest::blocking`: a thread of its own runs tokio, and those who ask park until it has the answer.

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
    let client = Client::builder().no_proxy().build()?;
    let server = format!("http://localhost:{}", nginx.http.port());
    Started::new(Reqwest { client, server }, nginx)
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
}
