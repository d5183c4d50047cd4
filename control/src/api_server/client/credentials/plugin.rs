//! How is a plugin asked for credentials? A program that the kubeconfig names, run as client-go runs it.

use super::PluginCredentials;
use crate::api_server::client::config_error::PluginError;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::Uri;
use kube::config::{Cluster, ExecConfig, ExecInteractiveMode};
use serde_json::{Value, json};
use std::{
    io::{self, IsTerminal},
    process::Stdio,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::Command,
    time::timeout,
};

/// Versions of the protocol between client and plugin.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/// Name of the extension of a cluster that is meant for plugins.
const EXTENSION: &str = "client.authentication.k8s.io/exec";

/// Longest time that a plugin may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Longest time that a plugin may take to talk to somebody at a terminal.
const INTERACTIVE_LIMIT: Duration = Duration::from_secs(300);

/// Bytes that are read of each output of a plugin.
const MAX_OUTPUT_BYTES: u64 = 1 << 20;

/// What plugins are told about the cluster, if the kubeconfig says so.
#[derive(Clone, Debug)]
pub(in crate::api_server::client) struct PluginCluster(Value);

impl PluginCluster {
    pub(in crate::api_server::client) fn new(
        cluster: &Cluster,
        server: &Uri,
        authority: Option<Vec<u8>>,
    ) -> Self {
        let mut told = json!({ "server": server.to_string().trim_end_matches('/') });
        let mut tell = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                told[name] = value;
            }
        };
        tell("tls-server-name", cluster.tls_server_name.clone().map(Value::from));
        tell(
            "insecure-skip-tls-verify",
            cluster.insecure_skip_tls_verify.filter(|&skip| skip).map(Value::from),
        );
        tell("certificate-authority-data", authority.map(|pem| STANDARD.encode(pem).into()));
        let mut extensions = cluster.extensions.iter().flatten();
        let extension = extensions.find(|extension| extension.name == EXTENSION);
        tell("config", Some(extension.map_or(Value::Null, |extension| extension.extension.clone())));
        Self(told)
    }
}

/// Program that gives credentials, and all that it is told.
#[derive(Clone, Debug)]
pub(in crate::api_server::client) struct Plugin {
    command: String,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    api_version: String,
    /// Hint of the kubeconfig for those who have not installed the program.
    hint: String,
    mode: Option<ExecInteractiveMode>,
    cluster: Option<PluginCluster>,
}

impl Plugin {
    /// Takes over what a kubeconfig says. Nothing is run.
    pub(in crate::api_server::client) fn new(
        exec: &ExecConfig,
        cluster: PluginCluster,
    ) -> Result<Self, String> {
        let command = exec.command.clone().filter(|command| !command.is_empty());
        let command = command.ok_or("its plugin (exec) has no command")?;
        let api_version = exec.api_version.clone().unwrap_or_default();
        if !VERSIONS.contains(&&*api_version) {
            return Err(format!(
                "the apiVersion {api_version:?} of its plugin {command:?} is none of {VERSIONS:?}"
            ));
        }
        let mut variables = Vec::new();
        for variable in exec.env.iter().flatten() {
            let text = |key| variable.get(key).cloned().unwrap_or_default();
            let (name, value) = (text("name"), text("value"));
            if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
                return Err(format!(
                    "its plugin {command:?} has a variable (env) without a usable name or value"
                ));
            }
            variables.push((name, value));
        }
        let arguments = exec.args.clone().unwrap_or_default();
        if command.contains('\0') || arguments.iter().any(|argument| argument.contains('\0')) {
            return Err("the command or arguments of its plugin (exec) have a zero byte".into());
        }
        Ok(Self {
            command,
            arguments,
            variables,
            api_version,
            hint: exec.install_hint.as_deref().map(one_line).unwrap_or_default(),
            mode: exec.interactive_mode.clone(),
            cluster: exec.provide_cluster_info.then_some(cluster),
        })
    }

    /// Runs the program. It may talk to a terminal if weir has one, and is ended when it takes too long.
    pub(in crate::api_server::client) async fn run(&self) -> Result<PluginCredentials, PluginError> {
        let terminal = io::stdin().is_terminal();
        if self.mode == Some(ExecInteractiveMode::Always) && !terminal {
            let reason = "it needs a terminal (interactiveMode: Always), and weir has none".to_owned();
            return Err(PluginError::Answer { command: self.command.clone(), reason });
        }
        let interactive = terminal && self.mode != Some(ExecInteractiveMode::Never);
        let limit = if interactive { INTERACTIVE_LIMIT } else { LIMIT };
        self.run_within(interactive, limit).await
    }

    async fn run_within(&self, interactive: bool, limit: Duration) -> Result<PluginCredentials, PluginError> {
        let command = || self.command.clone();
        let mut program = Command::new(&self.command);
        program.args(&self.arguments).envs(self.variables.iter().map(|(name, value)| (name, value)));
        program.env("KUBERNETES_EXEC_INFO", self.info(interactive));
        program.kill_on_drop(true).stdout(Stdio::piped());
        match interactive {
            true => program.stdin(Stdio::inherit()).stderr(Stdio::inherit()),
            // A signal for weir's process group is not meant for the plugin.
            false => program.stdin(Stdio::null()).stderr(Stdio::piped()).process_group(0),
        };
        let mut child = program.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => {
                PluginError::NotInstalled { command: command(), hint: self.hint_text() }
            }
            _ => PluginError::Start { command: command(), source },
        })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended =
            timeout(limit, async { tokio::join!(beginning(stdout), beginning(stderr), child.wait()) });
        let Ok((stdout, stderr, status)) = ended.await else {
            return Err(PluginError::Late { command: command(), limit });
        };
        let status = status.map_err(|source| PluginError::Start { command: command(), source })?;
        if !status.success() {
            let output = one_line(&String::from_utf8_lossy(&stderr));
            return Err(PluginError::Failed { command: command(), status, output });
        }
        PluginCredentials::parse(&stdout, &self.api_version)
            .map_err(|reason| PluginError::Answer { command: command(), reason })
    }

    /// Value of `KUBERNETES_EXEC_INFO`.
    fn info(&self, interactive: bool) -> String {
        let mut spec = json!({ "interactive": interactive });
        if let Some(PluginCluster(cluster)) = &self.cluster {
            spec["cluster"] = cluster.clone();
        }
        json!({ "apiVersion": self.api_version, "kind": "ExecCredential", "spec": spec }).to_string()
    }

    fn hint_text(&self) -> String {
        match &*self.hint {
            "" => ", or not in PATH".to_owned(),
            hint => format!(": {hint}"),
        }
    }
}

/// First bytes of an output, which may be none; the rest is not read.
async fn beginning(output: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut read = Vec::new();
    if let Some(output) = output {
        // What came until an error is all that there is.
        _ = output.take(MAX_OUTPUT_BYTES).read_to_end(&mut read).await;
    }
    read
}

/// Text of others, fit for one line of a log: short, without control characters.
fn one_line(text: &str) -> String {
    let words = text.split(|char: char| char.is_whitespace() || char.is_control());
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    line.chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(script: &str) -> Plugin {
        let exec = ExecConfig {
            command: Some("sh".into()),
            args: Some(vec!["-c".into(), script.into()]),
            api_version: Some(VERSIONS[0].into()),
            install_hint: Some("install it\nfrom here\n".into()),
            provide_cluster_info: true,
            env: Some(vec![
                [("name", "GREETING"), ("value", "hello")].map(|(k, v)| (k.into(), v.into())).into(),
            ]),
            ..ExecConfig::default()
        };
        let cluster =
            PluginCluster::new(&Cluster::default(), &Uri::from_static("https://api/"), Some(b"pem".to_vec()));
        Plugin::new(&exec, cluster).unwrap()
    }

    async fn error_of(plugin: &Plugin) -> String {
        plugin.run_within(false, LIMIT).await.err().unwrap().to_string()
    }

    #[tokio::test]
    async fn a_plugin_is_told_of_the_cluster_and_has_its_variables() {
        let script = r#"printf '{"status":{"token":"%s %s"}}' "$GREETING" "$(echo "$KUBERNETES_EXEC_INFO" | tr '"' .)""#;
        let credentials = plugin(script).run_within(false, LIMIT).await.unwrap();
        let header = credentials.header.unwrap();
        assert_eq!(
            header.to_str().unwrap().replace('.', "\""),
            "Bearer hello {\"apiVersion\":\"client\"authentication\"k8s\"io/v1\",\"kind\":\"ExecCredential\",\"spec\":\
             {\"cluster\":{\"certificate-authority-data\":\"cGVt\",\"config\":null,\"server\":\"https://api\"},\
             \"interactive\":false}}"
        );
    }

    #[tokio::test]
    async fn a_plugin_that_is_not_installed_is_named_with_its_hint() {
        let mut missing = plugin("");
        missing.command = "weir-no-such-plugin".into();
        assert_eq!(
            error_of(&missing).await,
            "the plugin \"weir-no-such-plugin\" is not installed: install it from here"
        );
        missing.hint.clear();
        assert!(error_of(&missing).await.ends_with("is not installed, or not in PATH"));
    }

    #[tokio::test]
    async fn a_plugin_that_fails_hangs_or_talks_without_end_gives_an_error() {
        let failed = error_of(&plugin("echo no; printf 'log\\nin \\033first' >&2; exit 3")).await;
        assert!(failed.ends_with("failed (exit status: 3): log in first"), "{failed}");
        let late = plugin("sleep 1000").run_within(false, Duration::from_millis(50)).await.err().unwrap();
        assert!(late.to_string().ends_with("gave no answer within 50ms"), "{late}");
        let endless = error_of(&plugin("exec cat /dev/zero")).await;
        assert!(endless.contains("plugin \"sh\""), "{endless}");
    }

    #[test]
    fn a_plugin_that_cannot_be_asked_is_refused_before_it_runs() {
        let cluster = || PluginCluster::new(&Cluster::default(), &Uri::from_static("https://api/"), None);
        let exec = |text: &str| serde_json::from_str::<ExecConfig>(text).unwrap();
        for (text, words) in [
            (r#"{"apiVersion": "client.authentication.k8s.io/v1"}"#, "no command"),
            (r#"{"command": "a"}"#, "the apiVersion \"\" of its plugin \"a\""),
            (r#"{"command": "a", "apiVersion": "client.authentication.k8s.io/v1alpha1"}"#, "v1alpha1"),
            (
                r#"{"command": "a", "apiVersion": "client.authentication.k8s.io/v1", "env": [{"value": "b"}]}"#,
                "without a usable name",
            ),
            (
                r#"{"command": "a", "apiVersion": "client.authentication.k8s.io/v1", "args": ["\u0000"]}"#,
                "zero byte",
            ),
        ] {
            let error = Plugin::new(&exec(text), cluster()).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
