//! A backup's manifest: what is in it, hashed and signed with the log's key.
//!
//! ```text
//! chartroom backup 1
//! origin chartroom.example/0123456789abcdef
//! at 2026-11-23T09:05:12.000Z
//! entries 1234
//! root <base64>
//! file record.sqlite 123456 <SHA-256, hexadecimal>
//!
//! — chartroom.example/0123456789abcdef <base64>
//! ```
//!
//! The note's first line is no origin, so that no manifest can pass for a checkpoint, nor the other way round.

use crate::error::{Error, Fault};
use crate::keys::root::hex;
use aws_lc_rs::digest::{Context, SHA256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The manifest's name in a backup.
pub(super) const FILE: &str = "manifest";

const FORM: &str = "chartroom backup 1";

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub origin: String,
    pub at: String,
    pub entries: u64,
    pub root: String,
    pub files: Vec<Listed>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

impl Manifest {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let Manifest { origin, at, entries, root, files } = self;
        let mut text = format!("{FORM}\norigin {origin}\nat {at}\nentries {entries}\nroot {root}\n");
        for Listed { name, bytes, sha256 } in files {
            text.push_str(&format!("file {name} {bytes} {sha256}\n"));
        }
        text
    }

    /// Reads a text back; `None` if it is no manifest.
    pub fn read(text: &str) -> Option<Manifest> {
        let mut lines = text.lines();
        let mut field = |name: &str| lines.next()?.strip_prefix(name).map(str::to_owned);
        field(FORM)?;
        let (origin, at) = (field("origin ")?, field("at ")?);
        let (entries, root) = (field("entries ")?.parse().ok()?, field("root ")?);
        let files = lines.map(Listed::read).collect::<Option<Vec<_>>>()?;
        let manifest = Manifest { origin, at, entries, root, files };
        (manifest.text() == text).then_some(manifest)
    }
}

impl Listed {
    /// Reads a file and lists it.
    pub fn of(dir: &Path, name: &str) -> Result<Listed, Error> {
        let path = dir.join(name);
        let (bytes, sha256) = hash(&path).map_err(|error| Fault::file("reading", &path, error))?;
        Ok(Listed { name: name.to_owned(), bytes, sha256 })
    }

    fn read(line: &str) -> Option<Listed> {
        let mut words = line.strip_prefix("file ")?.split(' ');
        let (name, bytes, sha256) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        // A name leads nowhere else.
        let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', ':']);
        plain.then(|| Listed { name: name.to_owned(), bytes, sha256: sha256.to_owned() })
    }
}

fn hash(path: &Path) -> std::io::Result<(u64, String)> {
    let (mut file, mut context) = (File::open(path)?, Context::new(&SHA256));
    let (mut buffer, mut bytes) = (vec![0; 1 << 20], 0);
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok((bytes, hex(context.finish().as_ref())));
        }
        context.update(&buffer[..n]);
        bytes += n as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_back_and_a_name_leads_nowhere_else() {
        let file = Listed { name: "record.sqlite".into(), bytes: 9, sha256: "ab".into() };
        let manifest = Manifest { origin: "o".into(), at: "t".into(), entries: 3, root: "r".into(), files: vec![file] };
        assert_eq!(Manifest::read(&manifest.text()), Some(manifest.clone()));
        for wrong in [
            String::new(),
            manifest.text().replace("backup 1", "backup 2"),
            manifest.text().replace("record.sqlite", "../record.sqlite"),
            manifest.text().replace("record.sqlite", ".."),
            manifest.text().replace("entries 3", "entries 03"),
            format!("{}more\n", manifest.text()),
        ] {
            assert_eq!(Manifest::read(&wrong), None, "{wrong}");
        }
    }
}
