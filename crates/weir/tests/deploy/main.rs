//! Do the manifests of `examples/deploy` say what a cluster and this program understand?

#![allow(clippy::unwrap_used, reason = "clippy excuses test functions only, not their helpers")]

mod kustomize;

use k8s_openapi::{
    api::{
        apps::v1::DaemonSet,
        core::v1::{ConfigMap, Container, HTTPGetAction, PodSpec, ServiceAccount},
        rbac::v1::{ClusterRole, ClusterRoleBinding},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};
use weir::cli::{Command, RunOptions, parse};
use weir_control::Source;

const OVERLAYS: [&str; 2] = ["beside-kube-proxy", "replace-kube-proxy"];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The objects that an overlay, or the base, makes.
fn objects(folder: &str) -> Vec<Value> {
    kustomize::build(&repository().join("examples/deploy").join(folder))
}

fn find<T: DeserializeOwned>(objects: &[Value], kind: &str) -> T {
    let found: Vec<&Value> = objects.iter().filter(|object| object["kind"] == kind).collect();
    let [object] = found[..] else { panic!("{} objects of kind {kind}", found.len()) };
    serde_json::from_value(object.clone()).unwrap()
}

fn pod(objects: &[Value]) -> PodSpec {
    find::<DaemonSet>(objects, "DaemonSet").spec.unwrap().template.spec.unwrap()
}

fn container(objects: &[Value]) -> Container {
    let [container] = &pod(objects).containers[..] else { panic!("more than one container") };
    container.clone()
}

/// The arguments as the kubelet passes them, and each variable as the flag that it stands for.
fn arguments(objects: &[Value]) -> Vec<String> {
    let container = container(objects);
    assert_eq!(container.env.unwrap()[0].name, "NODE_NAME");
    let mut arguments: Vec<String> =
        container.args.unwrap().iter().map(|argument| argument.replace("$(NODE_NAME)", "node-a")).collect();
    let settings: ConfigMap = find(objects, "ConfigMap");
    for (name, value) in settings.data.unwrap() {
        let flag = name.strip_prefix("WEIR_").unwrap_or_else(|| panic!("{name} is no variable of weir"));
        arguments.push(format!("--{}={value}", flag.to_lowercase().replace('_', "-")));
    }
    arguments
}

fn options(objects: &[Value]) -> RunOptions {
    match parse(["weir".to_owned()].into_iter().chain(arguments(objects)), []) {
        Ok(Command::Run(options)) => *options,
        other => panic!("{other:?}"),
    }
}

fn assert_is<T: Serialize + DeserializeOwned>(object: &Value) {
    let typed: T = serde_json::from_value(object.clone()).unwrap();
    assert_eq!(&serde_json::to_value(typed).unwrap(), object, "a field is unknown or misplaced");
}

#[test]
fn every_field_of_every_object_is_one_of_the_api() {
    for folder in ["base"].iter().chain(&OVERLAYS) {
        let objects = objects(folder);
        assert_eq!(objects.len(), 5, "{folder}");
        for object in &objects {
            match object["kind"].as_str().unwrap() {
                "DaemonSet" => assert_is::<DaemonSet>(object),
                "ConfigMap" => assert_is::<ConfigMap>(object),
                "ServiceAccount" => assert_is::<ServiceAccount>(object),
                "ClusterRole" => assert_is::<ClusterRole>(object),
                "ClusterRoleBinding" => assert_is::<ClusterRoleBinding>(object),
                kind => panic!("{kind} is not expected in {folder}"),
            }
        }
    }
}

#[test]
fn the_program_takes_the_arguments_of_every_overlay() {
    for overlay in OVERLAYS {
        let objects = objects(overlay);
        let options = options(&objects);
        assert_eq!(options.scope.node_name, "node-a");
        assert!(arguments(&objects).iter().any(|argument| argument == "--mode=node"));
        let beside = overlay == "beside-kube-proxy";
        assert_eq!(options.scope.selection.service_proxy_name.is_some(), beside, "{overlay}");
        let Source::Kube(source) = options.source else { panic!("{overlay} reads no API server") };
        assert_eq!(source.api_server.is_some(), !beside, "without kube-proxy no Service leads there");
        assert_ne!(options.health_address.unwrap().ip().is_loopback(), !beside, "{overlay}");
    }
}

#[test]
fn probes_ask_where_the_program_answers() {
    for overlay in OVERLAYS {
        let objects = objects(overlay);
        let (container, address) = (container(&objects), options(&objects).health_address.unwrap());
        let [live, ready] = [container.liveness_probe, container.readiness_probe]
            .map(|probe| probe.and_then(|probe| probe.http_get).unwrap());
        assert_eq!((live.path.as_deref(), ready.path.as_deref()), (Some("/livez"), Some("/readyz")));
        for HTTPGetAction { host, port, .. } in [live, ready] {
            assert_eq!(port, IntOrString::Int(address.port().into()), "{overlay}");
            assert_eq!(host.as_deref(), Some("127.0.0.1"), "{overlay}");
            assert!(address.ip().is_loopback() || address.ip().is_unspecified(), "{overlay}");
        }
        let collides = [10256, 10249].contains(&address.port());
        assert_ne!(collides, overlay == "beside-kube-proxy", "kube-proxy has these ports");
    }
}

#[test]
fn the_container_may_do_what_node_mode_needs_and_nothing_else() {
    let objects = objects("base");
    let security = container(&objects).security_context.unwrap();
    let capabilities = security.capabilities.unwrap();
    assert_eq!(capabilities.drop.unwrap(), ["ALL"]);
    assert_eq!(capabilities.add.unwrap(), ["NET_ADMIN", "NET_BIND_SERVICE"]);
    assert_eq!(security.allow_privilege_escalation, Some(false));
    assert_eq!(security.read_only_root_filesystem, Some(true));
    assert_eq!(security.seccomp_profile.unwrap().type_, "RuntimeDefault");
    assert_eq!(security.privileged, None);
}

#[test]
fn the_state_outlives_the_pod_on_its_node() {
    for overlay in OVERLAYS {
        let objects = objects(overlay);
        let (pod, container) = (pod(&objects), container(&objects));
        assert!(!arguments(&objects).iter().any(|argument| argument.starts_with("--state-dir")));
        let user = container.security_context.unwrap().run_as_user;
        assert_eq!(user, Some(0), "the default folder is that of root");
        let mounts = container.volume_mounts.unwrap();
        let mount = mounts.iter().find(|mount| mount.mount_path == "/var/lib/weir").unwrap();
        assert_ne!(mount.read_only, Some(true));
        let volumes = pod.volumes.unwrap();
        let volume = volumes.iter().find(|volume| volume.name == mount.name).unwrap();
        let path = volume.host_path.as_ref().unwrap();
        let kind = path.type_.as_deref();
        assert_eq!((&*path.path, kind), ("/var/lib/weir", Some("DirectoryOrCreate")), "{overlay}");
    }
}

#[test]
fn the_pod_runs_everywhere_as_the_account_that_has_the_role() {
    let objects = objects("base");
    let pod = pod(&objects);
    let account: ServiceAccount = find(&objects, "ServiceAccount");
    let binding: ClusterRoleBinding = find(&objects, "ClusterRoleBinding");
    let daemon_set: DaemonSet = find(&objects, "DaemonSet");
    let [subject] = &binding.subjects.unwrap()[..] else { panic!() };
    assert_eq!(pod.service_account_name, account.metadata.name);
    assert_eq!(Some(&subject.name), account.metadata.name.as_ref());
    assert_eq!(subject.namespace, daemon_set.metadata.namespace);
    assert_eq!(Some(binding.role_ref.name), find::<ClusterRole>(&objects, "ClusterRole").metadata.name);
    assert_eq!(
        (pod.host_network, pod.priority_class_name.as_deref()),
        (Some(true), Some("system-node-critical"))
    );
    assert_eq!(pod.tolerations.unwrap()[0].operator.as_deref(), Some("Exists"));
}

#[test]
fn an_update_leaves_no_node_without_a_proxy_and_no_connection_without_its_time() {
    let objects = objects("base");
    let spec = find::<DaemonSet>(&objects, "DaemonSet").spec.unwrap();
    let update = spec.update_strategy.unwrap().rolling_update.unwrap();
    assert_eq!(update.max_unavailable, Some(IntOrString::Int(0)));
    assert_eq!(update.max_surge, Some(IntOrString::Int(1)));
    assert!(
        container(&objects).ports.is_none(),
        "two Pods with the same host port are not scheduled on one node"
    );
    let grace = pod(&objects).termination_grace_period_seconds.unwrap();
    let drain = options(&objects).drain_timeout.as_secs();
    assert!(grace >= i64::try_from(drain).unwrap() + 10, "{grace} s for a drain of {drain} s");
}

#[test]
fn both_pods_of_an_update_share_the_runtime_directory_and_the_old_one_is_not_started_again() {
    for overlay in OVERLAYS {
        let objects = objects(overlay);
        let (pod, container, arguments) = (pod(&objects), container(&objects), arguments(&objects));
        for argument in ["--takeover", "--when-taken-over=wait"] {
            assert!(arguments.iter().any(|known| known == argument), "{overlay}: {argument}");
        }
        assert!(!arguments.iter().any(|argument| argument.starts_with("--runtime-dir")));
        let mounts = container.volume_mounts.unwrap();
        // The folder that is root's by default.
        let mount = mounts.iter().find(|mount| mount.mount_path == "/run/weir").unwrap();
        assert_ne!(mount.read_only, Some(true));
        let volumes = pod.volumes.unwrap();
        let volume = volumes.iter().find(|volume| volume.name == mount.name).unwrap();
        let path = volume.host_path.as_ref().unwrap();
        assert_eq!((&*path.path, path.type_.as_deref()), ("/run/weir", Some("DirectoryOrCreate")));
    }
    let spec = find::<DaemonSet>(&objects("base"), "DaemonSet").spec.unwrap();
    assert!(spec.min_ready_seconds.unwrap() >= 10, "the old weir answers the first probe");
}

#[test]
fn the_image_is_built_from_every_crate_and_has_the_tag_that_is_deployed() {
    let root = repository();
    let text = fs::read_to_string(root.join("examples/deploy/Containerfile")).unwrap();
    let image = format!("weir:{}", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&format!("-t {image} .")), "{image}");
    assert_eq!(container(&objects("base")).image.as_deref(), Some(&*image));
    let copied: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("COPY ")).collect();
    let copied: Vec<&str> = copied.iter().filter(|line| !line.starts_with("--from")).copied().collect();
    let sources: Vec<&str> =
        copied.iter().flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' ')).collect();
    for source in &sources {
        assert!(root.join(source).exists(), "{source}");
    }
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    for member in members.trim_end_matches(']').split(", ").map(|member| member.trim_matches('"')) {
        assert!(sources.contains(&member.trim_end_matches("/*")), "{member} is not copied");
    }
}
