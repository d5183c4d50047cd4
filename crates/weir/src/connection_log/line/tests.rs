//! What do lines say, whatever names are?

use super::*;
use serde_json::{Value, json};
use std::num::NonZeroU16;
use weir_core::{Flow, PortKey, Protocol, ServiceKey};
use weir_proxy::{Closed, CongestionState};

fn info(micros: u64, retransmits: u32) -> TcpInfo {
    TcpInfo {
        round_trip: Some(Duration::from_micros(micros)),
        round_trip_variation: Duration::from_micros(micros / 2),
        retransmits,
        congestion_window: 10,
        congestion: CongestionState::Open,
        bytes_acknowledged: None,
        bytes_received: None,
        unacknowledged_bytes: None,
    }
}

fn session(service: &str, port: &str, node: Option<&str>) -> EndedSession {
    EndedSession {
        closed_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_500),
        duration: Duration::from_micros(1_500_250),
        port: PortKey {
            service: ServiceKey::new("default", service),
            name: port.into(),
            protocol: Protocol::Tcp,
        },
        port_number: NonZeroU16::new(80).unwrap(),
        flow: Flow {
            protocol: Protocol::Tcp,
            client: "10.244.1.9:43210".parse().unwrap(),
            frontend: "10.96.0.10:80".parse().unwrap(),
        },
        via: None,
        endpoint: Some("[fd00::3]:8080".parse().unwrap()),
        node: node.map(Into::into),
        connect_time: Some(Duration::from_micros(1200)),
        first_byte: None,
        attempts: 1,
        bytes_to_endpoint: 1024,
        bytes_to_client: 65_536,
        datagrams: None,
        reason: Closed::Finished,
        client_path: Some(info(800, 0)),
        endpoint_path: None,
    }
}

fn line(session: &EndedSession, format: LogFormat) -> String {
    let mut line = String::new();
    write(&mut line, session, format);
    line
}

#[test]
fn a_line_of_json_has_every_key_and_null_for_what_is_unknown() {
    let line = line(&session("web", "http", Some("node-b")), LogFormat::Json);
    let expected = json!({
        "closedAt": "2023-11-14T22:13:20.500Z", "openedAt": "2023-11-14T22:13:18.999Z", "namespace": "default",
        "service": "web", "port": "http", "protocol": "TCP", "client": "10.244.1.9:43210", "via": null,
        "frontend": "10.96.0.10:80", "endpoint": "[fd00::3]:8080", "node": "node-b",
        "durationSeconds": 1.50025, "connectSeconds": 0.0012, "firstByteSeconds": null, "attempts": 1,
        "bytesToEndpoint": 1024, "bytesToClient": 65_536, "datagramsToEndpoint": null, "datagramsToClient": null,
        "reason": "finished", "detail": {
            "client": {"rttSeconds": 0.0008, "rttVariationSeconds": 0.0004, "retransmits": 0}, "endpoint": null},
    });
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
    assert!(line.starts_with("{\"closedAt\":\"2023") && line.ends_with("}\n"));
}

#[test]
fn a_line_of_text_has_what_is_known() {
    assert_eq!(
        line(&session("web", "", None), LogFormat::Text),
        "2023-11-14T22:13:20.500Z service=default/web:80/TCP client=10.244.1.9:43210 frontend=10.96.0.10:80 \
         endpoint=[fd00::3]:8080 reason=finished duration=1.500250s connect_time=0.001200s attempts=1 \
         to_endpoint=1024 to_client=65536 client_rtt=0.000800s client_retransmits=0\n"
    );
}

#[test]
fn a_flow_has_datagrams_and_no_detail() {
    let flow = EndedSession {
        datagrams: Some(Datagrams { to_endpoint: 3, to_client: 2 }),
        client_path: None,
        ..session("dns", "dns", None)
    };
    let json: Value = serde_json::from_str(&line(&flow, LogFormat::Json)).unwrap();
    assert_eq!((&json["datagramsToEndpoint"], &json["detail"]), (&json!(3), &Value::Null));
    assert!(line(&flow, LogFormat::Text).contains(" datagrams_to_endpoint=3 datagrams_to_client=2\n"));
}

#[test]
fn names_forge_no_line_and_no_field_and_steer_no_terminal() {
    let hostile = "web reason=drained\n\u{1b}[2J\u{202e}\u{85}\"x";
    for format in [LogFormat::Json, LogFormat::Text] {
        let line = line(&session(hostile, "h p", Some("a\tb")), format);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(!line.trim_end().contains(is_unprintable), "{line}");
    }
    let json: Value = serde_json::from_str(&line(&session(hostile, "", None), LogFormat::Json)).unwrap();
    assert_eq!(json["service"], hostile);
    let text = line(&session(hostile, "", Some("a b")), LogFormat::Text);
    assert!(
        text.contains(r#" service="default/web reason=drained\n\u001b[2J\u202e\u0085\"x:80/TCP" client="#)
    );
    assert!(text.contains(" node=\"a b\" reason=finished "), "{text}");
}
