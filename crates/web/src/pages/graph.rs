//! Graphs of measurements over time, drawn on the server as SVG: reference band, units, the last value beside its line. The
//! table that says the same stands with whoever asks for the graph.

use super::{escape, words};
use base::clock::Instant;
use fhir::calendar::{civil, days};
use std::fmt::Write as _;

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Milliseconds since 1970.
    pub at: i64,
    /// In the unit of its series.
    pub value: f64,
    /// Whether the laboratory marked it.
    pub is_flagged: bool,
}

/// What is drawn as one line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What was measured.
    pub name: String,
    /// Oldest first, at least one.
    pub points: Vec<Point>,
}

/// A graph of one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// As people write it.
    pub unit: String,
    /// Where what is usual begins and ends.
    pub low: Option<f64>,
    /// See `low`.
    pub high: Option<f64>,
    /// At most as many as there are colours.
    pub series: Vec<Series>,
}

/// Lines of a graph that can be told apart.
pub const SERIES_MAX: usize = 3;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 170.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 28.0;
const DAY_MS: i64 = 86_400_000;

/// From values and moments to places.
struct Scale {
    first: i64,
    last: i64,
    low: f64,
    high: f64,
}

impl Scale {
    fn of(graph: &Graph) -> Option<Scale> {
        let points = || graph.series.iter().flat_map(|series| &series.points);
        let (mut first, mut last) = (points().map(|p| p.at).min()?, points().map(|p| p.at).max()?);
        if last - first < DAY_MS {
            (first, last) = (first - 15 * DAY_MS, last + 15 * DAY_MS);
        }
        let values = || points().map(|p| p.value).chain(graph.low).chain(graph.high);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        let step = step(low, high);
        let (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        let high = if high > low { high } else { low + step };
        Some(Scale { first, last, low, high })
    }

    fn x(&self, at: i64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (at - self.first) as f64 / (self.last - self.first) as f64
    }

    fn y(&self, value: f64) -> f64 {
        TOP + (HEIGHT - TOP - BOTTOM) * (self.high - value) / (self.high - self.low)
    }
}

/// A distance between lines that people count in: 1, 2 or 5 times a power of ten, for about five of them.
fn step(low: f64, high: f64) -> f64 {
    let rough = ((high - low) / 5.0).max(high.abs() * 1e-3).max(1e-6);
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|step| *step >= rough).unwrap_or(power)
}

/// The graph, or nothing where there is nothing to draw.
pub fn svg(title: &str, graph: &Graph) -> String {
    let Some(scale) = Scale::of(graph) else { return String::new() };
    let mut lines = String::new();
    for (n, series) in graph.series.iter().take(SERIES_MAX).enumerate() {
        line(&mut lines, &scale, n, series, &graph.unit, graph.series.len() > 1);
    }
    format!(
        "<div class=\"graph\" tabindex=\"0\" role=\"region\" aria-label=\"Graph\"><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{}\">{}{}{}{lines}</svg></div>",
        escape(&spoken(title, graph)),
        band(&scale, graph),
        levels(&scale, &graph.unit),
        moments(&scale)
    )
}

/// What the graph says to whoever does not see it.
fn spoken(title: &str, graph: &Graph) -> String {
    let said = graph.series.iter().filter_map(|series| {
        let (first, last) = (series.points.first()?, series.points.last()?);
        Some(format!(
            "{} from {} on {} to {} on {}",
            series.name,
            number(first.value),
            words::day(Instant(first.at)),
            number(last.value),
            words::day(Instant(last.at))
        ))
    });
    format!("{title}, {}. {}. The table below has every value.", graph.unit, said.collect::<Vec<_>>().join("; "))
}

/// The band of what is usual.
fn band(scale: &Scale, graph: &Graph) -> String {
    if graph.low.is_none() && graph.high.is_none() {
        return String::new();
    }
    let (top, bottom) = (
        scale.y(graph.high.unwrap_or(scale.high).min(scale.high)),
        scale.y(graph.low.unwrap_or(scale.low).max(scale.low)),
    );
    let (width, height) = (WIDTH - LEFT - RIGHT, (bottom - top).max(0.0));
    let said = match (graph.low, graph.high) {
        (Some(low), Some(high)) => format!("usual {}–{}", number(low), number(high)),
        (Some(low), None) => format!("usual from {}", number(low)),
        (None, Some(high)) => format!("usual up to {}", number(high)),
        (None, None) => String::new(),
    };
    format!(
        "<rect class=\"band\" x=\"{LEFT}\" y=\"{top:.1}\" width=\"{width}\" height=\"{height:.1}\"/>\
         <text class=\"usual\" x=\"{}\" y=\"{:.1}\">{said}</text>",
        LEFT + 6.0,
        (top + 13.0).min(HEIGHT - BOTTOM - 4.0)
    )
}

/// Lines across, with their values.
fn levels(scale: &Scale, unit: &str) -> String {
    let step = step(scale.low, scale.high);
    let mut out = format!("<text x=\"4\" y=\"12\">{}</text>", escape(unit));
    let count = ((scale.high - scale.low) / step).round().clamp(1.0, 12.0) as i64;
    for n in 0..=count {
        let value = scale.low + step * n as f64;
        let y = scale.y(value);
        if y < TOP - 1.0 {
            break;
        }
        let _ = write!(
            out,
            "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"level\" x=\"{}\" y=\"{:.1}\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            y + 4.0,
            number(value)
        );
    }
    out
}

/// Months or years below, at most about seven.
fn moments(scale: &Scale) -> String {
    let month_of = |at: i64| {
        let (year, month, _) = civil(at.div_euclid(DAY_MS));
        year * 12 + i64::from(month) - 1
    };
    let (first, last) = (month_of(scale.first), month_of(scale.last));
    let every = [1, 2, 3, 6, 12, 24, 60, 120, 240].into_iter().find(|every| (last - first) / every <= 7).unwrap_or(600);
    let mut out = String::new();
    for month in (first..=last).filter(|month| month % every == 0) {
        let (year, of_year) = (month.div_euclid(12), month.rem_euclid(12) as u8 + 1);
        let at = days(year as i32, of_year, 1) * DAY_MS;
        if at < scale.first {
            continue;
        }
        let said = if every < 12 { words::date(&format!("{year:04}-{of_year:02}")) } else { year.to_string() };
        let x = scale.x(at);
        let _ = write!(
            out,
            "<line class=\"rule\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{}\"/><text class=\"moment\" x=\"{x:.1}\" y=\"{}\">{said}</text>",
            HEIGHT - BOTTOM,
            HEIGHT - 8.0
        );
    }
    out
}

fn line(out: &mut String, scale: &Scale, n: usize, series: &Series, unit: &str, is_named: bool) {
    let places: Vec<(f64, f64)> = series.points.iter().map(|point| (scale.x(point.at), scale.y(point.value))).collect();
    let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = write!(out, "<g class=\"line line{n}\"><polyline points=\"{}\"/>", path.join(" "));
    for (point, (x, y)) in series.points.iter().zip(&places) {
        // What the laboratory marked is a square: told apart without colour.
        let _ = match point.is_flagged {
            true => write!(out, "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"9\" height=\"9\"/>", x - 4.5, y - 4.5),
            false => write!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>"),
        };
    }
    if let (Some(point), Some((x, y))) = (series.points.last(), places.last()) {
        let value = format!("{} {unit}", number(point.value));
        let _ = write!(out, "<text class=\"last\" x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 9.0, y + 4.0, escape(&value));
        if is_named {
            let _ =
                write!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 9.0, y + 18.0, escape(&short(&series.name)));
        }
    }
    out.push_str("</g>");
}

/// As much of a name as fits beside a line.
fn short(name: &str) -> String {
    if name.chars().count() <= 25 { name.to_owned() } else { name.chars().take(24).chain(['…']).collect() }
}

/// A number without zeros that say nothing.
pub fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(values: &[(i64, f64)]) -> Graph {
        let points =
            values.iter().map(|(day, value)| Point { at: day * DAY_MS, value: *value, is_flagged: *value > 5.0 });
        let series = vec![Series { name: "<K>".to_owned(), points: points.collect() }];
        Graph { unit: "mmol/L".to_owned(), low: Some(3.5), high: Some(5.1), series }
    }

    #[test]
    fn a_graph_stays_within_its_frame_and_spells_what_comes_from_outside() {
        for values in [
            &[(20_000, 4.0)][..],
            &[(20_000, 4.0), (20_000, 6.0)],
            &[(15_000, 0.0), (17_000, 5.2), (20_000, -3.0)],
            &[(20_000, 1e12), (20_001, 1e-9)],
        ] {
            let drawn = svg("Potassium", &graph(values));
            assert!(drawn.contains("class=\"band\"") && !drawn.contains("<K>") && !drawn.contains("NaN"), "{drawn}");
            for place in drawn.split("cy=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let y: f64 = place.parse().expect("a number");
                assert!((0.0..=HEIGHT).contains(&y), "{y}");
            }
        }
        assert_eq!(svg("", &Graph { unit: String::new(), low: None, high: None, series: Vec::new() }), "");
    }

    #[test]
    fn numbers_and_steps_are_those_that_people_count_in() {
        assert_eq!((number(4.0), number(0.125), number(-0.0)), ("4".to_owned(), "0.125".to_owned(), "0".to_owned()));
        assert_eq!((step(0.0, 10.0), step(3.5, 5.1), step(7.0, 7.0) > 0.0), (2.0, 0.5, true));
    }
}
