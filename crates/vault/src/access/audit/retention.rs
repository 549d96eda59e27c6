//! The end of keeping: what old events say is destroyed, and their leaves stay, so that every proof stays valid.
//!
//! The documentation that 45 CFR 164.316(b)(1) asks for is kept six years (45 CFR 164.316(b)(2)(i)); a State may ask for more.

use crate::access::{Action, Class, Visit};
use crate::error::{Error, Fault};
use crate::log::leaf::Kind;
use crate::records::desk::Desk;
use crate::records::replay::MARK;
use crate::records::store::{Entry, entries};
use crate::records::writer::transact;
use crate::records::{Position, Vault};
use crate::search::index::Appended;
use base::clock::Instant;
use base::refusal::{Kind as No, Refusal};
use rusqlite::params;

/// The fewest years that events are kept.
pub const YEARS_MIN: u32 = 6;

/// Milliseconds of a year, rounded up: a day too many is lawful, one too few is not.
const YEAR_MS: i64 = 366 * 86_400_000;

/// Events whose rows leave the index at a time.
const BATCH: usize = 4_096;

/// What was destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// How many events say nothing any more.
    pub events: u64,
    /// The log's entry about it; `None` when there was nothing to destroy.
    pub position: Option<Position>,
    /// Whether what they said is gone from the files. If not, a reader that began earlier still needs it; it goes when the
    /// write-ahead log is moved next.
    pub is_cleared: bool,
}

impl Vault {
    /// Destroys what events of the audit say that are older than so many years. Refuses fewer than [`YEARS_MIN`].
    pub fn expire_audit(&self, visit: &Visit, years: u32) -> Result<Expired, Error> {
        self.permit(visit, Action::Operate, Class::System, None)?;
        let _one_at_a_time = self.inner.shredding.lock();
        if years < YEARS_MIN {
            let message =
                format!("the audit is kept at least {YEARS_MIN} years (45 CFR 164.316(b)(2)(i)); name more years");
            return Err(Refusal::new(No::Invalid, "business-rule", message).into());
        }
        let before = self.clock().now().0.saturating_sub(i64::from(years).saturating_mul(YEAR_MS));
        let below = self.position_at(Instant(before.saturating_sub(1)))?;
        let mut expired = Expired { events: 0, position: None, is_cleared: true };
        loop {
            let is_first = expired.position.is_none();
            let Some((rows, position)) = self.task(move |desk| empty_some(desk, below, is_first))?? else { break };
            expired.events += rows.len() as u64;
            expired.position = expired.position.or(position);
            let index = &self.inner.store.index;
            index.wait_for_file(self.head())?;
            index.scrub(rows)?;
        }
        if expired.events > 0 {
            // A mark that stays costs one index made anew, and nothing else.
            let _ = self.task(|desk| desk.connection.execute("DELETE FROM meta WHERE name = ?", [MARK]));
        }
        expired.is_cleared = expired.events == 0 || self.clear_log();
        Ok(expired)
    }
}

/// What the index had of events that are emptied, and where the log says so.
type Emptied = Option<(Vec<Appended>, Option<Position>)>;

/// Empties some events below a position; the first time the log says so in the same transaction.
fn empty_some(desk: &mut Desk, below: Position, is_first: bool) -> Result<Emptied, Error> {
    let rows = {
        let mut find = desk.connection.prepare(entries!("WHERE pos < ? AND kind = ? AND body <> x'' LIMIT ?"))?;
        let found = find.query_map(params![below.0.cast_signed(), Kind::Access.number(), BATCH as i64], Entry::of)?;
        found.map(|entry| desk.store.appended_one(&desk.connection, entry?)).collect::<Result<Vec<_>, Error>>()?
    };
    if rows.is_empty() {
        return Ok(None);
    }
    let done = transact(desk, |desk, group| {
        let mut empty = desk.connection.prepare_cached("UPDATE entry SET body = x'' WHERE pos = ?")?;
        for row in &rows {
            empty.execute([row.position.0.cast_signed()])?;
        }
        drop(empty);
        desk.connection.execute("INSERT OR REPLACE INTO meta(name, value) VALUES (?, ?)", params![MARK, b"stale"])?;
        let says = format!(r#"{{"event":"expire","below":{}}}"#, below.0);
        Ok::<_, Fault>(if is_first { Some(desk.append_event(&says, group)?) } else { None })
    });
    Ok(Some((rows, done.map_err(|stop| stop.error())?)))
}
