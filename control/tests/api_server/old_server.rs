//! What if the server is so old that it does not know streaming lists, and streams without ever saying "complete"?

use super::{Watching, service};
use serde_json::{Value, json};
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Answers a request as Kubernetes 1.26 does: `sendInitialEvents` is a parameter that it never heard of.
async fn answer(mut client: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(client.read_u8().await?);
    }
    let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
    let (kind, objects) = if line.contains("/services") {
        let mut object: Value = service("web", 1);
        object["metadata"]["resourceVersion"] = "1".into();
        ("ServiceList", vec![object])
    } else {
        ("EndpointSliceList", vec![])
    };
    let list =
        json!({ "apiVersion": "v1", "kind": kind, "metadata": { "resourceVersion": "1" }, "items": objects });
    let body = if line.contains("sendInitialEvents=true") {
        objects.iter().map(|object| format!("{}\n", json!({ "type": "ADDED", "object": object }))).collect()
    } else if line.contains("watch=true") {
        // Nothing new, for as long as the client stays.
        client.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n").await?;
        return client.read_u8().await.map(drop);
    } else {
        list.to_string()
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    client.write_all(format!("{head}{body}").as_bytes()).await?;
    client.shutdown().await
}

#[tokio::test]
async fn a_server_that_never_completes_a_streamed_list_is_asked_for_pages() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(answer(client));
        }
    });
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters: [{{name: a, cluster: {{server: \
         \"http://{address}\"}}}}]\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\nusers: []\n"
    );
    let mut weir = Watching::start(&kubeconfig).await;
    weir.serves(&["web:80->"]).await;
    server.abort();
}
