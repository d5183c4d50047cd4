//! Which sockets stand in for weir's? Each says which origin it is for; that is all.

use socket2::{Domain, SockAddr, Socket, Type};
use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread::spawn,
};
use weir_capture::marks::TO_CLIENT;
use weir_core::{CapturePorts, CaptureSockets, Family, PerFamily};

/// Sockets for all families, protocols and origins of one host. They answer as long as the test's process runs, or until
/// they are closed.
pub(crate) struct StandIn {
    pub(crate) capture_sockets: CaptureSockets,
    sockets: Vec<Socket>,
}

impl StandIn {
    /// Opens them on the host of this thread.
    pub(crate) fn open() -> Self {
        let mut sockets = Vec::new();
        let mut ports = |kind: Type, family| {
            let mut port = |origin| {
                let socket = receive(kind, family, origin);
                let port = socket.local_addr().unwrap().as_socket().unwrap().port();
                sockets.push(socket);
                port
            };
            Some(CapturePorts { pod: port("pod"), node: port("node"), outside: port("outside") })
        };
        let tcp = PerFamily::from_fn(|family| ports(Type::STREAM, family));
        let udp = PerFamily::from_fn(|family| ports(Type::DGRAM, family));
        Self { capture_sockets: CaptureSockets { tcp, udp }, sockets }
    }

    /// As if weir had died: nothing listens any more.
    pub(crate) fn die(self) {
        for socket in self.sockets {
            // Threads wait in them: closing alone would not end that.
            let _ = socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// A transparent socket with the mark of what faces clients.
pub(crate) fn transparent(kind: Type, address: SocketAddr, mark: u32) -> Socket {
    let socket = Socket::new(Domain::for_address(address), kind, None).unwrap();
    match address {
        SocketAddr::V4(_) => socket.set_ip_transparent_v4(true).unwrap(),
        SocketAddr::V6(_) => {
            socket.set_only_v6(true).unwrap();
            socket.set_ip_transparent_v6(true).unwrap();
        }
    }
    socket.set_mark(mark).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SockAddr::from(address)).unwrap();
    socket
}

fn receive(kind: Type, family: Family, origin: &'static str) -> Socket {
    let loopback: IpAddr = match family {
        Family::V4 => Ipv4Addr::LOCALHOST.into(),
        Family::V6 => Ipv6Addr::LOCALHOST.into(),
    };
    let socket = transparent(kind, SocketAddr::new(loopback, 0), TO_CLIENT);
    if kind == Type::STREAM {
        socket.listen(16).unwrap();
        let listener: TcpListener = socket.try_clone().unwrap().into();
        spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                spawn(move || greet(client, origin));
            }
        });
    } else {
        let receiver: UdpSocket = socket.try_clone().unwrap().into();
        spawn(move || answer(&receiver, origin));
    }
    socket
}

/// Answers each line, and ends with an empty one.
fn greet(mut client: TcpStream, origin: &str) -> Option<()> {
    let dialled = client.local_addr().ok()?;
    let mut byte = [0];
    let mut length = 0;
    while client.read(&mut byte).ok()? == 1 {
        length += 1;
        if byte == *b"\n" {
            client.write_all(format!("{origin} {dialled}").as_bytes()).ok()?;
            if length == 1 {
                return Some(());
            }
            length = 0;
        }
    }
    None
}

/// Answers datagrams, which say what address they were sent to (and blanks), from that address.
fn answer(receiver: &UdpSocket, origin: &str) {
    let mut datagram = [0; 9000];
    while let Ok((length, client)) = receiver.recv_from(&mut datagram) {
        let text = String::from_utf8_lossy(&datagram[..length]);
        let Ok(dialled) = text.trim_end().parse::<SocketAddr>() else { return };
        let socket: UdpSocket = transparent(Type::DGRAM, dialled, TO_CLIENT).into();
        let _ = socket.send_to(format!("{origin} {dialled}").as_bytes(), client);
    }
}
