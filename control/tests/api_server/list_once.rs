//! Are the objects of an API server listed once, within a limit?

use crate::{NODE, TempFile, cluster::slice, served, service};
use std::{net::TcpListener, time::Duration};
use tokio::time::Instant;
use weir_control::{KubeSource, ListError, Loaded, Scope, load_api_server};
use weir_testkit::{ApiServer, Resource};

const LIMIT: Duration = Duration::from_secs(30);

async fn load(kubeconfig: &str, source: KubeSource) -> Result<Loaded, ListError> {
    let kubeconfig = TempFile::new(kubeconfig);
    let source = KubeSource { kubeconfig: Some(kubeconfig.0.clone()), ..source };
    let scope = Scope { node_name: NODE.into(), ..Scope::default() };
    Box::pin(load_api_server(source, &scope, LIMIT)).await
}

#[tokio::test]
async fn all_objects_are_listed_with_the_slices_of_each_service() {
    let server = ApiServer::start().await.unwrap();
    for object in [service("web", 1), slice("web", "10.244.0.1")] {
        server.apply(object).unwrap();
    }
    for streams in [true, false] {
        if !streams {
            server.refuse_streaming_lists(400);
        }
        let loaded = load(&server.kubeconfig(), KubeSource::default()).await.unwrap();
        assert_eq!(served(&loaded.snapshot).len(), 1);
        let web = loaded.snapshot.services().next().unwrap();
        assert_eq!(loaded.state.slices_of(&web.key).count(), 1);
        assert!(loaded.problems.is_empty() && loaded.notes.is_empty(), "{loaded:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_its_objects_is_found() {
    let server = ApiServer::start().await.unwrap();
    let mut web = service("web", 1);
    web["metadata"]["annotations"]["weir.dev/balance"] = "fastest".into();
    server.apply(web).unwrap();
    server.forbid(Resource::Nodes, true);
    let loaded = load(&server.kubeconfig(), KubeSource::default()).await.unwrap();
    assert_eq!(loaded.problems.len(), 1);
    assert!(loaded.problems[0].to_string().contains("weir.dev/balance"), "{}", loaded.problems[0]);
    assert!(loaded.notes[0].contains("403 Forbidden"), "{:?}", loaded.notes);
}

/// A kubeconfig of a server that takes connections and never answers.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"{url}\"}}}}]\n\
         users: [{{name: c, user: {{}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: c}}}}]\n"
    );
    (listener, kubeconfig)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up_at_the_limit() {
    let (_listener, kubeconfig) = silent();
    let begin = Instant::now();
    let error = load(&kubeconfig, KubeSource::default()).await.unwrap_err();
    assert!(matches!(error, ListError::TimedOut { .. }), "{error}");
    assert!(error.to_string().contains("services, endpointslices"), "{error}");
    assert_eq!(begin.elapsed().as_secs(), LIMIT.as_secs());
}

#[tokio::test(start_paused = true)]
async fn after_the_second_failure_of_a_list_its_reason_is_the_answer() {
    let (_listener, kubeconfig) = silent();
    let source = KubeSource { answer_timeout: Duration::from_secs(10), ..KubeSource::default() };
    let begin = Instant::now();
    let error = load(&kubeconfig, source).await.unwrap_err();
    assert!(matches!(error, ListError::Failed(_)), "{error}");
    assert!(begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
}
