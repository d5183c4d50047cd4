//! Which token authenticates weir? The one on disk, read again once a minute, and at once after a refusal.
//!
//! kube's own reader takes the file as it is, so that a line feed at its end, which client-go takes off, makes
//! every request fail; and it goes by the time of day, so that a clock set back keeps it from reading for as
//! long.

use super::bearer;
use crate::api_server::client::config_error::ConfigError;
use http::HeaderValue;
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Interval at which the file is read; the kubelet replaces it when four fifths of the token's life are over.
const READ_INTERVAL: Duration = Duration::from_secs(60);

/// Largest token, in bytes. Tokens of service accounts have about one thousand.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// Token of a file.
#[derive(Debug)]
pub(in crate::api_server::client) struct TokenFile {
    path: PathBuf,
    /// Header with the token, and the time at which the file was read.
    read: Mutex<(HeaderValue, Instant)>,
}

impl TokenFile {
    /// Reads the file for the first time. `otherwise` is used for as long as that fails.
    pub(in crate::api_server::client) fn open(
        path: PathBuf,
        otherwise: Option<HeaderValue>,
    ) -> Result<Self, ConfigError> {
        match (read(&path), otherwise) {
            (Ok(header), _) | (Err(_), Some(header)) => {
                Ok(Self { path, read: Mutex::new((header, Instant::now())) })
            }
            (Err(source), None) => Err(ConfigError::Token { path, source }),
        }
    }

    /// Header with the current token. A file that cannot be read may be half written: the last token stays in
    /// use.
    pub(super) fn header(&self) -> HeaderValue {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now.saturating_duration_since(known.1) >= READ_INTERVAL {
            let header = read(&self.path).unwrap_or_else(|_| known.0.clone());
            *known = (header, now);
        }
        known.0.clone()
    }
}

fn read(path: &Path) -> io::Result<HeaderValue> {
    let mut token = String::new();
    File::open(path)?.take(MAX_TOKEN_BYTES).read_to_string(&mut token)?;
    bearer(&token).map_err(|reason| io::Error::new(io::ErrorKind::InvalidData, format!("the token {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs};
    use tokio::time::advance;

    /// File of a test, removed when dropped.
    struct Temporary(PathBuf);

    impl Temporary {
        fn new(name: &str, content: &str) -> Self {
            let path = env::temp_dir().join(format!("weir-token-{name}-{}", std::process::id()));
            fs::write(&path, content).unwrap();
            Self(path)
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            _ = fs::remove_file(&self.0);
        }
    }

    fn sent(token: &TokenFile) -> String {
        token.header().to_str().unwrap().to_owned()
    }

    fn opened(file: &Temporary) -> Result<TokenFile, ConfigError> {
        TokenFile::open(file.0.clone(), None)
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_replaced_is_used_within_a_minute_and_a_file_that_is_gone_changes_nothing() {
        let file = Temporary::new("rotated", "old\n");
        let token = opened(&file).unwrap();
        assert_eq!(sent(&token), "Bearer old");
        fs::write(&file.0, " new\r\n").unwrap();
        advance(READ_INTERVAL - Duration::from_millis(1)).await;
        assert_eq!(sent(&token), "Bearer old");
        advance(Duration::from_millis(1)).await;
        assert_eq!(sent(&token), "Bearer new");
        for broken in ["", "a\nb"] {
            fs::write(&file.0, broken).unwrap();
            advance(READ_INTERVAL).await;
            assert_eq!(sent(&token), "Bearer new", "{broken:?}");
        }
        fs::remove_file(&file.0).unwrap();
        advance(READ_INTERVAL).await;
        assert_eq!(sent(&token), "Bearer new");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_beside_the_file_stands_in_until_the_file_can_be_read() {
        let file = Temporary::new("late", "");
        let token = TokenFile::open(file.0.clone(), Some(bearer("beside").unwrap())).unwrap();
        assert_eq!(sent(&token), "Bearer beside");
        fs::write(&file.0, "late").unwrap();
        advance(READ_INTERVAL).await;
        assert_eq!(sent(&token), "Bearer late");
    }

    #[test]
    fn a_file_without_a_token_is_named_and_the_token_never_shown() {
        for (content, words) in
            [(" \n", "the token is empty"), ("a\u{1}b", "another control character in it")]
        {
            let file = Temporary::new("broken", content);
            let error = opened(&file).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(error.to_string().contains("token") && cause.ends_with(words), "{error}: {cause}");
        }
        let file = Temporary::new("secret", "secret");
        let token = opened(&file).unwrap();
        assert!(!format!("{token:?}").contains("secret\""), "{token:?}");
    }
}
