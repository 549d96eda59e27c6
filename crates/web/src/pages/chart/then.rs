//! "As of": the day on which the chart is looked at, kept through all its pages, and never overlooked.

use super::Chart;
use crate::pages::escape;
use crate::pages::frame::{At, link};
use crate::pages::words;
use crate::sign_in::html::field;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use vault::{Error, Position};

/// A moment in the past, and where the log stood then.
pub struct Then {
    /// As it stands in addresses.
    pub text: String,
    instant: Instant,
    /// What was written before this position was known then.
    pub position: Position,
}

impl Then {
    /// The end of the day that the address names, or the moment; `None` for today and what is yet to come.
    pub fn asked(at: &At<'_>) -> Result<Option<Then>, Error> {
        let text = at.text("asof");
        if text.is_empty() {
            return Ok(None);
        }
        let wrong = || Refusal::new(Kind::Malformed, "value", "a day was expected, such as 2026-03-01");
        let instant =
            Instant::parse(text).or_else(|| Some(Instant(fhir::calendar::span(text)?.1))).ok_or_else(wrong)?;
        let vault = &at.shared.vault;
        if instant >= vault.clock().now() {
            return Ok(None);
        }
        Ok(Some(Then { text: text.to_owned(), instant, position: vault.position_at(instant)? }))
    }

    /// The last moment that counts.
    pub fn instant(&self) -> Instant {
        self.instant
    }

    /// The moment in words: the end of a day, or a minute.
    pub fn words(&self) -> String {
        match self.text.len() {
            ..=10 => format!("the end of {} (UTC)", escape(&words::date(&self.text))),
            _ => words::moment(self.instant),
        }
    }
}

/// What nobody overlooks where the past is shown.
pub fn strip(chart: &Chart<'_>, kept: &[(&str, &str)]) -> String {
    let Some(then) = &chart.then else { return String::new() };
    let now = link(chart.at.path(), &[&[("id", chart.id.as_str())], kept].concat());
    format!(
        "<p class=\"past\" role=\"note\"><strong>The past.</strong> This is the record as it was known at {}. What was written \
         later is not here. <a href=\"{now}\">Back to today</a></p>",
        then.words()
    )
}

/// The bar in which a day is chosen.
pub fn bar(chart: &Chart<'_>, kept: &[(&str, &str)]) -> String {
    let hidden: String = kept.iter().filter(|(_, v)| !v.is_empty()).map(|(name, value)| field(name, value)).collect();
    let day = chart.then.as_ref().and_then(|then| then.text.get(..10)).unwrap_or_default();
    let last = words::iso(chart.at.shared.vault.clock().now());
    format!(
        "<form class=\"asof\" method=\"get\" action=\"{}\">{}{hidden}<label for=\"asof\">Show as known on</label>\
         <input id=\"asof\" name=\"asof\" type=\"date\" max=\"{last}\" value=\"{}\"><button class=\"plain\">Show</button></form>",
        chart.at.path(),
        field("id", &chart.id),
        escape(day)
    )
}
