//! `ureq`, with an agent that all share, which keeps connections, and a name that is looked up.

use std::time::Duration;

use ureq::Agent;

use crate::servers::nginx::{Nginx, path};
use crate::{Case, Result, Started, equal};

struct Ureq {
    agent: Agent,
    port: u16,
}

pub(super) fn start() -> Result<Option<Started>> {
    let Some(nginx) = Nginx::start()? else {
        return Ok(None);
    };
    let agent = Agent::config_builder().proxy(None).build().new_agent();
    let port = nginx.http.port();
    Started::new(Ureq { agent, port }, nginx)
}

impl Case for Ureq {
    fn run(&self, i: usize, wait: Duration) -> Result {
        for (i, wait) in [(i, wait), (i + 1, Duration::ZERO)] {
            let path = path(i, wait);
            let mut response = self.agent.get(format!("http://localhost:{}{path}", self.port)).call()?;
            equal(response.body_mut().read_to_string()?, path)?;
        }
        Ok(())
    }
}
