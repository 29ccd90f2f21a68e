//! `lettre`: mail by SMTP.

use std::time::Duration;

use lettre::{Message, SmtpTransport, Transport};

use crate::servers::smtp::Smtp;
use crate::{Case, Result, Started};

struct Lettre(SmtpTransport);

pub(super) fn start() -> Result<Option<Started>> {
    let Some(server) = Smtp::start()? else {
        return Ok(None);
    };
    let transport = SmtpTransport::builder_dangerous(server.address.ip().to_string());
    Started::new(Lettre(transport.port(server.address.port()).build()), server)
}

impl Case for Lettre {
    fn run(&self, i: usize, wait: Duration) -> Result {
        let subject = format!("{} {i}", wait.as_millis());
        let message = Message::builder()
            .from(format!("sender{i}@example.org").parse()?)
            .to("receiver@example.org".parse()?)
            .subject(&subject)
            .body("hello\r\n.\r\nand good bye".to_owned())?;
        let response = self.0.send(&message)?;
        let expected = format!("got {subject} from sender{i}@example.org of ");
        match response.first_line() {
            Some(line) if response.is_positive() && line.starts_with(&expected) => Ok(()),
            _ => Err(format!("{response:?}, not {expected:?}").into()),
        }
    }
}
