//! What does an operator read when the way to the API server is not configured well?

use super::{Kind, KubeSource, Scope, Source, TempFile, Watching, start};
use weir_testkit::ApiServer;

async fn error_of(source: KubeSource) -> String {
    let error = start(Source::Kube(source), Scope::default()).await.unwrap_err();
    // With its causes, as the command prints it.
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn error_of_kubeconfig(content: &str, context: Option<&str>) -> String {
    let kubeconfig = TempFile::new(content);
    let context = context.map(str::to_owned);
    error_of(KubeSource { kubeconfig: Some(kubeconfig.0.clone()), context, ..KubeSource::default() }).await
}

#[tokio::test]
async fn a_kubeconfig_that_is_missing() {
    let kubeconfig = Some("/does/not/exist".into());
    let error = error_of(KubeSource { kubeconfig, ..KubeSource::default() }).await;
    assert!(error.starts_with("cannot read the kubeconfig /does/not/exist: "), "{error}");
}

#[tokio::test]
async fn a_kubeconfig_that_is_none() {
    let error = error_of_kubeconfig("a: [", None).await;
    assert!(error.starts_with("the kubeconfig ") && error.contains("cannot be used"), "{error}");
    let error = error_of_kubeconfig("", None).await;
    assert!(error.starts_with("the kubeconfig ") && error.ends_with(" is empty"), "{error}");
    let error =
        error_of_kubeconfig("contexts: []\ncurrent-context: \"\"\nclusters: [{name: k}]\n", None).await;
    assert!(error.contains("has no current context; choose one with --context: none"), "{error}");
    let error = error_of_kubeconfig("apiVersion: v1\nkind: Pod\n", None).await;
    assert!(error.contains("it is a Pod, not a kubeconfig"), "{error}");
}

#[tokio::test]
async fn a_context_that_is_unknown() {
    let content = "apiVersion: v1\nkind: Config\ncurrent-context: gone\ncontexts:\n\
                   - {name: staging, context: {cluster: a, user: b}}\n- {name: production, context: {cluster: a, user: b}}\n";
    for context in [None, Some("gone")] {
        let error = error_of_kubeconfig(content, context).await;
        assert!(error.starts_with("there is no context \"gone\" in the kubeconfig "), "{error}");
        assert!(error.ends_with("it has: staging, production"), "{error}");
    }
    let error = error_of_kubeconfig(content, Some("staging")).await;
    assert!(error.contains("cluster"), "{error}");
}

#[tokio::test]
async fn a_proxy_or_a_plugin_that_cannot_be_used() {
    let content = |cluster: &str, user: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts:\n- {{name: a, context: {{cluster: a, user: a}}}}\n\
             clusters:\n- {{name: a, cluster: {{server: \"https://127.0.0.1:1\"{cluster}}}}}\nusers:\n- {{name: a, user: {user}}}\n"
        )
    };
    let error = error_of_kubeconfig(&content(", proxy-url: \"http://proxy\"", "{}"), None).await;
    assert!(error.contains("proxy-url, which weir does not support"), "{error}");
    let exec = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: /does/not/exist, interactiveMode: Never}}";
    let error = error_of_kubeconfig(&content("", exec), None).await;
    let words =
        "cannot use the credentials for the API server: the plugin \"/does/not/exist\" is not installed";
    assert!(error.starts_with(words), "{error}");
}

#[tokio::test]
async fn a_url_that_is_none() {
    for url in ["not a url", "10.0.0.1:99999", "ftp://10.0.0.1", "https://a:b@10.0.0.1"] {
        let server = ApiServer::start().await.unwrap();
        let kubeconfig = TempFile::new(&server.kubeconfig());
        let source = KubeSource {
            kubeconfig: Some(kubeconfig.0.clone()),
            api_server: Some(url.into()),
            ..KubeSource::default()
        };
        let error = error_of(source).await;
        assert!(error.contains(url) && error.contains("is not the URL of an API server"), "{error}");
    }
}

#[tokio::test]
async fn the_url_can_be_overridden() {
    let server = ApiServer::start().await.unwrap();
    let elsewhere = server.kubeconfig().replace(&server.url(), "http://127.0.0.1:1");
    let source = KubeSource { api_server: Some(server.url()), ..KubeSource::default() };
    Watching::with(&elsewhere, source, Scope::default()).await.is_ready().await;
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved() {
    let server = ApiServer::start().await.unwrap();
    let kubeconfig = server.kubeconfig().replace(&server.url(), "http://api.weir-test.invalid:6443");
    let mut weir = Watching::start(&kubeconfig).await;
    weir.fails(Kind::Service, &["http://api.weir-test.invalid:6443", "its name cannot be resolved"]).await;
}
