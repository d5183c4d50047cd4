//! How are figures drawn? As groups of bars that can be read on light and on dark pages.

use std::fmt::Write;

/// Width of a picture, in the units of its view box (about pixels).
pub const WIDTH: f64 = 1000.0;
/// Free space at the left and right edge of a picture.
pub const MARGIN: f64 = 10.0;
/// Height of a line with a legend or a title.
pub const LINE: f64 = 34.0;
/// Height of the bars of a chart, with the value above the highest one.
pub const BARS: f64 = 150.0;
/// The part of a group, or of a chart beside another one, that is left free.
pub const GAP: f64 = 0.12;

/// Height of the value above a bar.
const VALUE: f64 = 12.0;

const STYLE: &str = "text { font: 11px sans-serif; fill: #24292f } .value { font-size: 9px } .title { font-weight: bold } \
    line { stroke: #8c959f }";

/// An SVG picture that is being drawn.
#[derive(Debug)]
pub struct Picture {
    svg: String,
}

/// CSS rules for the fill of bars by their class.
#[derive(Clone, Copy, Debug)]
pub struct Colours {
    /// Rules for all pages.
    pub light: &'static str,
    /// Rules that differ on dark pages.
    pub dark: &'static str,
}

/// Groups of bars above one base line.
#[derive(Debug)]
pub struct Chart {
    /// Left end of the base line.
    pub left: f64,
    /// Height of the base line in the picture.
    pub bottom: f64,
    /// Length of the base line.
    pub width: f64,
    /// Which bars are compared with each other.
    pub scale: Scale,
    /// The groups, from left to right.
    pub groups: Vec<Group>,
}

/// Bars that are as high as their share of the highest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Bars of one group are compared with each other.
    EachGroup,
    /// Bars of all groups are compared with each other.
    AllGroups,
}

/// Bars that stand together.
#[derive(Debug)]
pub struct Group {
    /// Name below the bars.
    pub name: String,
    /// Unit below the name.
    pub unit: Option<&'static str>,
    /// The bars, from left to right; `None` leaves a bar's space free.
    pub bars: Vec<Option<Bar>>,
}

/// One figure.
#[derive(Debug)]
pub struct Bar {
    /// CSS class of the bar, which decides its colour.
    pub class: String,
    /// The figure, which is finite.
    pub value: f64,
    /// The figure as text, above the bar.
    pub label: String,
}

impl Group {
    fn highest(&self) -> f64 {
        self.bars.iter().flatten().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max)
    }
}

impl Picture {
    /// An empty picture.
    pub fn new(height: f64, title: &str, colours: Colours) -> Self {
        let Colours { light, dark } = colours;
        let dark = format!("@media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} {dark} }}");
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
             <title>{title}</title>\n<style>{STYLE} {light} {dark}</style>\n"
        );
        Self { svg }
    }

    /// The SVG text of the finished picture.
    pub fn finish(self) -> String {
        let svg = self.svg + "</svg>\n";
        debug_assert!(is_well_formed(&svg), "{svg}");
        svg
    }

    /// Draws a title that begins at a point.
    pub fn title(&mut self, at: (f64, f64), title: &str) {
        self.text(at, "title", "start", title);
    }

    /// Draws an entry of a legend: the colour of a class and its name.
    pub fn legend(&mut self, left: f64, class: &str, name: &str) {
        self.rectangle(class, [left, 8.0, 12.0, 12.0]);
        self.text((left + 18.0, 18.0), "name", "start", name);
    }

    /// Draws a chart.
    pub fn chart(&mut self, chart: &Chart) {
        let &Chart { left, bottom, width, scale, ref groups } = chart;
        let step = width / groups.len().max(1) as f64;
        let of_all = groups.iter().map(Group::highest).fold(f64::MIN_POSITIVE, f64::max);
        for (index, group) in groups.iter().enumerate() {
            let highest = if scale == Scale::EachGroup { group.highest() } else { of_all };
            self.group((left + index as f64 * step, bottom), step * (1.0 - GAP), group, highest);
        }
        // Writing to a String cannot fail.
        let _ = writeln!(
            self.svg,
            "<line x1=\"{left:.1}\" y1=\"{bottom}\" x2=\"{:.1}\" y2=\"{bottom}\"/>",
            left + width
        );
    }

    fn group(&mut self, (left, bottom): (f64, f64), width: f64, group: &Group, highest: f64) {
        let step = width / group.bars.len().max(1) as f64;
        for (index, bar) in group.bars.iter().enumerate() {
            let Some(Bar { class, value, label }) = bar else { continue };
            let (left, height) = (left + index as f64 * step, value.max(0.0) / highest * (BARS - VALUE));
            self.rectangle(class, [left, bottom - height, step * 0.9, height]);
            self.text((left + step * 0.45, bottom - height - 3.0), "value", "middle", label);
        }
        let middle = left + width / 2.0;
        self.text((middle, bottom + 14.0), "name", "middle", &group.name);
        if let Some(unit) = group.unit {
            self.text((middle, bottom + 27.0), "value", "middle", unit);
        }
    }

    fn rectangle(&mut self, class: &str, [left, top, width, height]: [f64; 4]) {
        let _ = writeln!(
            self.svg,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        );
    }

    fn text(&mut self, (left, base): (f64, f64), class: &str, anchor: &str, text: &str) {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(
            self.svg,
            "<text class=\"{class}\" x=\"{left:.1}\" y=\"{base:.1}\" text-anchor=\"{anchor}\">{escaped}</text>"
        );
    }
}

/// Whether tags are closed in the order in which they were opened, and attributes are quoted.
fn is_well_formed(xml: &str) -> bool {
    let mut open = Vec::new();
    for part in xml.split('<').skip(1) {
        let Some((tag, after)) = part.split_once('>') else { return false };
        let is_quoted = tag.matches('"').count() == 2 * tag.matches('=').count();
        let name = tag.split_whitespace().next();
        let is_expected = match name.and_then(|name| name.strip_prefix('/')) {
            Some(name) => open.pop() == Some(name),
            None if tag.ends_with('/') => true,
            None => name.map(|name| open.push(name)).is_some(),
        };
        if after.contains('>') || !is_quoted || !is_expected {
            return false;
        }
    }
    open.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOURS: Colours = Colours { light: ".a { fill: #218bff }", dark: ".a { fill: #6e7681 }" };

    fn group(values: &[Option<f64>]) -> Group {
        let bar = |value: f64| Bar { class: "a".into(), value, label: format!("{value}") };
        Group {
            name: "x".into(),
            unit: Some("1/s"),
            bars: values.iter().map(|value| value.map(bar)).collect(),
        }
    }

    fn heights(scale: Scale) -> Vec<String> {
        let groups = vec![group(&[Some(1.0), Some(2.0)]), group(&[None, Some(4.0)])];
        let mut picture = Picture::new(2.0 * LINE + BARS, "test", COLOURS);
        picture.chart(&Chart { left: MARGIN, bottom: LINE + BARS, width: WIDTH, scale, groups });
        let svg = picture.finish();
        let bars = svg.lines().filter(|line| line.starts_with("<rect"));
        bars.map(|bar| bar.split(" height=\"").nth(1).unwrap().trim_end_matches("\"/>").to_owned()).collect()
    }

    #[test]
    fn bars_are_as_high_as_their_share_of_the_highest_one_of_their_group_or_of_all() {
        assert_eq!(heights(Scale::EachGroup), ["69.0", "138.0", "138.0"]);
        assert_eq!(heights(Scale::AllGroups), ["34.5", "69.0", "138.0"]);
    }

    #[test]
    fn what_is_written_is_escaped() {
        let mut picture = Picture::new(LINE, "test", COLOURS);
        picture.title((0.0, 0.0), "<a> & b");
        let svg = picture.finish();
        assert!(svg.contains("&lt;a&gt; &amp; b"), "{svg}");
    }

    #[test]
    fn open_tags_and_unquoted_attributes_are_not_well_formed() {
        assert!(is_well_formed("<a b=\"c\"><d/></a>"));
        for wrong in ["<a>", "<a></b>", "</a>", "<a b=c/>", "<a/> > b"] {
            assert!(!is_well_formed(wrong), "{wrong}");
        }
    }
}
