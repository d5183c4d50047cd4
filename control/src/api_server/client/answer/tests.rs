//! Which answers are given up, and which errors do failures become?

use super::*;
use std::collections::VecDeque;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
const WATCH: Duration = Duration::from_secs(50);

/// A server that begins its answer after a while and then sends pieces, each after a pause; for ever, if so asked.
#[derive(Clone)]
struct Server {
    begins: Duration,
    status: u16,
    headers: Vec<(&'static str, &'static str)>,
    pieces: Vec<(Duration, Vec<u8>)>,
    for_ever: bool,
}

impl Server {
    fn sending(pieces: Vec<(Duration, Vec<u8>)>) -> Self {
        Self { begins: Duration::ZERO, status: 200, headers: Vec::new(), pieces, for_ever: false }
    }

    fn for_ever(pause: Duration, piece: &[u8]) -> Self {
        Self { for_ever: true, ..Self::sending(vec![(pause, piece.to_vec())]) }
    }

    fn refusing(status: u16, headers: &[(&'static str, &'static str)], body: &[u8]) -> Self {
        let headers = headers.to_vec();
        Self { status, headers, ..Self::sending(vec![(Duration::ZERO, body.to_vec())]) }
    }

    async fn answer(self) -> Result<Response<Box<DynBody>>, BoxError> {
        tokio::time::sleep(self.begins).await;
        let Self { pieces, for_ever, .. } = self;
        let pieces = VecDeque::from(pieces);
        let frames = stream::unfold(pieces, move |mut pieces| async move {
            let (pause, piece) = pieces.pop_front()?;
            tokio::time::sleep(pause).await;
            if for_ever {
                pieces.push_back((pause, piece.clone()));
            }
            // A whole body, for its frame.
            let frame = BodyStream::new(kube::client::Body::from(piece)).next().await?;
            Some((frame.map_err(BoxError::from), pieces))
        });
        let body: Box<DynBody> = Box::new(StreamBody::new(frames.boxed()));
        let mut answer = Response::builder().status(self.status);
        for (name, value) in self.headers {
            answer = answer.header(name, value);
        }
        Ok(answer.body(body)?)
    }
}

/// What came of a request: the bytes and the end of its answer, and after how long.
async fn ask(server: Server, uri: &str) -> (Result<usize, String>, Duration) {
    let limits = AnswerLimits { answer_timeout: ANSWER_TIMEOUT, watch_limit: WATCH, history: Arc::default() };
    let mut client = limits.layer(tower::service_fn(move |_: Request<()>| server.clone().answer()));
    let start = Instant::now();
    let answer = client.call(Request::get(uri).body(()).unwrap()).await;
    let outcome = match answer {
        Ok(answer) => read(answer.into_body()).await,
        Err(error) => Err(error.to_string()),
    };
    (outcome, start.elapsed())
}

async fn read(body: Box<DynBody>) -> Result<usize, String> {
    let (mut frames, mut length) = (BodyStream::new(body), 0);
    while let Some(frame) = frames.next().await {
        length += frame.map_err(|error| error.to_string())?.data_ref().map_or(0, |bytes| bytes.len());
    }
    Ok(length)
}

const LIST: &str = "/services?limit=500";
const FOLLOW: &str = "/services?watch=true&resourceVersion=7";

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_begins_is_given_up() {
    let silent = Server { begins: Duration::from_secs(3600), ..Server::sending(vec![]) };
    for uri in [LIST, FOLLOW] {
        assert_eq!(ask(silent.clone(), uri).await, (Err("no answer".into()), ANSWER_TIMEOUT));
    }
}

#[tokio::test(start_paused = true)]
async fn a_trickle_holds_up_no_list_and_no_watch() {
    let trickle = Server::for_ever(Duration::from_secs(1), b"{");
    let (outcome, took) = ask(trickle.clone(), LIST).await;
    assert!(outcome.unwrap_err().starts_with("a page so slow"));
    assert!(took < ANSWER_TIMEOUT * 2, "{took:?}");
    let (outcome, took) = ask(trickle, FOLLOW).await;
    assert_eq!(took, WATCH, "a watch ends as if the server had ended it");
    assert!(outcome.unwrap() < 60);
    let silent = Server::for_ever(Duration::from_secs(3600), b"{");
    assert_eq!(ask(silent, LIST).await.1, ANSWER_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_large_page_may_take_its_time_on_a_slow_line() {
    let second = (Duration::from_secs(1), vec![b' '; 32 << 10]);
    let (outcome, took) = ask(Server::sending(vec![second; 300]), LIST).await;
    assert_eq!((outcome, took), (Ok(300 << 15), Duration::from_secs(300)));
}

#[tokio::test(start_paused = true)]
async fn an_event_or_a_page_without_end_is_not_kept() {
    let endless = Server::for_ever(Duration::ZERO, &[b'x'; 1 << 20]);
    assert_eq!(ask(endless.clone(), FOLLOW).await.0, Err("an event of more than 8 MiB".into()));
    assert_eq!(ask(endless, LIST).await.0, Err("a page of more than 256 MiB".into()));
    let mut lines = vec![b'x'; 1 << 20];
    lines[1 << 19] = b'\n';
    let lines = Server::sending(vec![(Duration::ZERO, lines); 64]);
    assert_eq!(ask(lines, FOLLOW).await.0, Ok(64 << 20), "lines that end may go on");
}

#[test]
fn a_line_is_measured_across_pieces() {
    let measure = |pieces: &[&[u8]]| {
        let mut progress = BodyProgress::Watch { end: Instant::now(), line: 0 };
        pieces.iter().try_for_each(|piece| progress.count(piece)).is_ok()
    };
    let most = vec![b'x'; MAX_LINE_BYTES];
    assert!(measure(&[&most, b"\n", &most, b"\nx\n"]));
    assert!(!measure(&[&most, b"x"]));
    assert!(!measure(&[b"a\nx", &most]));
    assert!(!measure(&[b"a\nx", &most[1..], b"x\n"]));
    let within = [b"\n", &*most, b"x\n"].concat();
    assert!(!measure(&[&within]));
}

/// The status that a refusal is taken for.
async fn status(server: Server) -> (Status, Duration) {
    let start = Instant::now();
    let answer = server.answer().await.unwrap();
    match refusal(answer, start + ANSWER_TIMEOUT).await {
        kube::Error::Api(status) => (*status, start.elapsed()),
        other => panic!("no status: {other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn how_long_a_busy_server_wants_to_be_left_alone_is_read_from_header_and_body() {
    let body = br#"{"kind":"Status","code":200,"message":"busy","details":{"retryAfterSeconds":7}}"#;
    for (header, body, expected) in [
        ("9", &body[..], 9),
        ("3", body, 7),
        ("4", b"please wait", 4),
        ("4294967296", b"", 0),
        ("-1", b"", 0),
        ("Wed, 21 Oct 2065 07:28:00 GMT", b"", 0),
    ] {
        let (status, _) = status(Server::refusing(503, &[("retry-after", header)], body)).await;
        let seconds = status.details.map_or(0, |details| details.retry_after_seconds);
        assert_eq!((status.code, seconds), (503, expected), "{header}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_an_error_that_says_where_to() {
    for code in [301, 302, 307, 308] {
        let (status, _) = status(Server::refusing(code, &[("location", "https://elsewhere/")], b"")).await;
        assert_eq!(status.code, code);
        assert!(status.message.contains("https://elsewhere/"), "{}", status.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_without_end_or_pause_is_cut() {
    let endless = Server { status: 500, ..Server::for_ever(Duration::ZERO, &[b'x'; 1 << 20]) };
    let (cut, _) = status(endless).await;
    assert_eq!((cut.code, cut.message.len()), (500, MAX_REFUSAL_BYTES));
    let silent = Server { status: 500, ..Server::for_ever(Duration::from_secs(3600), b"") };
    let (cut, took) = status(silent).await;
    assert_eq!((cut.code, took), (500, ANSWER_TIMEOUT));
}
