//! Numbers and texts as pages and heartbeats write them: LEB128, and a length before each text.
//!
//! Whoever reads them trusts nothing: a count is believed only as far as bytes are there for it.

use bytes::Bytes;
use factlog::{Error, Result};

pub(crate) fn put(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    to.push(number.to_le_bytes()[0]);
}

/// Small numbers of either sign are short.
pub(crate) fn put_signed(to: &mut Vec<u8>, number: i64) {
    put(to, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

pub(crate) fn put_text(to: &mut Vec<u8>, text: &[u8]) {
    put(to, text.len() as u64);
    to.extend_from_slice(text);
}

/// Bytes that are taken from the front.
#[derive(Debug)]
pub(crate) struct Input(pub(crate) Bytes);

impl Input {
    pub(crate) fn number(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.text(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Error::corrupt("a number has more than 64 bits"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    /// A count of things that take at least one byte each.
    pub(crate) fn count(&mut self) -> Result<usize> {
        let (count, left) = (self.number()?, self.0.len());
        let fits = usize::try_from(count).ok().filter(|&count| count <= left);
        fits.ok_or_else(|| Error::corrupt(format!("{count} things in {left} bytes")))
    }

    pub(crate) fn text(&mut self, length: usize) -> Result<Bytes> {
        if self.0.len() < length {
            return Err(Error::corrupt("it ends too early"));
        }
        Ok(self.0.split_to(length))
    }

    pub(crate) fn counted_text(&mut self) -> Result<Bytes> {
        let length = self.count()?;
        self.text(length)
    }

    pub(crate) fn end(&self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::corrupt("it goes on after its end")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_texts_survive(number: u64, signed: i64, text: Vec<u8>) {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            put_signed(&mut bytes, signed);
            put_text(&mut bytes, &text);
            let mut input = Input(bytes.into());
            prop_assert_eq!(input.number().unwrap(), number);
            prop_assert_eq!(input.signed().unwrap(), signed);
            prop_assert_eq!(input.counted_text().unwrap(), text);
            prop_assert!(input.end().is_ok());
        }
    }
}
