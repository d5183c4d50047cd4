//! Which weight do the annotations of an EndpointSlice give its endpoints?

use crate::{
    model::quoted,
    translate::{
        nearest::nearest,
        problems::Problems,
        settings::{ANNOTATION_PREFIX, ANNOTATIONS, WEIGHT},
    },
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use weir_core::Weight;

/// Annotation of Cilium's with the same meaning; weir's own comes before it.
const OF_CILIUM: &str = "service.cilium.io/weight";

/// Weight of the endpoints of a slice. One that cannot be read is reported, and the default is used.
pub(super) fn weight(metadata: &ObjectMeta, problems: &mut Problems) -> Weight {
    let Some(annotations) = &metadata.annotations else { return Weight::DEFAULT };
    let own = annotations.get_key_value(&format!("{ANNOTATION_PREFIX}{WEIGHT}"));
    report_unknown(annotations.keys(), problems);
    let Some((key, text)) = own.or_else(|| annotations.get_key_value(OF_CILIUM)) else {
        return Weight::DEFAULT;
    };
    text.trim().parse().unwrap_or_else(|error| {
        problems.add_with(format_args!("metadata.annotations[{key}]"), || {
            format!("{}: {error}; the default {} is used", quoted(text), Weight::DEFAULT)
        });
        Weight::DEFAULT
    })
}

/// Reports annotations of weir's that mean nothing on a slice.
fn report_unknown<'a>(keys: impl Iterator<Item = &'a String>, problems: &mut Problems) {
    for (key, name) in keys.filter_map(|key| Some((key, key.strip_prefix(ANNOTATION_PREFIX)?))) {
        if name == WEIGHT {
            continue;
        }
        problems.add_with(format_args!("metadata.annotations[{key}]"), || {
            if ANNOTATIONS.iter().any(|annotation| annotation.name == name) {
                return "is an annotation of Services, and means nothing on an EndpointSlice".to_owned();
            }
            let nearest = nearest(name, &[WEIGHT]);
            let nearest = nearest.map(|name| format!(" (did you mean {ANNOTATION_PREFIX}{name}?)"));
            format!("no such annotation of an EndpointSlice{}; it is ignored", nearest.unwrap_or_default())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(annotations: &[(&str, &str)]) -> (u16, Vec<String>) {
        let annotations =
            annotations.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
        let metadata = ObjectMeta { annotations: Some(annotations), ..ObjectMeta::default() };
        let mut problems = Problems::of("EndpointSlice default/web-1");
        let weight = weight(&metadata, &mut problems);
        (weight.get(), problems.list().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn weirs_own_weight_comes_before_ciliums_and_without_either_it_is_100() {
        assert_eq!(read(&[]), (100, vec![]));
        assert_eq!(read(&[("weir.dev/weight", " 0 ")]), (0, vec![]));
        assert_eq!(read(&[("service.cilium.io/weight", "65535")]), (65_535, vec![]));
        assert_eq!(read(&[("service.cilium.io/weight", "7"), ("weir.dev/weight", "8")]), (8, vec![]));
        assert_eq!(
            read(&[("endpoints.kubernetes.io/last-change-trigger-time", "x"), ("weight", "5")]),
            (100, vec![])
        );
    }

    #[test]
    fn a_weight_that_is_none_is_reported_and_the_default_used() {
        for wrong in ["", "-1", "65536", "ten", "1.5", &"9".repeat(100_000)] {
            let (weight, problems) = read(&[("weir.dev/weight", wrong), ("service.cilium.io/weight", "5")]);
            assert_eq!((weight, problems.len()), (100, 1), "{wrong}");
        }
        let (_, problems) = read(&[("service.cilium.io/weight", "70000")]);
        assert_eq!(
            problems,
            [
                "EndpointSlice default/web-1: metadata.annotations[service.cilium.io/weight]: \"70000\": must be a whole \
              number from 0 to 65535; the default 100 is used"
            ]
        );
    }

    #[test]
    fn an_annotation_that_means_nothing_on_a_slice_is_reported() {
        let (weight, problems) = read(&[("weir.dev/wieght", "5"), ("weir.dev/balance", "maglev")]);
        assert_eq!(weight, 100);
        assert_eq!(
            problems,
            [
                "EndpointSlice default/web-1: metadata.annotations[weir.dev/balance]: is an annotation of Services, and \
                 means nothing on an EndpointSlice",
                "EndpointSlice default/web-1: metadata.annotations[weir.dev/wieght]: no such annotation of an EndpointSlice \
                 (did you mean weir.dev/weight?); it is ignored",
            ]
        );
    }
}
