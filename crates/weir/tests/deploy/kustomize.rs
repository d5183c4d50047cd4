//! Which objects does a folder with a kustomization make? The part of kustomize that `examples/deploy` uses; anything else in
//! a kustomization is an error.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::{fs, path::Path};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kustomization {
    api_version: String,
    kind: String,
    resources: Vec<String>,
    #[serde(default)]
    config_map_generator: Vec<Generator>,
    #[serde(default)]
    patches: Vec<Patch>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Generator {
    name: String,
    namespace: String,
    #[serde(default)]
    behavior: Behavior,
    literals: Vec<String>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Behavior {
    #[default]
    Create,
    Merge,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    target: Target,
    patch: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    kind: String,
    name: String,
}

/// A step of a JSON patch (RFC 6902).
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum Step {
    Replace { path: String, value: Value },
}

/// The objects that this folder makes.
pub(super) fn build(folder: &Path) -> Vec<Value> {
    let path = folder.join("kustomization.yaml");
    let kustomization: Kustomization = yaml(&fs::read_to_string(&path).unwrap(), &path);
    assert_eq!(kustomization.api_version, "kustomize.config.k8s.io/v1beta1");
    assert_eq!(kustomization.kind, "Kustomization");
    let mut objects = Vec::new();
    for resource in &kustomization.resources {
        let path = folder.join(resource);
        match path.is_dir() {
            true => objects.extend(build(&path)),
            false => objects.extend(documents(&path)),
        }
    }
    kustomization.config_map_generator.iter().for_each(|generator| generate(generator, &mut objects));
    kustomization.patches.iter().for_each(|patch| apply(patch, &path, &mut objects));
    objects
}

fn yaml<T: DeserializeOwned>(text: &str, path: &Path) -> T {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.split("\n---\n").map(|document| yaml(document, path)).collect()
}

fn find<'a>(objects: &'a mut [Value], kind: &str, name: &str) -> &'a mut Value {
    let found =
        objects.iter_mut().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

fn generate(generator: &Generator, objects: &mut Vec<Value>) {
    let Generator { name, namespace, behavior, literals } = generator;
    let literals = literals.iter().map(|literal| {
        let (key, value) = literal.split_once('=').unwrap_or_else(|| panic!("{literal} has no value"));
        (key.to_owned(), Value::from(value))
    });
    if *behavior == Behavior::Create {
        let metadata = json!({ "name": name, "namespace": namespace });
        objects.push(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {} }));
    }
    let object = find(objects, "ConfigMap", name);
    assert_eq!(object["metadata"]["namespace"], **namespace, "another ConfigMap");
    let data: &mut Map<String, Value> = object["data"].as_object_mut().unwrap();
    data.extend(literals);
}

fn apply(Patch { target, patch }: &Patch, path: &Path, objects: &mut [Value]) {
    let object = find(objects, &target.kind, &target.name);
    for Step::Replace { path: pointer, value } in yaml::<Vec<Step>>(patch, path) {
        let place = object.pointer_mut(&pointer);
        *place.unwrap_or_else(|| panic!("{}: there is no {pointer}", path.display())) = value;
    }
}
