//! Sources: the files an import reads, and those in directories that it does not read.

use super::unpack::unpacked;
use crate::stop::Stop;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// One file, or standard input.
#[derive(Clone, Debug)]
pub struct Source {
    /// As messages name it.
    pub name: String,
    /// `None` is standard input.
    pub path: Option<PathBuf>,
    /// Size on disk; 0 when it is not known.
    pub bytes: u64,
}

/// The endings of files that a directory is searched for, before `.gz`, `.zst` or `.bz2`.
const ENDINGS: [&str; 3] = ["json", "ndjson", "jsonl"];

/// What was found.
#[derive(Default)]
pub struct Found {
    /// What is read.
    pub sources: Vec<Source>,
    /// What stands in directories and is not read, and why.
    pub passed_over: Vec<(PathBuf, Reason)>,
}

/// Why something in a directory is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its name is not one of FHIR's.
    Name,
    /// Its name begins with a dot.
    Hidden,
    /// It is a pipe, a socket or a device: reading it may never end.
    Device,
    /// A link whose target is not there.
    LostLink,
    /// A link to a directory: it may lead back up.
    FolderLink,
}

impl Reason {
    const ALL: [Reason; 5] = [Reason::Name, Reason::Hidden, Reason::Device, Reason::LostLink, Reason::FolderLink];

    /// What such things are, and what to do to have them read.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Reason::Name => ("not called .json, .ndjson or .jsonl", "name a file itself to have it read"),
            Reason::Hidden => ("hidden, with a dot before the name", "name a file itself to have it read"),
            Reason::Device => ("a pipe, socket or device", "name it itself to have it read"),
            Reason::LostLink => ("a link that leads nowhere", "put back what it should lead to, and import again"),
            Reason::FolderLink => ("a link to a directory", "name the directory itself to have it read"),
        }
    }
}

impl Found {
    /// One line for each reason why something is not read, so that nothing is missed in silence.
    pub fn passed_over_lines(&self) -> Vec<String> {
        let line = |reason: Reason| {
            let mut all = self.passed_over.iter().filter(|(_, why)| *why == reason).map(|(path, _)| path);
            let first = all.next()?.display();
            let more = all.count();
            let others = if more > 0 { format!(" and {more} more") } else { String::new() };
            let (what, next) = reason.words();
            Some(format!("not read: {first}{others}: {what}; {next}"))
        };
        Reason::ALL.into_iter().filter_map(line).collect()
    }
}

/// Files and directories in the order of their names; directories with all below them. A file that is named itself is
/// taken whatever it is called.
pub fn find(paths: &[PathBuf]) -> Result<Found, Stop> {
    let mut all = Found::default();
    for path in paths {
        if path.as_os_str() == "-" {
            all.sources.push(Source { name: "standard input".to_owned(), path: None, bytes: 0 });
            continue;
        }
        let found = fs::metadata(path).and_then(|kind| {
            if kind.is_dir() {
                return collect(path, &mut all);
            }
            all.sources.push(Source::file(path, &kind));
            Ok(())
        });
        found.map_err(|e| {
            let what = "Nothing was imported.";
            Stop::cannot(what, format!("{}: {e}", path.display()), "name files or directories that can be read")
        })?;
    }
    Ok(all)
}

/// Looks through a directory and those in it.
fn collect(folder: &Path, all: &mut Found) -> io::Result<()> {
    let told = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", folder.display()));
    let inside = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(told)?;
    let mut inside: Vec<PathBuf> = inside.iter().map(fs::DirEntry::path).collect();
    inside.sort();
    for path in inside {
        let is_link = fs::symlink_metadata(&path).is_ok_and(|kind| kind.is_symlink());
        let kind = match fs::metadata(&path) {
            Ok(kind) => kind,
            // A link to nothing or in a circle; or a file that went since the directory was read.
            Err(error) if is_link || error.kind() == ErrorKind::NotFound => {
                all.passed_over.push((path, Reason::LostLink));
                continue;
            }
            Err(error) => return Err(error),
        };
        match reason_against(&path, &kind) {
            None if kind.is_dir() && !is_link => collect(&path, all)?,
            None if kind.is_dir() => all.passed_over.push((path, Reason::FolderLink)),
            None => all.sources.push(Source::file(&path, &kind)),
            Some(reason) => all.passed_over.push((path, reason)),
        }
    }
    Ok(())
}

/// Why something that stands in a directory is not read.
fn reason_against(path: &Path, kind: &fs::Metadata) -> Option<Reason> {
    // A name from a machine of another time need not be UTF-8.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match (kind.is_dir(), kind.is_file()) {
        (true, _) => None,
        (false, false) => Some(Reason::Device),
        (false, true) if !is_wanted(name.trim_start_matches('.')) => Some(Reason::Name),
        (false, true) => name.starts_with('.').then_some(Reason::Hidden),
    }
}

fn is_wanted(name: &str) -> bool {
    let plain = ["gz", "zst", "bz2"].iter().find_map(|end| name.strip_suffix(end)?.strip_suffix('.')).unwrap_or(name);
    plain.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

impl Source {
    fn file(path: &Path, kind: &fs::Metadata) -> Source {
        Source { name: path.display().to_string(), path: Some(path.to_owned()), bytes: kind.len() }
    }

    /// Opens the source, uncompressed. What is read from disk is added to `counter`.
    pub fn open(&self, counter: &Arc<AtomicU64>) -> io::Result<Box<dyn Read + Send>> {
        match &self.path {
            Some(path) => unpacked(Box::new(File::open(path)?), counter),
            None => unpacked(Box::new(io::stdin()), counter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_directory_gives_its_fhir_files_in_order() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("b")).expect("made");
        for name in ["z.json", "a.NDJSON.gz", "b/c.jsonl.zst", "README.md", ".hidden.json", "LICENSE", "x.json.bz2"] {
            fs::write(dir.path().join(name), "{}").expect("written");
        }
        let found = find(&[dir.path().to_owned()]).expect("found");
        let names: Vec<_> = found.sources.iter().map(|s| s.name.rsplit('/').next().unwrap_or_default()).collect();
        assert_eq!(names, ["a.NDJSON.gz", "c.jsonl.zst", "x.json.bz2", "z.json"]);
        assert_eq!(found.passed_over.len(), 3, "{:?}", found.passed_over);
        assert!(find(&[dir.path().join("none")]).is_err());
        assert_eq!(find(&[dir.path().join("LICENSE")]).expect("named").sources.len(), 1);
    }

    #[test]
    fn what_is_not_read_is_told_with_its_reason_and_stops_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("in")).expect("made");
        for name in ["in/a.json", "README.md", "LICENSE", "._a.json"] {
            fs::write(at(name), "{}").expect("written");
        }
        let _socket = UnixListener::bind(at("socket.json")).expect("a socket");
        symlink("nowhere.json", at("lost.json")).expect("linked");
        symlink("round.json", at("round.json")).expect("linked");
        symlink("..", at("in/up")).expect("linked");
        symlink("in/a.json", at("b.json")).expect("linked");
        let found = find(&[dir.path().to_owned()]).expect("found");
        assert_eq!(found.sources.len(), 2, "{:?}", found.sources);
        let root = dir.path().display();
        assert_eq!(
            found.passed_over_lines(),
            [
                format!(
                    "not read: {root}/LICENSE and 1 more: not called .json, .ndjson or .jsonl; name a file itself to have it read"
                ),
                format!(
                    "not read: {root}/._a.json: hidden, with a dot before the name; name a file itself to have it read"
                ),
                format!("not read: {root}/socket.json: a pipe, socket or device; name it itself to have it read"),
                format!(
                    "not read: {root}/lost.json and 1 more: a link that leads nowhere; put back what it should lead to, and import again"
                ),
                format!("not read: {root}/in/up: a link to a directory; name the directory itself to have it read"),
            ]
        );
    }
}
