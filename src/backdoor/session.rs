//! [`Session`]: the client, for the command that it has asked for.

use std::fmt;

/// After how many bytes the output of a command is cut.
pub const OUTPUT: usize = 1 << 20;

/// A client that has sent a line, for the command that is called for it. What is written here is sent to the client
/// when the command has returned.
///
/// ```
/// use std::fmt::Write;
///
/// let backdoor = gevent::backdoor::BackdoorServer::new("127.0.0.1:0");
/// backdoor.command("greet", "NAME: says hello", |session, words| {
///     match words {
///         [name] => writeln!(session, "Hello {name}")?,
///         _ => writeln!(session, "whom?")?,
///     }
///     Ok::<_, gevent::Exception>(())
/// });
/// ```
#[derive(Debug, Default)]
pub struct Session {
    output: String,
    /// Whether some output was left out.
    cut: bool,
    ends: bool,
}

impl Session {
    /// Ends the session after this command.
    pub fn quit(&mut self) {
        self.ends = true;
    }

    pub(super) fn ends(&self) -> bool {
        self.ends
    }

    /// Writes lines.
    pub(super) fn lines(&mut self, lines: impl IntoIterator<Item = impl AsRef<str>>) {
        for line in lines {
            self.write(line.as_ref());
            self.write("\n");
        }
    }

    fn write(&mut self, text: &str) {
        let mut fits = text.len().min(OUTPUT.saturating_sub(self.output.len()));
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        self.output.push_str(&text[..fits]);
        self.cut |= fits < text.len();
    }

    /// All that was written, with whole lines.
    pub(super) fn into_output(mut self) -> String {
        if self.cut {
            self.output.push_str("\n... the rest is left out");
        }
        if !self.output.is_empty() && !self.output.ends_with('\n') {
            self.output.push('\n');
        }
        self.output
    }
}

/// Never fails: what is too much is left out.
impl fmt::Write for Session {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    #[test]
    fn output_is_cut_between_characters() -> fmt::Result {
        let mut session = Session::default();
        write!(session, "x")?;
        for _ in 0..OUTPUT {
            write!(session, "ä")?;
        }
        let output = session.into_output();
        assert!(output.starts_with("xä") && output.ends_with("ä\n... the rest is left out\n"));
        assert!(output.len() < OUTPUT + 100);
        assert_eq!(Session::default().into_output(), "");
        let mut short = Session::default();
        write!(short, "a")?;
        assert_eq!(short.into_output(), "a\n");
        Ok(())
    }
}
