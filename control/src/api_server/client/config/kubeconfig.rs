//! What do the files of a kubeconfig say about one cluster and its user? Read and merged as by client-go.

use crate::api_server::client::config_error::ConfigError;
use kube::config::{AuthInfo, Cluster, Kubeconfig, KubeconfigError};
use serde_json::Value;
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// Largest kubeconfig, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Cluster and user of one context.
pub(super) struct Chosen {
    /// Path or variable that the kubeconfig is from.
    pub(super) origin: String,
    pub(super) cluster: Cluster,
    pub(super) user: AuthInfo,
    /// Name of the user, for messages.
    pub(super) user_name: String,
}

/// Reads one file.
pub(super) fn read(path: &Path) -> Result<Kubeconfig, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.into(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    let text = text(bytes).map_err(unreadable)?;
    let invalid = |reason| ConfigError::Invalid { origin: path.display().to_string(), reason };
    let mut kubeconfig = parsed(&text).map_err(|error| invalid(without_content(&error.to_string())))?;
    if let Some(kind) = kubeconfig.kind.as_ref().filter(|kind| !matches!(&***kind, "Config" | "")) {
        return Err(invalid(format!("it is a {}, not a kubeconfig (kind: Config)", kind.escape_debug())));
    }
    // An empty name is no name, which hides none of another file.
    kubeconfig.current_context.take_if(|name| name.is_empty());
    if let Some(folder) = path.parent() {
        resolve(&mut kubeconfig, folder);
    }
    Ok(kubeconfig)
}

/// Reads files and merges them: the first file that has an entry of a name, or a current context, counts. Files that
/// do not exist are passed over; `None` if none exists.
pub(super) fn read_all<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Option<Kubeconfig>, ConfigError> {
    let mut merged: Option<Kubeconfig> = None;
    for path in paths {
        let next = match read(path) {
            Err(ConfigError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                continue;
            }
            read => read?,
        };
        merged = Some(match merged {
            None => next,
            Some(first) => first.merge(next).map_err(|error| ConfigError::Invalid {
                origin: path.display().to_string(),
                reason: error.to_string(),
            })?,
        });
    }
    Ok(merged)
}

/// Chooses the cluster and the user of a context; without a name, of the current one.
pub(super) fn choose(
    kubeconfig: Kubeconfig,
    origin: &str,
    context: Option<&str>,
) -> Result<Chosen, ConfigError> {
    let Kubeconfig { clusters, contexts, auth_infos, current_context, .. } = kubeconfig;
    let origin = origin.to_owned();
    if clusters.is_empty() && contexts.is_empty() && auth_infos.is_empty() && current_context.is_none() {
        return Err(ConfigError::Empty(origin));
    }
    let names = |names: Vec<&str>| {
        if names.is_empty() { "none".to_owned() } else { names.join(", ").escape_debug().to_string() }
    };
    let known = names(contexts.iter().map(|named| &*named.name).collect());
    let Some(name) = context.or(current_context.as_deref()).filter(|name| !name.is_empty()) else {
        return Err(ConfigError::NoContext { origin, known });
    };
    let Some(context) = contexts.iter().find(|named| named.name == name) else {
        return Err(ConfigError::UnknownContext { context: name.into(), origin, known });
    };
    let context = context.context.clone().unwrap_or_default();
    let found = clusters.iter().find(|named| named.name == context.cluster);
    let Some(cluster) = found.and_then(|named| named.cluster.clone()) else {
        let known = names(clusters.iter().map(|named| &*named.name).collect());
        let cluster = context.cluster;
        let reason = format!(
            "its context {name:?} names the cluster {cluster:?}, which it does not have; it has: {known}"
        );
        return Err(ConfigError::Invalid { origin, reason });
    };
    // A user that does not exist is nobody, as for client-go.
    let user_name = context.user.unwrap_or_default();
    let user = auth_infos.into_iter().find(|named| named.name == user_name).and_then(|named| named.auth_info);
    Ok(Chosen { origin, cluster, user: user.unwrap_or_default(), user_name })
}

/// Makes the paths in a kubeconfig relative to its folder. A plugin without a slash is looked for in `PATH`.
fn resolve(kubeconfig: &mut Kubeconfig, folder: &Path) {
    let absolute = |path: &mut Option<String>| {
        if let Some(path) = path.as_mut().filter(|path| !path.is_empty()) {
            *path = folder.join(&*path).to_string_lossy().into_owned();
        }
    };
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        absolute(&mut cluster.certificate_authority);
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        absolute(&mut user.client_certificate);
        absolute(&mut user.client_key);
        absolute(&mut user.token_file);
        if let Some(exec) =
            user.exec.as_mut().filter(|exec| exec.command.as_ref().is_some_and(|c| c.contains('/')))
        {
            absolute(&mut exec.command);
        }
    }
}

/// Parses a kubeconfig. What Go leaves at its zero value may be missing or null.
fn parsed(text: &str) -> Result<Kubeconfig, KubeconfigError> {
    Kubeconfig::from_yaml(text).or_else(|error| forgiving(text).ok_or(error))
}

fn forgiving(text: &str) -> Option<Kubeconfig> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).ok()?;
    documents.into_iter().try_fold(Kubeconfig::default(), |merged, mut document| {
        remove_nulls(&mut document);
        for context in document.get_mut("contexts").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(context) = context.get_mut("context").and_then(Value::as_object_mut) {
                context.entry("cluster").or_insert_with(|| "".into());
            }
        }
        merged.merge(serde_json::from_value(document).ok()?).ok()
    })
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}

/// First line of a parser's message, without strings of the kubeconfig, which may be secrets: what follows is a piece of
/// the file.
fn without_content(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    // What is between quotation marks is from the file.
    let (mut pieces, mut shown) = (line.split('"'), String::new());
    shown.push_str(pieces.next().unwrap_or_default());
    while pieces.next().is_some() {
        shown.push_str("\"...\"");
        shown.push_str(pieces.next().unwrap_or_default());
    }
    shown
}

/// Text of a file in UTF-8 or, with its mark, UTF-16, as PowerShell writes it.
fn text(bytes: Vec<u8>) -> io::Result<String> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let units = |from_bytes: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.get(2..).unwrap_or_default().as_chunks::<2>();
        let text = String::from_utf16(&pairs.iter().map(|&pair| from_bytes(pair)).collect::<Vec<_>>());
        text.ok().filter(|_| rest.is_empty()).ok_or_else(|| invalid("it is not text in UTF-16"))
    };
    match &*bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => {
            let text = String::from_utf8(bytes).map_err(|_| invalid("it is not text in UTF-8"))?;
            Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_go_leaves_empty_may_be_missing_or_null() {
        let text = "contexts: [{name: a, context: {}}, {name: c, context: {cluster: k, user: u}}]\n\
                    clusters: [{name: k, cluster: {server: s, extensions: null}}]\nextensions: null\n\
                    users: [{name: u, user: {exec: {command: p, provideClusterInfo: null}, as-groups: null}}]\n";
        let kubeconfig = parsed(text).unwrap();
        let chosen = choose(kubeconfig, "here", Some("c")).unwrap();
        assert_eq!(chosen.cluster.server.as_deref(), Some("s"));
        assert_eq!(chosen.user.exec.unwrap().command.as_deref(), Some("p"));
        let broken = choose(parsed(text).unwrap(), "here", Some("a")).err().unwrap().to_string();
        assert!(
            broken.contains("its context \"a\" names the cluster \"\", which it does not have; it has: k"),
            "{broken}"
        );
    }

    #[test]
    fn a_parser_shows_nothing_of_the_file() {
        for text in [
            "users:\n- name: u\n  user: {token: secret, x: [}\n",
            "users:\n- {name: u, user: {token: {a: secret}}}\n",
            "users:\n- {name: u, user: secret}\n",
            "users: [{name: u, user: {exec: secret}}]\n",
            "users: [{name: u, user: {as-groups: secret}}]\n",
            "clusters: [{name: k, cluster: {insecure-skip-tls-verify: secret}}]\n",
            "-----BEGIN PRIVATE KEY-----\nsecret\n",
        ] {
            let error = parsed(text).unwrap_err().to_string();
            let shown = without_content(&error);
            assert!(shown.contains("kubeconfig YAML") && !shown.contains("secret"), "{shown}");
            assert_eq!(shown.lines().count(), 1);
        }
    }

    #[test]
    fn text_is_read_in_each_encoding_and_half_a_character_is_refused() {
        let little: Vec<u8> = "\u{feff}a: b".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "\u{feff}a: b".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [b"a: b".to_vec(), b"\xef\xbb\xbfa: b".to_vec(), little.clone(), big] {
            assert_eq!(text(bytes).unwrap(), "a: b");
        }
        for bytes in [little[..little.len() - 1].to_vec(), vec![0xff, 0xfe, 0], vec![0xff], vec![0x80]] {
            assert_eq!(text(bytes).unwrap_err().kind(), io::ErrorKind::InvalidData);
        }
    }
}
