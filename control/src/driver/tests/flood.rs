//! Can objects fill the log or the memory? Lines and bytes stay within one budget, whatever the objects say.

use super::{outage::Log, *};
use crate::{Scope, translate::translate};
use k8s_openapi::{
    api::core::v1::{Service as ApiService, ServicePort, ServiceSpec},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Service with as many unknown annotations as an API server allows, whose names are others in each round.
fn hostile(number: usize, round: usize) -> ApiService {
    let long = "x".repeat(20);
    let annotations =
        (0..15_000).map(|key| (format!("weir.dev/{key}-{round}-{long}"), "\n2026 ERROR forged".to_owned()));
    let spec = ServiceSpec {
        cluster_ip: Some("10.96.0.1".into()),
        ports: Some(vec![ServicePort { port: 80, ..ServicePort::default() }]),
        ..ServiceSpec::default()
    };
    let metadata = ObjectMeta {
        name: Some(format!("hostile-{number}")),
        annotations: Some(annotations.collect()),
        ..ObjectMeta::default()
    };
    ApiService { metadata, spec: Some(spec), ..ApiService::default() }
}

fn headless(number: usize) -> ApiService {
    let spec = ServiceSpec { cluster_ip: Some("None".into()), ..ServiceSpec::default() };
    let metadata = ObjectMeta { name: Some(format!("headless-{number}")), ..ObjectMeta::default() };
    ApiService { metadata, spec: Some(spec), ..ApiService::default() }
}

impl Rig {
    async fn translated(&self, service: &ApiService) {
        let translation = translate(service, &Scope::default());
        assert!(translation.problems.len() <= 11, "{}", translation.problems.len());
        self.inputs.send(Input::Object(translation, ClockReading::now())).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_hostile_services_that_change_all_the_time_stay_within_the_budget() {
    let log = Log::begin();
    let rig = Rig::ready().await;
    for round in 0..3 {
        for number in 0..20 {
            rig.translated(&hostile(number, round)).await;
        }
        sleep_until(Instant::now() + MINUTE).await;
    }
    sleep_until(Instant::now() + 2 * MINUTE).await;
    let text = log.text();
    let about = text.lines().filter(|line| line.contains("hostile")).count();
    let summaries = text.lines().filter(|line| line.contains("there was more to say about objects")).count();
    println!("{about} lines about 900,000 mistakes, {summaries} summaries, {} bytes in all", text.len());
    // The budget: a hundred lines at once, and ten a minute.
    assert!((100..=130).contains(&about) && (1..=4).contains(&summaries), "{about}, {summaries}");
    assert!(text.len() < 100_000, "{} bytes", text.len());
    assert!(
        text.lines().all(|line| line.starts_with("20") && line.len() < 1_000),
        "a line is forged or too long"
    );
    assert!(text.contains("more problems with this object"));
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_is_said_once_and_leaves_room_for_what_is_wrong() {
    let log = Log::begin();
    let rig = Rig::ready().await;
    for _ in 0..2 {
        for number in 0..1000 {
            rig.translated(&headless(number)).await;
        }
    }
    rig.translated(&hostile(1, 1)).await;
    sleep_until(Instant::now() + 2 * MINUTE).await;
    let text = log.text();
    assert_eq!(text.lines().filter(|line| line.contains("a headless Service")).count(), 50);
    assert_eq!(text.lines().filter(|line| line.contains("no such setting")).count(), 10);
    assert!(text.contains("950 lines of the last minute"), "{text}");
}
