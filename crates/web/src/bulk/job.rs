//! One export: whose it is, what was asked, and what was found.

use super::wanted::{Level, Wanted};
use base::clock::Instant;
use fhir::json::Json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use vault::Position;
use vault::access::Visit;

/// Who started an export: nobody else learns that there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    account: String,
    app: Option<String>,
}

impl Owner {
    /// Whoever visits.
    pub fn of(visit: &Visit) -> Owner {
        let principal = visit.principal();
        Owner { account: principal.account.clone(), app: principal.app.clone() }
    }

    /// Whether it is the same account, by whatever app.
    pub fn is_account_of(&self, other: &Owner) -> bool {
        self.account == other.account
    }
}

/// One file: the resources of a type between two positions of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name in the address, without the ending.
    pub name: String,
    /// Its type.
    pub resource_type: String,
    /// The first position.
    pub from: u32,
    /// Behind the last.
    pub to: u32,
    /// Lines it had when they were counted.
    pub count: u64,
}

/// How far an export is.
#[derive(Clone, Debug)]
pub enum State {
    /// So many types of so many have been counted.
    Counting(usize, usize),
    /// Its files, and what is to be said about them.
    Ready(Arc<Vec<Part>>, Arc<Vec<String>>),
    /// The machine broke.
    Broken,
}

/// One export.
pub struct Job {
    /// Its id in addresses.
    pub id: String,
    /// Who started it.
    pub owner: Owner,
    /// The address of the kick-off.
    pub request: String,
    /// Its parameters.
    pub pairs: Vec<(String, String)>,
    /// What they mean.
    pub wanted: Wanted,
    /// The position of the log it is answered at.
    pub at: Position,
    /// The moment that position stands for.
    pub moment: Instant,
    /// When it was asked for.
    pub asked: Instant,
    /// When it ends.
    pub expires: Instant,
    state: Mutex<State>,
    is_busy: AtomicBool,
    is_ended: AtomicBool,
}

/// What a kick-off says.
pub struct Start {
    /// The job's id.
    pub id: String,
    /// Who starts it.
    pub owner: Owner,
    /// The address.
    pub request: String,
    /// The parameters.
    pub pairs: Vec<(String, String)>,
    /// What they mean.
    pub wanted: Wanted,
    /// Position and moment.
    pub pin: (Position, Instant),
    /// From when until when.
    pub kept: (Instant, Instant),
}

impl Job {
    /// A job of which nothing is known yet.
    pub fn new(start: Start) -> Job {
        Job {
            id: start.id,
            owner: start.owner,
            request: start.request,
            pairs: start.pairs,
            wanted: start.wanted,
            at: start.pin.0,
            moment: start.pin.1,
            asked: start.kept.0,
            expires: start.kept.1,
            state: Mutex::new(State::Counting(0, 0)),
            is_busy: AtomicBool::new(false),
            is_ended: AtomicBool::new(false),
        }
    }

    /// How far it is.
    pub fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes how far it is.
    pub fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Takes the counting over, if nobody counts. Given back when what is returned goes.
    pub fn take_over(self: &Arc<Job>) -> Option<Busy> {
        (!self.is_busy.swap(true, Ordering::AcqRel)).then(|| Busy(self.clone()))
    }

    /// Nothing more is done for it.
    pub fn end(&self) {
        self.is_ended.store(true, Ordering::Release);
    }

    /// Whether it was cancelled, or its time is up.
    pub fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Acquire)
    }

    /// The first line of its memo.
    pub fn written(&self) -> Vec<u8> {
        let text = |text: &str| Json::string(text);
        let pairs = self.pairs.iter().map(|(name, value)| Json::Array(vec![text(name), text(value)]));
        let mut members = vec![
            ("account", text(&self.owner.account)),
            ("request", text(&self.request)),
            ("level", text(&self.wanted.level.path())),
            ("pairs", Json::Array(pairs.collect())),
            ("at", text(&self.at.0.to_string())),
            ("moment", text(&self.moment.0.to_string())),
            ("asked", text(&self.asked.0.to_string())),
            ("expires", text(&self.expires.0.to_string())),
        ];
        members.extend(self.owner.app.as_deref().map(|app| ("app", text(app))));
        Json::object(members).to_bytes()
    }

    /// Reads [`Job::written`].
    pub fn read(id: &str, line: &[u8]) -> Option<Job> {
        let says = Json::parse(line).ok()?;
        let number = |name: &str| says.text(name)?.parse::<i64>().ok();
        let pair = |pair: &Json<'_>| match pair.items() {
            [name, value] => Some((name.as_str()?.to_owned(), value.as_str()?.to_owned())),
            _ => None,
        };
        let pairs: Vec<_> = says.get("pairs")?.items().iter().map(pair).collect::<Option<_>>()?;
        let owner = Owner { account: says.text("account")?.to_owned(), app: says.text("app").map(str::to_owned) };
        let wanted = Wanted::read(Level::of_path(says.text("level")?)?, &pairs, false).ok()?;
        let at = Position(u64::try_from(number("at")?).ok()?);
        let pin = (at, Instant(number("moment")?));
        let kept = (Instant(number("asked")?), Instant(number("expires")?));
        let (id, request) = (id.to_owned(), says.text("request")?.to_owned());
        Some(Job::new(Start { id, owner, request, pairs, wanted, pin, kept }))
    }
}

/// The second line of a job's memo: its files, and what is to be said about them.
pub fn write_found(parts: &[Part], notes: &[String]) -> Vec<u8> {
    let part = |part: &Part| {
        let Part { name, resource_type, from, to, count } = part;
        Json::string(format!("{name} {resource_type} {from} {to} {count}"))
    };
    let notes = notes.iter().map(|note| Json::string(note.as_str()));
    let members = [("parts", Json::Array(parts.iter().map(part).collect())), ("notes", Json::Array(notes.collect()))];
    Json::object(members).to_bytes()
}

/// Reads [`write_found`].
pub fn read_found(line: &[u8]) -> Option<(Vec<Part>, Vec<String>)> {
    let says = Json::parse(line).ok()?;
    let part = |part: &Json<'_>| {
        let mut words = part.as_str()?.split(' ');
        let (name, resource_type) = (words.next()?.to_owned(), words.next()?.to_owned());
        let (from, to, count) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Part { name, resource_type, from, to, count })
    };
    let parts = says.get("parts")?.items().iter().map(part).collect::<Option<_>>()?;
    let notes = says.get("notes")?.items().iter().filter_map(|note| note.as_str().map(str::to_owned)).collect();
    Some((parts, notes))
}

/// Whoever counts.
pub struct Busy(Arc<Job>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.is_busy.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_and_what_it_found_are_read_as_they_were_written() {
        let pairs = vec![("_type".to_owned(), "Patient".to_owned()), ("patient".to_owned(), "Patient/a".to_owned())];
        let job = Job::new(Start {
            id: "j".to_owned(),
            owner: Owner { account: "loader".to_owned(), app: Some("backend".to_owned()) },
            request: "http://h/fhir/Group/7/$export".to_owned(),
            wanted: Wanted::read(Level::Group("7".to_owned()), &pairs, true).unwrap(),
            pairs,
            pin: (Position(4_711), Instant(-5)),
            kept: (Instant(1), Instant(2)),
        });
        let read = Job::read("j", &job.written()).unwrap();
        assert_eq!((&read.owner, &read.wanted, &read.request), (&job.owner, &job.wanted, &job.request));
        assert_eq!((read.at, read.moment, read.asked, read.expires), (job.at, job.moment, job.asked, job.expires));
        let part = Part { name: "Patient-1".to_owned(), resource_type: "Patient".to_owned(), from: 3, to: 9, count: 2 };
        let found = (vec![part], vec!["a note".to_owned()]);
        assert_eq!(read_found(&write_found(&found.0, &found.1)), Some(found));
        assert!(Job::read("j", b"{}").is_none() && read_found(b"[]").is_none());
    }

    #[test]
    fn one_counts_at_a_time() {
        let job = Arc::new(Job::read("j", br#"{"account":"a","request":"r","level":"$export","pairs":[],"at":"1","moment":"1","asked":"1","expires":"1"}"#).unwrap());
        let busy = job.take_over();
        assert!(busy.is_some() && job.take_over().is_none());
        drop(busy);
        assert!(job.take_over().is_some());
    }
}
