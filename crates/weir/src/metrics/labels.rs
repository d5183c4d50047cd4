//! How is a text shown as the value of a label? On one line, printable, and not longer than a name in Kubernetes may be.

use metrics_exporter_prometheus::formatting::sanitize_label_value;
use weir_core::Printable;
use weir_proxy::PortSeries;

/// Characters of a label value at most: names in Kubernetes have 253, those in a manifest may have any number.
const MAX_LENGTH: usize = 253;

/// A text as the value of a label.
pub(super) fn value(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]/".contains(&byte);
    if text.len() <= MAX_LENGTH && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    let shown: String = Printable(text).to_string().chars().take(MAX_LENGTH).collect();
    sanitize_label_value(&shown)
}

/// Labels of a Service port, without braces.
pub(super) fn of_port(series: &PortSeries) -> String {
    let service = &series.key().service;
    let [namespace, name, port] = [&service.namespace, &service.name, &*series.name()].map(value);
    format!("namespace=\"{namespace}\",service=\"{name}\",port=\"{port}\",protocol=\"{}\"", series.protocol())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_printable_line_that_cannot_end_its_label_and_is_not_long() {
        assert_eq!(value("kube-dns"), "kube-dns");
        assert_eq!(value("a\"b\n\u{1b}[2J\\"), r#"a\"b\\n\\u{1b}[2J\\"#);
        assert_eq!(value(&"é".repeat(300)).chars().count(), MAX_LENGTH);
    }
}
