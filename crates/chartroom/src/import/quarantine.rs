//! The quarantine: what was refused, with its place and reasons, one JSON object a line.
//!
//! `{"file":…,"line":…,"entry":…,"reasons":[{"code":…,"path":…,"message":…}]}`. In the data directory it holds no
//! resources, because nothing there may be readable without the key; the place leads back to them. A file the operator
//! names holds each resource as well (`"resource"`), in plain text, so that it can be mended and imported. Both can be
//! read by their owner only.

use base::clock::Clock;
use base::finding::Finding;
use fhir::json::Json;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The quarantine of one run. The file is made when the first refusal comes.
pub struct Quarantine {
    path: PathBuf,
    keeps_resources: bool,
    file: Option<BufWriter<File>>,
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
fn unused(data: &Path, time: &str) -> PathBuf {
    let first = data.join(format!("quarantine-{time}.ndjson"));
    let more = (2..).map(|n: u32| data.join(format!("quarantine-{time}-{n}.ndjson")));
    std::iter::once(first).chain(more).find(|path| !path.exists()).unwrap_or_default()
}

impl Quarantine {
    /// A quarantine at the file the operator named, or in the data directory.
    pub fn new(named: Option<&Path>, data: &Path, clock: &Clock) -> Quarantine {
        let time: String = clock.now().to_string().chars().filter(char::is_ascii_digit).take(14).collect();
        let path = named.map_or_else(|| unused(data, &time), Path::to_owned);
        Quarantine { path, keeps_resources: named.is_some(), file: None }
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
        let mut bytes = line.to_bytes();
        bytes.push(b'\n');
        self.open()?.write_all(&bytes)
    }

    /// Brings everything to disk. `None`: nothing was refused.
    pub fn close(&mut self) -> io::Result<Option<&Path>> {
        let Some(file) = &mut self.file else { return Ok(None) };
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(Some(&self.path))
    }

    /// Whether lines hold the resources.
    pub fn keeps_resources(&self) -> bool {
        self.keeps_resources
    }

    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                BufWriter::new(options.write(true).create(true).truncate(true).mode(0o600).open(&self.path)?)
            }
        };
        Ok(self.file.insert(file))
    }
}
