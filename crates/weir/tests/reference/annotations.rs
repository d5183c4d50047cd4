//! Is the page of annotations what the parser of annotations goes by?

use crate::page;
use weir_control::translate::{ANNOTATION_PREFIX, ANNOTATIONS, SLICE_ANNOTATIONS};

#[test]
fn the_page_of_annotations_is_the_table_of_their_parser() {
    let mut page = page::begin(
        "Annotations",
        "Settings of one Service are annotations of the Service object; the last section has those of EndpointSlices. A value that is not understood is reported (log, \
         `weir_control_problems_total`), and the default is used. Durations are written as in `500ms`, `30s`, `1h30m` or \
         `24h`.",
    );
    let rows = ANNOTATIONS.iter().map(|annotation| {
        let name = format!("`{ANNOTATION_PREFIX}{}`", annotation.name);
        [name, annotation.values(), annotation.default(), annotation.meaning.to_owned()]
    });
    page::table(&mut page, ["annotation", "values", "default", "meaning"], rows);
    page.push_str("\n## Of EndpointSlices\n");
    let rows = SLICE_ANNOTATIONS.iter().map(|annotation| {
        let name = format!("`{ANNOTATION_PREFIX}{}`", annotation.name);
        [name, annotation.values.to_owned(), annotation.default.to_owned(), annotation.meaning.to_owned()]
    });
    page::table(&mut page, ["annotation", "values", "default", "meaning"], rows);
    page::check("annotations.md", &page);
}
