//! Can any content of a file make weir panic, hang or forget what it served?

use super::{documents, service, slice};
use proptest::prelude::*;
use weir_control::{Loaded, Scope, load_manifests_with};

fn load(bytes: &[u8]) -> Loaded {
    load_manifests_with(&["-".into()], bytes, &Scope::default()).unwrap()
}

fn valid() -> Vec<u8> {
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nstatus:\n  addresses:\n  - {type: InternalIP, \
                address: 10.0.0.1}\n";
    let list = r#"{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR", "metadata": {"name": "a"}, "spec": {"cidrs": ["10.96.0.0/16"]}}]}"#;
    documents(&[service("web", 80), slice("web", "10.0.0.1"), node.into(), format!("{list}\n")]).into_bytes()
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        load(&bytes);
    }

    #[test]
    fn arbitrary_text(text in "[-a-z0-9:{}\\[\\],&*!|>'\"%@#? \\n\\t]{0,200}") {
        load(text.as_bytes());
    }

    #[test]
    fn a_manifest_with_bytes_changed(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = valid();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        load(&bytes);
    }

    #[test]
    fn a_manifest_with_parts_cut_out_and_repeated(
        parts in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..80), 1..12)
    ) {
        let valid = valid();
        let mut bytes = Vec::new();
        for (start, length) in parts {
            let start = start.index(valid.len());
            bytes.extend_from_slice(&valid[start..(start + length).min(valid.len())]);
        }
        load(&bytes);
    }
}

#[test]
fn the_unchanged_manifest_is_good() {
    let loaded = load(&valid());
    assert_eq!((loaded.report.problems.len(), loaded.report.objects), (0, 4));
}

#[test]
fn a_file_full_of_mistakes_reports_a_bounded_number() {
    let text = "---\n: [\n".repeat(20_000);
    let loaded = load(text.as_bytes());
    assert_eq!(loaded.report.problems.len(), 1001);
    assert!(loaded.report.problems.iter().any(|problem| problem.message == "has 19000 more problems"));
}

#[test]
fn an_alias_bomb_is_one_mistake_beside_good_documents() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", ")));
    }
    let loaded = load(documents(&[bomb, service("web", 80)]).as_bytes());
    assert_eq!((loaded.report.problems.len(), loaded.report.objects), (1, 1));
}
