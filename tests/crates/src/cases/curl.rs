//! `curl`: libcurl, a C library.

use std::time::Duration;

use curl::easy::Easy;

use crate::servers::nginx::{Nginx, path};
use crate::{Case, Result, Started, equal};

struct Curl(u16);

pub(super) fn start() -> Result<Option<Started>> {
    let Some(nginx) = Nginx::start()? else {
        return Ok(None);
    };
    Started::new(Curl(nginx.http.port()), nginx)
}

impl Case for Curl {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let mut easy = Easy::new();
        easy.noproxy("*")?;
        for (i, wait) in [(i, wait), (i + 1, Duration::ZERO)] {
            let path = path(i, wait);
            easy.url(&format!("http://localhost:{}{path}", self.0))?;
            let mut body = Vec::new();
            let mut transfer = easy.transfer();
            transfer.write_function(|bytes| {
                body.extend_from_slice(bytes);
                Ok(bytes.len())
            })?;
            transfer.perform()?;
            drop(transfer);
            equal(String::from_utf8(body)?, path)?;
            equal(easy.response_code()?, 200)?;
        }
        Ok(())
    }
}
