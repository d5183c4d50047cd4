//! Why is there no usable way to reach an API server, in words that name the value at fault and never a secret?

use std::path::PathBuf;

/// Reason why no usable way to reach an API server is configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no kubeconfig and no service account.
    #[error(
        "no kubeconfig: name one with --kubeconfig or KUBECONFIG, put it at ~/.kube/config, or serve files with \
         --manifests"
    )]
    NotFound,
    /// No file that `KUBECONFIG` names exists, and there is no service account.
    #[error("no kubeconfig: none of the files that KUBECONFIG names exists: {0}")]
    AllMissing(String),
    /// The kubeconfig cannot be read.
    #[error("cannot read the kubeconfig {path}")]
    Unreadable {
        /// Path of the kubeconfig.
        path: PathBuf,
        /// Error of the operating system, or what is wrong with the encoding.
        source: std::io::Error,
    },
    /// The kubeconfig holds nothing.
    #[error("the kubeconfig {0} is empty")]
    Empty(String),
    /// The kubeconfig is malformed, incomplete, or names what cannot be used.
    #[error("the kubeconfig {origin} cannot be used: {reason}")]
    Invalid {
        /// Path or variable that the kubeconfig is from.
        origin: String,
        /// What is wrong, with the name of the entry.
        reason: String,
    },
    /// The context that was asked for does not exist.
    #[error("there is no context {context:?} in the kubeconfig {origin}; it has: {known}")]
    UnknownContext {
        /// Name of the context.
        context: String,
        /// Path or variable that the kubeconfig is from.
        origin: String,
        /// Names of the existing contexts.
        known: String,
    },
    /// No context was asked for and the kubeconfig has no current one.
    #[error("the kubeconfig {origin} has no current context; choose one with --context: {known}")]
    NoContext {
        /// Path or variable that the kubeconfig is from.
        origin: String,
        /// Names of the existing contexts.
        known: String,
    },
    /// The kubeconfig names an HTTP proxy.
    #[error("the kubeconfig {origin} names a proxy-url, which weir does not support; connect directly")]
    Proxy {
        /// Path or variable that the kubeconfig is from.
        origin: String,
    },
    /// The service account of the Pod is incomplete.
    #[error("the Pod's service account cannot be used: {0}")]
    InCluster(String),
    /// The file of the token cannot be read.
    #[error("cannot read the token for the API server from {path}")]
    Token {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system, or what is wrong with the content.
        source: std::io::Error,
    },
    /// The value of `--api-server` is not a URL.
    #[error("{0:?} is not the URL of an API server, such as https://192.0.2.10:6443: {1}")]
    Url(String, UrlError),
    /// The plugin that gives credentials failed, or is not installed.
    #[error("cannot use the credentials for the API server")]
    Plugin(#[from] PluginError),
    /// A certificate, a key or a value for a header cannot be used.
    #[error("cannot use the credentials for the API server: {0}")]
    Credentials(String),
    /// A library has failed beyond what it says it can.
    #[error(
        "cannot use the credentials for the API server: a library panicked while reading them; please report it"
    )]
    Panicked,
}

/// Reason why text is not the URL of an API server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// There is no text.
    #[error("it is empty")]
    Empty,
    /// Neither a URL nor a host with a port.
    #[error("neither a URL nor host:port")]
    Malformed,
    /// Another scheme than `http` and `https`.
    #[error("its scheme is {0:?}, not http or https")]
    Scheme(String),
    /// The port is no number from 1 to 65535.
    #[error("its port is none")]
    Port,
    /// A user and password are part of the URL, which would be shown wherever the URL is.
    #[error("it holds a user name; put that into the users of a kubeconfig")]
    UserInfo,
}

/// Reason why a plugin gives no credentials. Plugins are programs that a kubeconfig names under `exec`.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The program does not exist.
    #[error("the plugin {command:?} is not installed{hint}")]
    NotInstalled {
        /// Program that the kubeconfig names.
        command: String,
        /// The kubeconfig's `installHint`, after a separator; empty without one.
        hint: String,
    },
    /// The program cannot be started.
    #[error("cannot run the plugin {command:?}")]
    Start {
        /// Program that the kubeconfig names.
        command: String,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The program ended with a failure.
    #[error("the plugin {command:?} failed ({status}): {output}")]
    Failed {
        /// Program that the kubeconfig names.
        command: String,
        /// Exit status.
        status: std::process::ExitStatus,
        /// Beginning of what the program wrote to its standard error.
        output: String,
    },
    /// The program did not end in time.
    #[error("the plugin {command:?} gave no answer within {limit:?}")]
    Late {
        /// Program that the kubeconfig names.
        command: String,
        /// Time that the program was given.
        limit: std::time::Duration,
    },
    /// What the program wrote is not what a plugin has to write.
    #[error("the plugin {command:?} gave no usable answer: {reason}")]
    Answer {
        /// Program that the kubeconfig names.
        command: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl ConfigError {
    /// The error with its causes, for one line.
    pub fn line(&self) -> String {
        let causes = std::iter::successors(Some(self as &dyn std::error::Error), |error| error.source());
        causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }
}
