//! What is in a file that should be PEM? For messages, when it is not what is needed.

/// Description of what bytes are in place of `wanted`, which was not found in them.
pub(super) fn describe(bytes: &[u8], wanted: &str) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut labels: Vec<String> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .map(|label| label.chars().filter(|char| !char.is_control()).take(40).collect())
        .take(4)
        .collect();
    labels.dedup();
    match (bytes, labels.is_empty()) {
        (_, false) if labels.iter().any(|label| label == wanted) => format!("holds a damaged {wanted}"),
        (_, false) => format!("holds {} and no {wanted}", labels.join(", ")),
        (b"", _) => "is empty".into(),
        // The sequence that every certificate and key begins with.
        ([0x30, length, ..], _) if *length >= 0x80 || usize::from(*length) + 2 == bytes.len() => {
            "is in DER; weir reads PEM (-----BEGIN ...)".into()
        }
        _ => format!("holds no {wanted} in PEM (-----BEGIN ...)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_instead_is_named() {
        for (bytes, words) in [
            (&b""[..], "is empty"),
            (b"\x30\x82\x01\x0a\xff", "is in DER"),
            (b"\x30\x02\x05\x00", "is in DER"),
            (b"0x", "holds no CERTIFICATE in PEM"),
            (b"hello", "holds no CERTIFICATE in PEM"),
            (b"-----BEGIN PRIVATE KEY-----\nabc\n", "holds PRIVATE KEY and no CERTIFICATE"),
            (b"-----BEGIN CERTIFICATE-----\nabc\n", "holds a damaged CERTIFICATE"),
        ] {
            assert!(describe(bytes, "CERTIFICATE").starts_with(words), "{words}");
        }
    }
}
