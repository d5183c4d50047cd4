//! Who answers for all endpoints? One server that holds every pod's address, and says which of them was dialled.

use std::{io, net::Ipv4Addr};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use weir_testkit::{
    OwnThread,
    cluster::Host,
    load::{ENDPOINT_PORT, POD_NETWORKS},
};

/// The server, for as long as this exists.
#[derive(Debug)]
pub(crate) struct Endpoints {
    _server: OwnThread<Stop>,
}

/// Ends the server when dropped.
#[derive(Debug)]
struct Stop {
    _alive: mpsc::Sender<()>,
}

impl Endpoints {
    /// Gives a pod, whose cable on its node has this name, the addresses of all other pods, and answers there.
    pub(crate) fn start(node: &Host, pod: &Host, cable: &str) -> io::Result<Self> {
        let [network, _] = POD_NETWORKS;
        pod.namespace().ip(&["route", "add", "local", network, "dev", "lo"])?;
        let gateway = pod.v4().to_string();
        node.namespace().ip(&["route", "add", network, "via", &gateway, "dev", cable, "onlink"])?;
        let server = pod.namespace().enter(|| OwnThread::start(serve))??;
        Ok(Self { _server: server })
    }
}

async fn serve() -> io::Result<Stop> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, ENDPOINT_PORT)).await?;
    let (alive, mut dead) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        tokio::spawn(answer(stream));
                    }
                }
                _ = dead.recv() => return,
            }
        }
    });
    Ok(Stop { _alive: alive })
}

/// Sends the dialled address. Errors of a connection are the client's business.
async fn answer(mut stream: TcpStream) {
    if let Ok(address) = stream.local_addr()
        && let std::net::IpAddr::V4(ip) = address.ip()
    {
        let _ = stream.write_all(&ip.octets()).await;
    }
}
