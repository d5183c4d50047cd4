//! Are urgent bytes relayed in their places, as bytes like others? With real sockets.

use super::*;
use socket2::SockRef;

/// Sends bytes of which the last one is urgent.
fn send_urgent(from: &TcpStream, bytes: &[u8]) {
    assert_eq!(SockRef::from(from).send_out_of_band(bytes).unwrap(), bytes.len());
}

/// Receives so many bytes beside a relay.
async fn receive(relay: &mut Relay, cx: &ConnectionContext, to: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut received = vec![0; length];
    tokio::select! {
        reason = run(relay, cx) => panic!("{reason}"),
        read = tokio::time::timeout(weir_testkit::HANG, to.read_exact(&mut received)) => {
            read.expect("urgent bytes and what follows them arrive without more to come").unwrap();
        }
    }
    received
}

/// Says `abc!def` with an urgent `!` in both directions; all of it is there before the relay looks.
async fn exchange_urgent(Pair { relay, client, endpoint, cx }: &mut Pair) {
    for by_client in [true, false] {
        let (from, to) =
            if by_client { (&mut *client, &mut *endpoint) } else { (&mut *endpoint, &mut *client) };
        from.write_all(b"abc").await.unwrap();
        send_urgent(from, b"!");
        from.write_all(b"def").await.unwrap();
        assert_eq!(receive(relay, cx, to, 7).await, b"abc!def");
        // An urgent byte in front of all others.
        send_urgent(from, b"?");
        from.write_all(b"ghi").await.unwrap();
        assert_eq!(receive(relay, cx, to, 4).await, b"?ghi");
    }
}

#[tokio::test]
async fn urgent_bytes_arrive_in_their_places_where_bytes_are_copied() {
    exchange_urgent(&mut pair(IDLE).await).await;
}

#[tokio::test]
async fn urgent_bytes_arrive_in_their_places_where_bytes_are_spliced() {
    let mut spliced = pair(IDLE).await;
    last_words::become_spliced(&mut spliced).await;
    exchange_urgent(&mut spliced).await;
}

#[tokio::test]
async fn urgent_bytes_arrive_in_their_places_where_there_is_no_memory() {
    let mut scarce = pair(IDLE).await;
    let memory = &scarce.cx.worker.buffers;
    let _all = memory.hold(&vec![0; 1 << 20], 0);
    exchange_urgent(&mut scarce).await;
}

#[tokio::test]
async fn a_connection_whose_last_bytes_are_urgent_ends_in_order_where_bytes_are_copied() {
    end_with_urgent(pair(IDLE).await).await;
}

#[tokio::test]
async fn a_connection_whose_last_bytes_are_urgent_ends_in_order_where_bytes_are_spliced() {
    let mut spliced = pair(IDLE).await;
    last_words::become_spliced(&mut spliced).await;
    end_with_urgent(spliced).await;
}

async fn end_with_urgent(Pair { relay, mut client, mut endpoint, cx }: Pair) {
    let talk = async {
        let mut received = String::new();
        send_urgent(&client, b"bye!");
        client.shutdown().await.unwrap();
        endpoint.read_to_string(&mut received).await.unwrap();
        send_urgent(&endpoint, b"ciao!");
        endpoint.shutdown().await.unwrap();
        client.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "bye!ciao!");
    };
    let (reason, ()) = tokio::join!(last_words::run_and_close(relay, &cx), talk);
    assert_eq!(reason, Closed::Finished);
}
