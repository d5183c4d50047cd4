//! What is in the values of a kubeconfig that are base64 or name a file?

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use std::{fs::File, io::Read};

/// Largest file of a certificate or key, in bytes.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Go's `base64.StdEncoding`: padding is needed, and what the last character says too much is ignored.
const GO_STANDARD: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Bytes of one entry, and how an operator finds that entry.
pub(super) struct Data {
    pub(super) bytes: Vec<u8>,
    /// Name of the field, or path of the file.
    pub(super) origin: String,
}

/// Bytes of the field `NAME-data`, else of the file that the field `NAME` names; `None` if both are absent or empty.
pub(super) fn load(name: &str, data: Option<&str>, path: Option<&str>) -> Result<Option<Data>, String> {
    if let Some(text) = data.filter(|text| !text.is_empty()) {
        let origin = format!("{name}-data");
        let bytes = decode(text).map_err(|reason| format!("{origin} is not base64: {reason}"))?;
        return Ok(Some(Data { bytes, origin }));
    }
    let Some(path) = path.filter(|path| !path.is_empty()) else { return Ok(None) };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes));
    read.map_err(|error| format!("cannot read {name} from {path}: {error}"))?;
    Ok(Some(Data { bytes, origin: path.to_owned() }))
}

/// Decodes as Go does, which passes over the ends of lines and nothing else.
fn decode(text: &str) -> Result<Vec<u8>, String> {
    let joined: String = text.chars().filter(|char| !matches!(char, '\r' | '\n')).collect();
    GO_STANDARD.decode(&joined).map_err(|_| {
        // Not the character itself: it may be part of a key that was pasted as it is.
        match joined
            .chars()
            .position(|char| !(char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '=')))
        {
            Some(_) if joined.contains("-----BEGIN") => "it is PEM; encode it, or name its file".to_owned(),
            Some(at) if joined.chars().nth(at).is_some_and(char::is_whitespace) => {
                format!("a space at character {at}; a block of lines begins with `|` in YAML")
            }
            Some(at) => format!("character {at} is none of its alphabet"),
            None => "it is cut off or padded wrongly".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_lines_are_passed_over_and_nothing_else_as_in_go() {
        for text in ["aGVsbG8=", "aGVs\nbG8=\n", "aGVs\r\nbG8=\r\n", "\naGVsbG9=", "aGVsbG8\n="] {
            assert_eq!(decode(text).as_deref(), Ok(&b"hello"[..]), "{text:?}");
        }
        for (text, reason) in [
            ("aGVs bG8=", "a space at character 4"),
            ("aGVs\tbG8=", "a space at character 4"),
            ("aGVsbG8", "cut off or padded wrongly"),
            ("aGVsbG8==", "cut off or padded wrongly"),
            ("aGVs-G8=", "character 4 is none of its alphabet"),
            ("-----BEGIN CERTIFICATE-----\nMII", "it is PEM"),
            ("äGVsbG8=", "character 0"),
        ] {
            assert!(decode(text).is_err_and(|error| error.contains(reason)), "{text:?}");
        }
    }

    #[test]
    fn data_wins_over_a_file_and_what_is_empty_is_absent() {
        let bytes = |data, path| load("client-key", data, path).map(|data| data.map(|data| data.bytes));
        assert_eq!(bytes(Some("aGk="), Some("/does/not/exist")), Ok(Some(b"hi".to_vec())));
        assert_eq!(bytes(Some(""), Some("")), Ok(None));
        assert_eq!(bytes(None, None), Ok(None));
        let missing = bytes(Some(""), Some("/does/not/exist")).unwrap_err();
        assert!(
            missing.starts_with("cannot read client-key from /does/not/exist: No such file"),
            "{missing}"
        );
        let broken = bytes(Some("!"), None).unwrap_err();
        assert!(broken.starts_with("client-key-data is not base64: "), "{broken}");
    }
}
