//! What does a browser get at `/`? One page and its parts, which ask nobody but this weir and run nothing else.

use crate::http::{Reply, reply};
use hyper::{
    HeaderMap, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS,
    },
};

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const DRAWING: &str = "image/svg+xml";

/// What the page may do: load its parts and ask the API, both of this very origin. No name of a Service becomes script or
/// style, even if a part of the page forgot to put it as text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// A part of the page: its path, content type and text.
type Part = (&'static str, &'static str, &'static str);

macro_rules! part {
    ($path:literal, $kind:expr) => {
        (concat!("/page/", $path), $kind, include_str!(concat!("page/", $path)))
    };
}

const PARTS: &[Part] = &[
    ("/", HTML, include_str!("page/index.html")),
    part!("style.css", STYLE),
    part!("icon.svg", DRAWING),
    part!("main.js", SCRIPT),
    part!("keys.js", SCRIPT),
    part!("ask/api.js", SCRIPT),
    part!("ask/stream.js", SCRIPT),
    part!("ask/view.js", SCRIPT),
    part!("parts/connections.js", SCRIPT),
    part!("parts/endpoints.js", SCRIPT),
    part!("parts/events.js", SCRIPT),
    part!("parts/explain.js", SCRIPT),
    part!("parts/listing.js", SCRIPT),
    part!("parts/overview.js", SCRIPT),
    part!("parts/service.js", SCRIPT),
    part!("parts/services.js", SCRIPT),
    part!("parts/totals.js", SCRIPT),
    part!("parts/wrong.js", SCRIPT),
    part!("show/dom.js", SCRIPT),
    part!("show/format.js", SCRIPT),
    part!("show/series.js", SCRIPT),
    part!("show/states.js", SCRIPT),
    part!("show/table.js", SCRIPT),
];

/// The page, or a part of it; `None` if the path is none of them.
pub(in crate::admin) fn part(path: &str) -> Option<Reply> {
    let (_, kind, text) = PARTS.iter().find(|(known, ..)| *known == path)?;
    let mut part = reply(StatusCode::OK, kind, *text);
    part.headers_mut().extend(headers());
    Some(part)
}

fn headers() -> HeaderMap {
    let headers = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        // Parts of two versions of weir do not fit each other.
        (CACHE_CONTROL, "no-store"),
    ];
    headers.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn every_file_of_the_page_is_served_and_no_folder_of_it_is_a_hall() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin/routes/page");
        let paths = files(&folder).into_iter().map(|path| {
            assert!(path.parent().unwrap().read_dir().unwrap().count() <= 14, "{}", path.display());
            assert!(fs::read_to_string(&path).unwrap().lines().count() < 300, "{}", path.display());
            format!("/page/{}", path.strip_prefix(&folder).unwrap().display())
        });
        let mut expected: BTreeSet<String> = paths.collect();
        expected.remove("/page/index.html");
        expected.insert("/".to_owned());
        assert_eq!(PARTS.iter().map(|(path, ..)| (*path).to_owned()).collect::<BTreeSet<_>>(), expected);
    }

    #[tokio::test]
    async fn the_page_may_ask_its_own_origin_only_and_runs_no_script_that_is_written_in_it() {
        let page = part("/").unwrap();
        assert_eq!(page.headers()[CONTENT_SECURITY_POLICY], POLICY);
        assert!(POLICY.starts_with("default-src 'none';") && !POLICY.contains("unsafe"));
        let body = page.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(!text.contains("http") && !text.contains("<style") && !text.contains(" style="), "{text}");
        assert_eq!(
            text.matches("<script").count(),
            text.matches("<script type=\"module\" src=\"/page/").count()
        );
        assert!(part("/page/../admin.rs").is_none() && part("/page/").is_none());
    }
}
