//! Which Services does a label selector choose? In kubectl's syntax, as in `app=web,tier!=db,track in (a,b),!legacy`.

use super::text::quoted;
use std::{collections::BTreeSet, fmt, str::FromStr, sync::Arc};

/// Longest selector that is read, in bytes.
pub const MAX_SELECTOR_BYTES: usize = 1024;

/// Conditions on labels, all of which must hold; none chooses everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

/// Condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Operator {
    Exists,
    DoesNotExist,
    In(BTreeSet<String>),
    /// As in Kubernetes, an object without the label fits.
    NotIn(BTreeSet<String>),
}

/// The error of a text that is no selector: where it stops being one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectorError {
    /// The text is longer than [`MAX_SELECTOR_BYTES`].
    TooLong,
    /// Something else was expected.
    Unexpected {
        /// Number of the character, from 1.
        character: usize,
        /// What there is, in quotes, or the end.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
}

impl std::error::Error for SelectorError {}

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "a selector has at most {MAX_SELECTOR_BYTES} bytes"),
            Self::Unexpected { character, found, expected } => {
                write!(f, "at character {character}: there must be {expected}, not {found}")
            }
        }
    }
}

impl LabelSelector {
    /// Whether an object with these labels, sorted by key, is chosen.
    pub fn matches(&self, labels: &[(Arc<str>, Arc<str>)]) -> bool {
        let value_of = |key: &str| {
            let found = labels.binary_search_by(|(known, _)| (**known).cmp(key)).ok();
            found.and_then(|at| labels.get(at)).map(|(_, value)| &**value)
        };
        self.0.iter().all(|Requirement { key, operator }| match (operator, value_of(key)) {
            (Operator::Exists, value) => value.is_some(),
            (Operator::DoesNotExist, value) => value.is_none(),
            (Operator::In(values), value) => value.is_some_and(|value| values.contains(value)),
            (Operator::NotIn(values), value) => value.is_none_or(|value| !values.contains(value)),
        })
    }
}

impl FromStr for LabelSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        if text.len() > MAX_SELECTOR_BYTES {
            return Err(SelectorError::TooLong);
        }
        let mut parser = Parser { text, at: 0 };
        let mut requirements = Vec::new();
        if parser.rest().is_empty() {
            return Ok(Self(requirements));
        }
        loop {
            let (requirement, next) = parser.requirement()?;
            requirements.push(requirement);
            if parser.rest().is_empty() {
                return Ok(Self(requirements));
            }
            parser.expect(",", next)?;
        }
    }
}

const KEY: &str = "the key of a label, as in app or app.kubernetes.io/name";
const VALUE: &str =
    "the value of a label: at most 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends";
const LIST: &str = "values in parentheses, as in (a,b)";

/// Reader of a selector from left to right.
struct Parser<'a> {
    text: &'a str,
    /// Bytes that were read.
    at: usize,
}

impl<'a> Parser<'a> {
    /// One condition, and what may follow it.
    fn requirement(&mut self) -> Result<(Requirement, &'static str), SelectorError> {
        let is_absent = self.take("!");
        let key = self.word(KEY, |key| is_key(key) && !matches!(key, "in" | "notin"))?;
        let single = |parser: &mut Self| parser.word(VALUE, is_value).map(|value| BTreeSet::from([value]));
        let end = "a comma or the end";
        let (operator, next) = match () {
            () if is_absent => (Operator::DoesNotExist, end),
            () if self.take("!=") => (Operator::NotIn(single(self)?), end),
            () if self.take("==") || self.take("=") => (Operator::In(single(self)?), end),
            () if self.take_word("in") => (Operator::In(self.values()?), end),
            () if self.take_word("notin") => (Operator::NotIn(self.values()?), end),
            () => (Operator::Exists, "=, ==, !=, in, notin, a comma or the end"),
        };
        Ok((Requirement { key, operator }, next))
    }

    /// Values in parentheses, at least one.
    fn values(&mut self) -> Result<BTreeSet<String>, SelectorError> {
        self.expect("(", LIST)?;
        if self.rest().starts_with(')') {
            return Err(self.unexpected(VALUE));
        }
        let mut values = BTreeSet::new();
        loop {
            values.insert(self.word(VALUE, is_value)?);
            if self.take(")") {
                return Ok(values);
            }
            self.expect(",", "a comma or the closing parenthesis")?;
        }
    }

    /// What was not read yet, without spaces in front.
    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    /// The next word, which may be empty.
    fn peek(&mut self) -> &'a str {
        let rest = self.rest();
        let is_end = |c: char| c.is_whitespace() || matches!(c, '=' | '!' | '(' | ')' | ',' | '<' | '>');
        &rest[..rest.find(is_end).unwrap_or(rest.len())]
    }

    /// Reads a word of a kind.
    fn word(&mut self, expected: &'static str, is_kind: fn(&str) -> bool) -> Result<String, SelectorError> {
        let word = self.peek();
        if !is_kind(word) {
            return Err(self.unexpected(expected));
        }
        self.at += word.len();
        Ok(word.to_owned())
    }

    /// Reads a sign if it is the next thing.
    fn take(&mut self, sign: &str) -> bool {
        let is_next = self.rest().starts_with(sign);
        self.at += if is_next { sign.len() } else { 0 };
        is_next
    }

    /// Reads a word if it is the next one.
    fn take_word(&mut self, word: &str) -> bool {
        self.peek() == word && self.take(word)
    }

    fn expect(&mut self, sign: &str, expected: &'static str) -> Result<(), SelectorError> {
        if self.take(sign) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&mut self, expected: &'static str) -> SelectorError {
        let (rest, word) = (self.rest(), self.peek());
        let found = match (word, rest.chars().next()) {
            (_, None) => "the end".to_owned(),
            ("", Some(sign)) => quoted(sign.encode_utf8(&mut [0; 4])),
            (word, _) => quoted(word),
        };
        let character = self.text[..self.at].chars().count() + 1;
        SelectorError::Unexpected { character, found, expected }
    }
}

/// Whether a text may be the key of a label: a name, perhaps with a domain and a slash in front.
fn is_key(text: &str) -> bool {
    let is_domain = |domain: &str| {
        let is_label = |label: &str| {
            let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            !label.is_empty()
                && label.bytes().all(is_inner)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        domain.len() <= 253 && domain.split('.').all(is_label)
    };
    match text.split_once('/') {
        Some((domain, name)) => is_domain(domain) && is_name(name),
        None => is_name(text),
    }
}

/// Whether a text may be the value of a label.
fn is_value(text: &str) -> bool {
    text.is_empty() || is_name(text)
}

fn is_name(text: &str) -> bool {
    let is_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    bytes.len() <= 63 && is_end(bytes.first()) && is_end(bytes.last()) && bytes.iter().all(is_inner)
}

#[cfg(test)]
mod tests;
