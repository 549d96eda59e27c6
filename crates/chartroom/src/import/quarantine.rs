//! The quarantine: what was refused, with its place and reasons, one JSON object a line.
//!
//! `{"file":…,"line":…,"entry":…,"reasons":[{"code":…,"path":…,"message":…}]}`. In the data directory it is a sealed memo,
//! because files are called after patients and elements are misspelt as names; and it holds no resources, because what is
//! shredded must not live on there. A file the operator names holds each resource as well (`"resource"`), in plain text,
//! so that it can be mended and imported. Both can be read by their owner only.

use crate::stop::Stop;
use base::clock::Clock;
use base::finding::Finding;
use fhir::json::Json;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use vault::memo::{Memo, Memos};

/// What the names of all quarantines in a data directory begin with.
pub const NAMES: &str = "quarantine-";

/// The quarantine of one run. It is made when the first refusal comes.
pub struct Quarantine {
    place: Place,
    keeps_resources: bool,
}

enum Place {
    /// The file the operator named.
    Named(PathBuf, Option<BufWriter<File>>),
    /// A memo of that name.
    Sealed(Memos, String, Option<Memo>),
}

/// Where the refused are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// In a file.
    File(PathBuf),
    /// In the data directory, under this name, without [`NAMES`].
    Sealed(String),
}

/// Where something stood in the input.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// File name.
    pub file: &'a str,
    /// Line of an NDJSON file, from 1.
    pub line: Option<u64>,
    /// Entry of a bundle or array, from 0.
    pub entry: Option<usize>,
}

/// A name that no import has used, also when one ended in the same second.
fn unused(memos: &Memos, clock: &Clock) -> Result<String, Stop> {
    let time: String = clock.now().to_string().chars().filter(char::is_ascii_digit).take(14).collect();
    let taken = memos.names(NAMES).map_err(|e| Stop::vault("Nothing was imported.", e))?;
    let first = format!("{NAMES}{time}");
    let more = (2..).map(|n: u32| format!("{NAMES}{time}-{n}"));
    Ok(std::iter::once(first).chain(more).find(|name| !taken.contains(name)).unwrap_or_default())
}

impl Quarantine {
    /// A quarantine at the file the operator named, or in the data directory.
    pub fn new(named: Option<&Path>, memos: &Memos, clock: &Clock) -> Result<Quarantine, Stop> {
        let place = match named {
            Some(path) => Place::Named(path.to_owned(), None),
            None => Place::Sealed(memos.clone(), unused(memos, clock)?, None),
        };
        Ok(Quarantine { place, keeps_resources: named.is_some() })
    }

    /// Writes one refusal.
    pub fn add(&mut self, origin: Origin<'_>, reasons: &[Finding], resource: Option<&Json<'_>>) -> io::Result<()> {
        let reasons = reasons.iter().filter(|f| f.is_error()).map(|finding| {
            Json::object([
                ("code", Json::string(finding.code)),
                ("path", Json::string(finding.path.clone())),
                ("message", Json::string(finding.message.clone())),
            ])
        });
        let mut line = Json::object([("file", Json::string(origin.file))]);
        if let Some(object) = line.as_object_mut() {
            object.set("line", origin.line.map_or(Json::Null, Json::number));
            object.set("entry", origin.entry.map_or(Json::Null, Json::number));
            object.set("reasons", Json::Array(reasons.collect()));
            if let Some(resource) = resource.filter(|_| self.keeps_resources) {
                object.set("resource", resource.clone().into_owned());
            }
        }
        self.place.write(line.to_bytes())
    }

    /// Brings everything to disk. `None`: nothing was refused.
    pub fn close(&mut self) -> io::Result<Option<Where>> {
        match &mut self.place {
            Place::Named(path, Some(file)) => {
                file.flush()?;
                file.get_ref().sync_all()?;
                Ok(Some(Where::File(path.clone())))
            }
            Place::Sealed(_, name, Some(memo)) => {
                memo.sync().map_err(io::Error::other)?;
                Ok(Some(Where::Sealed(name.strip_prefix(NAMES).unwrap_or(name).to_owned())))
            }
            Place::Named(_, None) | Place::Sealed(_, _, None) => Ok(None),
        }
    }

    /// Whether lines hold the resources.
    pub fn keeps_resources(&self) -> bool {
        self.keeps_resources
    }
}

impl Place {
    fn write(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        match self {
            Place::Named(path, file) => {
                line.push(b'\n');
                let open = match file {
                    Some(file) => file,
                    None => file.insert(made(path)?),
                };
                open.write_all(&line)
            }
            Place::Sealed(memos, name, memo) => {
                let open = match memo {
                    Some(memo) => memo,
                    None => memo.insert(memos.write(name).map_err(io::Error::other)?.0),
                };
                open.add(&line).map_err(io::Error::other)
            }
        }
    }
}

fn made(path: &Path) -> io::Result<BufWriter<File>> {
    let mut options = OpenOptions::new();
    Ok(BufWriter::new(options.write(true).create(true).truncate(true).mode(0o600).open(path)?))
}
