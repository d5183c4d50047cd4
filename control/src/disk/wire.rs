//! How are values written as bytes, and read from bytes that nobody vouches for?
//!
//! Numbers have seven bits a byte, low ones first. Names, hints and settings repeat many times: the first time one is written
//! after a number that was not used yet, then it is only its number. So equal ones are one value in memory, too.

use std::{collections::HashMap, hash::Hash, sync::Arc};
use weir_core::{Settings, endpoint::Hints};

/// A value that can be written and read.
pub(super) trait Wire: Sized {
    fn write(&self, out: &mut Writer);
    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed>;
}

/// The bytes are none that [`Wire::write`] would have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// Where that was seen, in bytes from the start.
    pub(super) at: usize,
}

/// Bytes, and what was written that may come again.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    names: HashMap<Arc<str>, u64>,
    hints: HashMap<Arc<Hints>, u64>,
    settings: HashMap<Arc<Settings>, u64>,
}

impl Writer {
    pub(super) fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// Writes many values of a kind.
    pub(super) fn all<'a, T: Wire + 'a>(&mut self, values: impl ExactSizeIterator<Item = &'a T>) {
        self.number(values.len() as u64);
        values.for_each(|value| value.write(self));
    }

    /// Writes the number of a value; returns whether the value itself has to follow.
    fn is_new<T: ?Sized + Eq + Hash>(
        &mut self,
        known: fn(&mut Self) -> &mut HashMap<Arc<T>, u64>,
        value: &Arc<T>,
    ) -> bool {
        let known = known(self);
        let next = known.len() as u64;
        let number = known.get(value).copied();
        if number.is_none() {
            known.insert(Arc::clone(value), next);
        }
        self.number(number.unwrap_or(next));
        number.is_none()
    }
}

/// Bytes that are read from front to back, and what was read that may come again.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    names: Vec<Arc<str>>,
    hints: Vec<Arc<Hints>>,
    settings: Vec<Arc<Settings>>,
}

/// The most values that room is made for before they are read: how many are said to come may be a lie.
const MOST_AHEAD: usize = 4096;

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, names: Vec::new(), hints: Vec::new(), settings: Vec::new() }
    }

    pub(super) fn malformed(&self) -> Malformed {
        Malformed { at: self.at }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or(self.malformed())?;
        self.at += length;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let malformed = self.malformed();
        self.take(N)?.try_into().map_err(|_| malformed)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.malformed())
    }

    /// A number that has to fit.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, Malformed> {
        let number = self.number()?;
        T::try_from(number).map_err(|_| self.malformed())
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.small()?;
        let bytes = self.take(length)?;
        str::from_utf8(bytes).map_err(|_| self.malformed())
    }

    /// A value that may have come before; `read` reads it when it comes first.
    fn known<T: ?Sized>(
        &mut self,
        known: fn(&mut Self) -> &mut Vec<Arc<T>>,
        read: impl FnOnce(&mut Self) -> Result<Arc<T>, Malformed>,
    ) -> Result<Arc<T>, Malformed> {
        let number: usize = self.small()?;
        let values = known(self);
        if let Some(value) = values.get(number) {
            return Ok(Arc::clone(value));
        }
        if number != values.len() {
            return Err(self.malformed());
        }
        let value = read(self)?;
        known(self).push(Arc::clone(&value));
        Ok(value)
    }
}

impl Wire for Arc<str> {
    fn write(&self, out: &mut Writer) {
        if out.is_new(|out| &mut out.names, self) {
            out.number(self.len() as u64);
            out.bytes.extend_from_slice(self.as_bytes());
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        input.known(|input| &mut input.names, |input| Ok(input.text()?.into()))
    }
}

impl Wire for Arc<Hints> {
    fn write(&self, out: &mut Writer) {
        if out.is_new(|out| &mut out.hints, self) {
            Hints::write(self, out);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        input.known(|input| &mut input.hints, |input| Hints::read(input).map(Arc::new))
    }
}

impl Wire for Arc<Settings> {
    fn write(&self, out: &mut Writer) {
        if out.is_new(|out| &mut out.settings, self) {
            Settings::write(self, out);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        input.known(|input| &mut input.settings, |input| Settings::read(input).map(Arc::new))
    }
}

impl Wire for String {
    fn write(&self, out: &mut Writer) {
        out.number(self.len() as u64);
        out.bytes.extend_from_slice(self.as_bytes());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(input.text()?.to_owned())
    }
}

impl Wire for bool {
    fn write(&self, out: &mut Writer) {
        out.bytes.push(u8::from(*self));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        match input.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(input.malformed()),
        }
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, out: &mut Writer) {
        self.is_some().write(out);
        self.iter().for_each(|value| value.write(out));
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        bool::read(input)?.then(|| T::read(input)).transpose()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write(&self, out: &mut Writer) {
        out.all(self.iter());
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count: usize = input.small()?;
        let mut values = Vec::with_capacity(count.min(MOST_AHEAD));
        for _ in 0..count {
            values.push(T::read(input)?);
        }
        values.shrink_to_fit();
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_written_once_and_is_one_value_when_it_is_read() {
        let names: Vec<Arc<str>> = ["node-a", "node-b", "node-a"].map(Arc::from).into();
        let mut out = Writer::default();
        names.write(&mut out);
        assert_eq!(out.bytes, b"\x03\x00\x06node-a\x01\x06node-b\x00");
        let read = Vec::<Arc<str>>::read(&mut Reader::new(&out.bytes)).unwrap();
        assert_eq!(read, names);
        assert!(Arc::ptr_eq(&read[0], &read[2]));
    }

    #[test]
    fn what_is_said_to_come_and_does_not_takes_no_memory() {
        let mut out = Writer::default();
        out.number(u64::from(u32::MAX));
        assert_eq!(Vec::<bool>::read(&mut Reader::new(&out.bytes)), Err(Malformed { at: out.bytes.len() }));
        assert_eq!(String::read(&mut Reader::new(&out.bytes)), Err(Malformed { at: out.bytes.len() }));
    }

    #[test]
    fn a_number_that_was_not_written_before_cannot_be_referred_to() {
        for bytes in [&b"\x01\x01\x01a"[..], b"\x02\x00\x01a\x02"] {
            assert!(Vec::<Arc<str>>::read(&mut Reader::new(bytes)).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn every_number_is_read_as_it_was_written(number: u64) {
            let mut out = Writer::default();
            out.number(number);
            let mut input = Reader::new(&out.bytes);
            prop_assert_eq!(input.number(), Ok(number));
            prop_assert!(input.is_at_end());
            prop_assert!(Reader::new(&out.bytes[1..]).number() != Ok(number) || number < 0x80);
        }

        #[test]
        fn no_bytes_read_as_a_number_that_does_not_fit(bytes: [u8; 12]) {
            if let Ok(number) = Reader::new(&bytes).small::<u16>() {
                let mut out = Writer::default();
                out.number(number.into());
                prop_assert!(out.bytes.len() <= 3);
            }
        }
    }
}
