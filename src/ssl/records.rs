//! [`Records`]: where the records of TLS end in what is received.

/// The place in the records: each has a header of five bytes, whose last two are the length of what follows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Records {
    /// How many bytes of the header have come.
    header: usize,
    /// The length, as far as it has come; after the header, how many bytes of the record are left.
    body: usize,
}

const HEADER: usize = 5;

impl Records {
    /// Notes what has come.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.header < HEADER {
                if self.header >= HEADER - 2 {
                    self.body = self.body << 8 | usize::from(*first);
                }
                self.header += 1;
                bytes = rest;
            } else {
                let n = self.body.min(bytes.len());
                self.body -= n;
                bytes = &bytes[n..];
            }
            if self.header == HEADER && self.body == 0 {
                *self = Records::default();
            }
        }
    }

    /// How many bytes can be read, at least one, without reading beyond the current record.
    pub(super) fn left(&self) -> usize {
        match self.header {
            HEADER => self.body,
            header => HEADER - header,
        }
    }
}
