//! Where a page of documents ended: the field and the direction that lead, and the sort key of the
//! last entry, in hexadecimal digits. A token outlives its generation: the next one has the same
//! values at the same places.

use bytes::Bytes;

use crate::{Direction, Error, PageToken, Result};

/// What a token says.
pub(crate) struct Place<'a> {
    pub(crate) field: &'a str,
    pub(crate) direction: Direction,
    pub(crate) sort: Bytes,
}

impl<'a> Place<'a> {
    pub(crate) fn token(&self) -> PageToken {
        let start = self.start();
        let bytes = start.iter().chain(self.sort.iter());
        PageToken::new(bytes.map(|byte| format!("{byte:02x}")).collect::<String>())
    }

    /// Reads the token of a page of the same query.
    pub(crate) fn read(token: &PageToken, field: &'a str, direction: Direction) -> Result<Self> {
        let foreign = || Error::invalid("a page token is not of this query");
        let bytes = unhex(token.as_str()).ok_or_else(foreign)?;
        let mut place = Self { field, direction, sort: Bytes::new() };
        let sort = bytes.strip_prefix(&place.start()[..]).ok_or_else(foreign)?;
        place.sort = Bytes::copy_from_slice(sort);
        Ok(place)
    }

    fn start(&self) -> Vec<u8> {
        let direction = match self.direction {
            Direction::Forward => b'f',
            Direction::Backward => b'b',
        };
        [&[direction], self.field.as_bytes(), &[0]].concat()
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
