//! Pages of matches: where they start, how many they hold, and the links between them.

use super::links::Bookmark;
use super::{Asked, url};
use crate::server::Shared;
use base::refusal::{Kind, Refusal};
use vault::Position;

/// Where a page of a search starts.
#[derive(Clone, Debug)]
pub struct Start {
    /// The pinned log position, if an earlier page or `_asof` set it.
    pub at: Option<Position>,
    /// Matches on the pages before.
    pub offset: u64,
    /// When the first page was asked for, in milliseconds.
    pub asked: i64,
}

/// Takes `_page` out of a request. What it holds replaces the request's own parameters.
pub fn take(shared: &Shared, asked: &mut Asked<'_>) -> Result<Start, Refusal> {
    let Some(token) = asked.take("_page") else {
        return Ok(Start { at: None, offset: 0, asked: shared.vault.clock().now().0 });
    };
    if !asked.pairs.is_empty() {
        let message = "a page link is complete in itself; use it as it was given, without further parameters";
        return Err(Refusal::new(Kind::Malformed, "value", message));
    }
    let bookmark = shared.sealer.open(&token, &asked.call.visit.principal().account, &place(asked.path))?;
    asked.pairs = url::pairs(&bookmark.query)?;
    Ok(Start { at: Some(Position(bookmark.at)), offset: bookmark.offset, asked: bookmark.asked })
}

/// The URL of another page of the same question.
pub fn link(shared: &Shared, asked: &Asked<'_>, bookmark: &Bookmark) -> String {
    let token = shared.sealer.seal(bookmark, &asked.call.visit.principal().account, &place(asked.path));
    format!("{}?_page={token}", address(shared, asked))
}

/// The URL of the question itself, with what was understood of it.
pub fn own(shared: &Shared, asked: &Asked<'_>, understood: &[(String, String)]) -> String {
    let address = address(shared, asked);
    if understood.is_empty() { address } else { format!("{address}?{}", url::query(understood)) }
}

/// How many matches a page holds, given `_count`.
pub fn size(shared: &Shared, count: Option<u32>) -> usize {
    let wanted = count.map_or(shared.settings.page_size, |count| count as usize);
    wanted.min(shared.settings.page_size_max)
}

/// What was understood, with the page size that is really used where `_count` asked for more.
pub fn say_size(understood: &[(String, String)], size: usize) -> Vec<(String, String)> {
    let capped = |name: &str, value: &str| name == "_count" && value.parse() != Ok(size);
    let say = |(name, value): &(String, String)| {
        (name.clone(), if capped(name, value) { size.to_string() } else { value.clone() })
    };
    understood.iter().map(say).collect()
}

// A search by POST has the same pages as the search by GET.
fn place(path: &str) -> String {
    path.strip_suffix("/_search").unwrap_or(if path == "_search" { "" } else { path }).to_owned()
}

fn address(shared: &Shared, asked: &Asked<'_>) -> String {
    let place = place(asked.path);
    if place.is_empty() { shared.base.clone() } else { format!("{}/{place}", shared.base) }
}
