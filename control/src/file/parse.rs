//! Which documents does a file hold, and what does each say? YAML or JSON; each document stands for itself.

use super::document::duplicates;
use serde_json::Value;
use serde_saphyr::{DefaultMessageFormatter, MessageFormatter, Options};

/// One document of a file.
#[derive(Debug)]
pub(super) struct Document<'a> {
    /// Number of the document, from 1; empty ones do not count.
    pub(super) number: usize,
    /// First line of the document in the file, from 1.
    pub(super) line: usize,
    /// Text of the document.
    pub(super) text: &'a str,
    /// Line of the beginning of the text in the file, from 1.
    pub(super) text_line: usize,
    /// Paths of fields that are there twice.
    pub(super) duplicates: Vec<String>,
    /// Content of the document, or why it cannot be read.
    pub(super) content: Result<Value, SyntaxError>,
}

/// Reason why a document cannot be read.
#[derive(Debug)]
pub(super) struct SyntaxError {
    /// Line in the file, from 1.
    pub(super) line: usize,
    pub(super) message: String,
}

/// Reads all documents of a text.
pub(super) fn documents(text: &str, named_json: bool) -> Vec<Document<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if named_json || text.trim_start().starts_with('{') {
        let documents = json(text);
        // A YAML flow mapping looks like JSON at first, and so do JSON documents between `---` lines.
        if named_json && !text.contains("\n---") || documents.iter().all(|document| document.content.is_ok())
        {
            return documents;
        }
    }
    yaml(text)
}

fn json(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let (mut counted, mut line) = (0, 1);
    loop {
        let start = stream.byte_offset();
        let start = start + text[start..].len() - text[start..].trim_start().len();
        line += newlines(&text[counted..start]);
        counted = start;
        let Some(content) = stream.next() else { return documents };
        let broken = content.is_err();
        let content = content.map_err(|error| SyntaxError {
            line: error.line().max(1),
            message: format!("is not valid JSON: {}", without_position(&error.to_string())),
        });
        let number = documents.len() + 1;
        let text = text.get(start..stream.byte_offset()).unwrap_or_default();
        let duplicates = duplicates::find(text);
        documents.push(Document { number, line, text, text_line: line, duplicates, content });
        if broken {
            return documents;
        }
    }
}

fn without_position(message: &str) -> &str {
    message.rfind(" at line ").map_or(message, |end| &message[..end])
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

fn yaml(text: &str) -> Vec<Document<'_>> {
    let options = options();
    let mut documents = Vec::new();
    for (line, chunk) in chunks(text) {
        let lines = chunk.lines();
        let Some(blank) = lines.into_iter().position(has_content) else { continue };
        let content = serde_saphyr::from_str_with_options::<Value>(chunk, options.clone());
        let content = content.map_err(|error| {
            let error = error.without_snippet();
            let said = DefaultMessageFormatter.format_message(error);
            // The rest of its messages is for programmers.
            let said = said.split(", set ").next().unwrap_or_default();
            let message = format!("is not valid YAML: {said}");
            let offset = error.location().and_then(|at| usize::try_from(at.line()).ok()).unwrap_or(1);
            SyntaxError { line: line + offset.saturating_sub(1), message }
        });
        let number = documents.len() + 1;
        let (line, text_line) = (line + blank, line);
        documents.push(Document { number, line, text: chunk, text_line, duplicates: Vec::new(), content });
    }
    documents
}

/// Cuts a text before each line that starts a document, so that a malformed one cannot take others with it.
fn chunks(text: &str) -> Vec<(usize, &str)> {
    let mut chunks = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 1, 0);
    for (line, content) in (1..).zip(text.split_inclusive('\n')) {
        if is_separator(content) && offset > start {
            chunks.push((start_line, &text[start..offset]));
            (start, start_line) = (offset, line);
        }
        offset += content.len();
    }
    chunks.push((start_line, &text[start..]));
    chunks
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Whether a line holds more than a comment, a directive or a document marker.
fn has_content(line: &str) -> bool {
    let line = match line {
        line if is_separator(line) => &line[3..],
        "..." => "",
        line => line,
    };
    !matches!(line.trim_start().chars().next(), None | Some('#')) && !line.starts_with('%')
}

/// Limits of a YAML document: room for 44,000 Services and their slices in one List, but anchors may not
/// multiply what was written.
pub(super) fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 50_000_000,
            max_nodes: 25_000_000,
            max_depth: 64,
            max_aliases: 10_000,
            max_anchors: 10_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 200_000,
        },
        with_snippet: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(text: &str) -> Vec<(usize, usize, Value)> {
        let documents = documents(text, false).into_iter();
        documents.map(|d| (d.number, d.line, d.content.unwrap())).collect()
    }

    #[test]
    fn documents_are_separated_and_empty_ones_are_not_counted() {
        let text =
            "# comment\n---\n\na: 1\n---\n# nothing\n---\r\nb: |\n  ---\n  text\n...\n--- {c: 3}\n---- : x\n";
        let text = text.replace("---- : x\n", "");
        let expected =
            [(1, 4, json!({"a": 1})), (2, 8, json!({"b": "---\ntext\n"})), (3, 12, json!({"c": 3}))];
        assert_eq!(read(&text), expected);
    }

    #[test]
    fn json_documents_may_follow_each_other() {
        let expected = [(1, 1, json!({"a": 1})), (2, 4, json!({"b": "---"}))];
        assert_eq!(read("{\n\"a\": 1}\n\n {\"b\": \"---\"}\n"), expected);
        assert_eq!(read("{\"a\": 1}\n---\n{b: 2}"), [(1, 1, json!({"a": 1})), (2, 3, json!({"b": 2}))]);
    }

    #[test]
    fn a_mistake_names_its_line_in_the_file_and_spares_the_other_documents() {
        let documents = documents("a: 1\n---\nb:\n  - [\n---\nc: 3\n", false);
        assert!(documents[0].content.is_ok() && documents[2].content.is_ok());
        let mistake = documents[1].content.as_ref().unwrap_err();
        assert!((4..=5).contains(&mistake.line) && mistake.message.contains("not valid YAML"), "{mistake:?}");
        assert!(!mistake.message.contains("line"), "{mistake:?}");

        let documents = super::documents("a: 1\na: 2\n", false);
        let twice = documents[0].content.as_ref().unwrap_err();
        assert_eq!(twice.message, "is not valid YAML: duplicate mapping key: a", "no word for programmers");

        let documents = super::documents("{\"a\": 1}\n{\"b\": \n]", true);
        let mistake = documents[1].content.as_ref().unwrap_err();
        assert_eq!((documents[1].line, mistake.line), (2, 3));
        assert!(mistake.message.starts_with("is not valid JSON: expected value"), "{mistake:?}");
    }

    #[test]
    fn anchors_cannot_multiply_the_input() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            let before = format!("*a{}", n - 1);
            text.push_str(&format!("a{n}: &a{n} [{}]\n", vec![before; 10].join(", ")));
        }
        assert!(documents(&text, false)[0].content.is_err());
    }

    #[test]
    fn deep_nesting_is_refused() {
        for text in ["[".repeat(100_000), "{\"a\":".repeat(100_000), "- ".repeat(100_000)] {
            assert!(documents(&text, false)[0].content.is_err());
        }
    }
}
