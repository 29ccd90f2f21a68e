//! `std::net`: HTTP by hand.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::servers::nginx::{Nginx, ask_for, path};
use crate::{Case, Result, SOON, Started};

struct StdNet(SocketAddr);

pub(super) fn start() -> Result<Option<Started>> {
    let Some(nginx) = Nginx::start()? else {
        return Ok(None);
    };
    Started::new(StdNet(nginx.http), nginx)
}

impl Case for StdNet {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let mut stream = TcpStream::connect_timeout(&self.0, SOON)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SOON))?;
        ask_for(&path(i, wait), &mut stream)?;
        stream.set_read_timeout(None)?;
        ask_for(&path(i + 1, Duration::ZERO), &mut stream)
    }
}
