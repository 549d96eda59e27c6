//! Sources: the files an import reads, uncompressed as they are read.

use crate::stop::Stop;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Files in directories that are not called like FHIR, and are not read.
    pub passed_over: Vec<PathBuf>,
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
        let found = fs::metadata(path).and_then(|kind| collect(path, &kind, true, &mut all));
        found.map_err(|e| {
            let what = "Nothing was imported.";
            Stop::cannot(what, format!("{}: {e}", path.display()), "name files or directories that can be read")
        })?;
    }
    Ok(all)
}

fn collect(path: &Path, kind: &fs::Metadata, named: bool, all: &mut Found) -> io::Result<()> {
    if kind.is_dir() {
        let mut inside = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        inside.sort();
        for path in inside {
            // A link to a directory is not followed: it may lead back up.
            let is_link_up = fs::symlink_metadata(&path)?.is_symlink() && path.is_dir();
            if !is_link_up {
                collect(&path, &fs::metadata(&path)?, false, all)?;
            }
        }
    } else if named || (kind.is_file() && is_wanted(path)) {
        all.sources.push(Source { name: path.display().to_string(), path: Some(path.to_owned()), bytes: kind.len() });
    } else {
        all.passed_over.push(path.to_owned());
    }
    Ok(())
}

fn is_wanted(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|n| n.to_str()).filter(|n| !n.starts_with('.')) else { return false };
    let plain = ["gz", "zst", "bz2"].iter().find_map(|end| name.strip_suffix(end)?.strip_suffix('.')).unwrap_or(name);
    plain.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

impl Source {
    /// Opens the source; compression is known by the first bytes. What is read from disk is added to `counter`.
    pub fn open(&self, counter: &Arc<AtomicU64>) -> io::Result<Box<dyn Read + Send>> {
        let raw: Box<dyn Read + Send> = match &self.path {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(io::stdin()),
        };
        let mut counted = Counted { inner: raw, counter: Arc::clone(counter) };
        let head = up_to(&mut counted, 4)?;
        let whole = BufReader::with_capacity(1 << 16, Cursor::new(head.clone()).chain(counted));
        Ok(match head.as_slice() {
            [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
            [b'B', b'Z', b'h', _] => Box::new(bzip2::bufread::MultiBzDecoder::new(whole)),
            [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::with_buffer(whole)?),
            _ => Box::new(whole),
        })
    }
}

/// Reads `count` bytes, or fewer where the source ends.
pub fn up_to(source: &mut dyn Read, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    add_up_to(&mut bytes, source, count)?;
    Ok(bytes)
}

/// Adds `count` bytes to what was read before, or fewer where the source ends.
pub fn add_up_to(bytes: &mut Vec<u8>, source: &mut dyn Read, count: u64) -> io::Result<()> {
    source.take(count).read_to_end(bytes)?;
    Ok(())
}

struct Counted {
    inner: Box<dyn Read + Send>,
    counter: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.counter.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

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
    fn compression_is_known_by_the_first_bytes() {
        let dir = tempfile::tempdir().expect("a folder");
        let text = b"{\"resourceType\":\"Patient\"}";
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text).expect("packed");
        let mut bz2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bz2.write_all(text).expect("packed");
        for packed in [
            text.to_vec(),
            gz.finish().expect("packed"),
            bz2.finish().expect("packed"),
            zstd::encode_all(&text[..], 1).expect("packed"),
            Vec::new(),
        ] {
            let path = dir.path().join("any");
            fs::write(&path, &packed).expect("written");
            let counter = Arc::new(AtomicU64::new(0));
            let mut plain = Vec::new();
            let source = &find(&[path]).expect("found").sources[0];
            source.open(&counter).expect("opened").read_to_end(&mut plain).expect("read");
            assert_eq!(plain, if packed.is_empty() { &b""[..] } else { &text[..] });
            assert_eq!(counter.load(Ordering::Relaxed), packed.len() as u64);
        }
    }
}
