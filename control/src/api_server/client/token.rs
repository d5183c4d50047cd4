//! Which token authenticates weir? The one on disk, read again once a minute, and at once after a refusal.
//!
//! kube's own reader takes the file as it is, so that a line feed at its end, which client-go takes off, makes
//! every request fail; and it goes by the time of day, so that a clock set back keeps it from reading for as
//! long.

use super::config::ConfigError;
use http::{HeaderValue, Request, header::AUTHORIZATION};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::Instant;
use tower::{Layer, Service};

/// Interval at which the file is read; the kubelet replaces it when four fifths of the token's life are over.
const READ_INTERVAL: Duration = Duration::from_secs(60);

/// Largest token, in bytes. Tokens of service accounts have about one thousand.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// Layer that puts the token of a file, if one is configured, into each request.
#[derive(Clone, Debug)]
pub(super) struct Token(Option<Arc<TokenFile>>);

#[derive(Debug)]
struct TokenFile {
    path: PathBuf,
    /// Header with the token, and the time at which the file was read.
    read: Mutex<(HeaderValue, Instant)>,
}

impl Token {
    /// Reads the file for the first time.
    pub(super) fn from_file(path: Option<PathBuf>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self(None)) };
        match read(&path) {
            Ok(header) => {
                Ok(Self(Some(Arc::new(TokenFile { path, read: Mutex::new((header, Instant::now())) }))))
            }
            Err(source) => Err(ConfigError::Token { path, source }),
        }
    }

    fn header(&self) -> Option<HeaderValue> {
        self.0.as_ref().map(|file| file.header(Instant::now()))
    }
}

impl TokenFile {
    /// Header with the current token. A file that cannot be read may be half written: the last token stays in
    /// use.
    fn header(&self, now: Instant) -> HeaderValue {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
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
    let token = token.trim();
    if token.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is empty"));
    }
    let header = HeaderValue::try_from(format!("Bearer {token}"));
    let mut header = header.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it holds no token"))?;
    header.set_sensitive(true);
    Ok(header)
}

impl<S> Layer<S> for Token {
    type Service = Authorized<S>;

    fn layer(&self, inner: S) -> Authorized<S> {
        Authorized { inner, token: self.clone() }
    }
}

/// Client whose requests carry a [`Token`].
pub(super) struct Authorized<S> {
    inner: S,
    token: Token,
}

impl<S, B> Service<Request<B>> for Authorized<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if let Some(header) = self.token.header() {
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        self.inner.call(request)
    }
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

    fn sent(token: &Token) -> String {
        token.header().unwrap().to_str().unwrap().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_replaced_is_used_within_a_minute_and_a_file_that_is_gone_changes_nothing() {
        let file = Temporary::new("rotated", "old\n");
        let token = Token::from_file(Some(file.0.clone())).unwrap();
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

    #[test]
    fn a_file_without_a_token_is_named_and_the_token_never_shown() {
        for (content, words) in [(" \n", "it is empty"), ("a\u{1}b", "it holds no token")] {
            let file = Temporary::new("broken", content);
            let error = Token::from_file(Some(file.0.clone())).unwrap_err();
            let cause = std::error::Error::source(&error).unwrap().to_string();
            assert!(error.to_string().contains("token") && cause == words, "{error}: {cause}");
        }
        let file = Temporary::new("secret", "secret");
        let token = Token::from_file(Some(file.0.clone())).unwrap();
        assert!(!format!("{token:?}").contains("secret\""), "{token:?}");
        assert!(Token::from_file(None).unwrap().header().is_none());
    }
}
