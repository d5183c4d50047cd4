//! What does a client of a cluster get: an answer, a refusal, a reset, or silence?

use std::{
    fmt::{self, Display, Formatter},
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

use crate::Namespace;

/// How long a client waits unless a test says otherwise: longer than a busy machine needs for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of the largest datagram that UDP can carry.
const MAX_DATAGRAM: usize = 64 * 1024;

/// The answer of a server of the test bed: its name, and the address that the client seemed to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The name of the server.
    pub name: String,
    /// The client's address and port as the server saw them.
    pub source: SocketAddr,
}

/// Why a client got no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connect or the datagram was refused, perhaps by the client's host.
    Refused,
    /// The connection was established and then reset.
    Reset,
    /// The connection was established and then ended in good order, without a reply.
    Closed,
    /// Nothing came in time.
    TimedOut,
    /// Anything else, in the system's words.
    Other(String),
}

impl Display for Failure {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => out.write_str("refused"),
            Self::Reset => out.write_str("reset"),
            Self::Closed => out.write_str("closed without a reply"),
            Self::TimedOut => out.write_str("no answer in time"),
            Self::Other(error) => out.write_str(error),
        }
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // EPERM: a rule of the sender's own host refused it, before it left.
            ErrorKind::ConnectionRefused | ErrorKind::PermissionDenied => Self::Refused,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Self::Reset,
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Self::TimedOut,
            ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Other(error.to_string()),
        }
    }
}

/// A client on a host, with settings for what it does next.
#[derive(Clone, Copy, Debug)]
pub struct Client<'host> {
    host: &'host Namespace,
    source: Option<SocketAddr>,
    patience: Duration,
}

impl<'host> Client<'host> {
    pub(super) fn new(host: &'host Namespace) -> Self {
        Self { host, source: None, patience: PATIENCE }
    }

    /// Uses this address of the host, and any port.
    #[must_use]
    pub fn from(self, ip: IpAddr) -> Self {
        self.from_port(SocketAddr::new(ip, 0))
    }

    /// Uses this address and port.
    #[must_use]
    pub fn from_port(self, source: SocketAddr) -> Self {
        Self { source: Some(source), ..self }
    }

    /// Waits this long for each step instead of 10 seconds, for servers that are expected to be silent.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Connects, reads the server's report and closes.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn tcp(self, to: SocketAddr) -> Result<Reply, Failure> {
        self.connect(to).map(|connection| connection.reply)
    }

    /// Connects, reads the server's report and stays connected.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn connect(self, to: SocketAddr) -> Result<Connection, Failure> {
        let stream = self.host.enter(|| self.open(to))??;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(Failure::Closed);
        }
        let reply = parse(&line).ok_or_else(|| Failure::Other(format!("not a report: {line:?}")))?;
        Ok(Connection { reader, reply: reply.0 })
    }

    /// Asks an HTTP server for a path, and returns the whole answer: status line, headers and body.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn http(self, to: SocketAddr, path: &str) -> Result<String, Failure> {
        let mut stream = self.host.enter(|| self.open(to))??;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn open(self, to: SocketAddr) -> io::Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, None)?;
        // A port that was used a moment ago may be used again towards another server.
        socket.set_reuse_address(true)?;
        if let Some(source) = self.source {
            socket.bind(&source.into())?;
        }
        socket.connect_timeout(&to.into(), self.patience)?;
        socket.set_read_timeout(Some(self.patience))?;
        Ok(socket.into())
    }

    /// Sends one datagram and receives the report.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn udp(self, to: SocketAddr) -> Result<Reply, Failure> {
        self.converse(to)?.ask()
    }

    /// Opens a UDP socket for many datagrams: one flow.
    ///
    /// # Errors
    /// When it cannot be bound or connected.
    pub fn converse(self, to: SocketAddr) -> Result<Conversation, Failure> {
        let opened = self.host.enter(|| {
            let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = match self.source {
                Some(source) => UdpSocket::bind(source)?,
                None => UdpSocket::bind(any)?,
            };
            socket.connect(to)?;
            Ok::<_, io::Error>(socket)
        });
        Ok(Conversation { socket: opened??, patience: self.patience })
    }
}

/// A TCP connection to a server of the test bed.
#[derive(Debug)]
pub struct Connection {
    reader: BufReader<TcpStream>,
    reply: Reply,
}

impl Connection {
    /// The report that the server sent at the beginning.
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    /// Sends a line and waits for its echo.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn echo(&mut self) -> Result<(), Failure> {
        const LINE: &[u8] = b"still there?\n";
        self.reader.get_mut().write_all(LINE)?;
        let mut answer = [0; LINE.len()];
        self.reader.read_exact(&mut answer)?;
        if answer == LINE { Ok(()) } else { Err(Failure::Other("an echo of something else".to_owned())) }
    }

    /// Sends this many bytes while it receives as many back, and compares them.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn echo_bytes(&mut self, count: usize) -> Result<(), Failure> {
        let sent: Vec<u8> = (0_u8..251).cycle().take(count).collect();
        let mut received = vec![0; count];
        let mut writer = self.reader.get_ref().try_clone()?;
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| writer.write_all(&sent));
            self.reader.read_exact(&mut received)?;
            writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        if received == sent {
            Ok(())
        } else {
            Err(Failure::Other("the bytes came back otherwise".to_owned()))
        }
    }

    /// The client's own address and port.
    ///
    /// # Errors
    /// When the socket has no address any more.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.reader.get_ref().local_addr()
    }
}

/// A client's UDP socket.
#[derive(Debug)]
pub struct Conversation {
    socket: UdpSocket,
    patience: Duration,
}

impl Conversation {
    /// Sends a datagram and waits for the report that answers this datagram, not an earlier one.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn ask(&self) -> Result<Reply, Failure> {
        self.ask_at_length(0)
    }

    /// Sends a datagram of at least `length` bytes and waits for the report that answers it.
    ///
    /// # Errors
    /// Whatever a client would see.
    pub fn ask_at_length(&self, length: usize) -> Result<Reply, Failure> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let question = format!("question-{number}-{}", "o".repeat(length));
        self.socket.send(question.as_bytes())?;
        let deadline = Instant::now() + self.patience;
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure::TimedOut);
            }
            self.socket.set_read_timeout(Some(left))?;
            let length = match self.socket.recv(&mut buffer) {
                // For the rest of the time.
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                received => received?,
            };
            match parse(&String::from_utf8_lossy(&buffer[..length])) {
                Some((reply, answered)) if answered == question => return Ok(reply),
                _ => {}
            }
        }
    }

    /// The socket, for tests that send many datagrams.
    pub fn socket(&self) -> &UdpSocket {
        &self.socket
    }
}

/// Parses a report: name, source, and the question that follows them in a datagram.
fn parse(report: &str) -> Option<(Reply, String)> {
    let mut words = report.trim_end().splitn(3, ' ');
    let (name, source) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
    Some((Reply { name, source }, words.next().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_name_and_an_address_and_for_udp_the_question() {
        let (reply, question) = parse("web-1 [2001:db8::1]:80 question-7").unwrap();
        assert_eq!((reply.name.as_str(), question.as_str()), ("web-1", "question-7"));
        assert_eq!(reply.source, "[2001:db8::1]:80".parse().unwrap());
        assert_eq!(parse("web-1 10.0.0.1:80\n").unwrap().1, "");
        assert_eq!(parse("hello"), None);
    }
}
