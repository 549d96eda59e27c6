//! A package that carries its own receipt: every file with its hash in a manifest, every resource with the proof that it
//! stands in the log as it was sent. Anybody checks it offline, with the log's public key.

use super::case::Case;
use super::dossier::Decided;
use super::package::{Package, about, numbered};
use crate::task::wrong;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{Cursor, Read, Write};
use vault::access::Visit;
use vault::log::checkpoint::VerifierKey;
use vault::log::receipt::{Shown, check as check_proof, digest};
use vault::{Error, Vault};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{AesMode, CompressionMethod, ZipArchive, ZipWriter};

/// The list of all files with their hashes.
const MANIFEST: &str = "manifest.json";

/// Most bytes of a package that is checked, unpacked.
const BYTES_MAX: u64 = 2 << 30;

/// Shortest password of an encrypted package, in characters.
const PASSWORD_MIN: usize = 12;

/// A package that was made.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// What the file is called.
    pub name: String,
    /// The file: a zip archive.
    pub bytes: Vec<u8>,
    /// SHA-256 of its manifest, as lower-case hexadecimal.
    pub manifest: String,
}

/// Makes a package; with a password all of it is encrypted (AES-256).
pub fn pack(
    vault: &Vault,
    visit: &Visit,
    case: &Case,
    decided: &Decided,
    packed: &Package,
    password: Option<&str>,
) -> Result<Receipt, Error> {
    if password.is_some_and(|password| password.chars().count() < PASSWORD_MIN) {
        return Err(wrong(format!("a password has at least {PASSWORD_MIN} characters; choose a longer one")).into());
    }
    let mut files: Vec<(String, Vec<u8>, Option<String>)> = Vec::new();
    for item in &packed.items {
        let name = about(&item.version).replace('/', "-");
        let proof = vault.proof(visit, item.version.position)?.ok_or_else(|| {
            Refusal::new(Kind::Unavailable, "transient", "the proof of a version cannot be made yet; try again shortly")
        })?;
        files.push((format!("records/{name}.json"), item.version.body.to_vec(), Some(numbered(&item.version))));
        files.push((format!("proofs/{name}.txt"), proof.into_bytes(), None));
    }
    files.push(("bundle.json".to_owned(), bundle(packed), None));
    if let Some(notice) = decided.route.notice() {
        files.push(("NOTICE.txt".to_owned(), format!("{notice}\n").into_bytes(), None));
    }
    let manifest = manifest(vault, case, &files).to_bytes();
    let hash = digest(&manifest);
    files.insert(0, (MANIFEST.to_owned(), manifest, None));
    let bytes = zipped(&files, password).map_err(|_| wrong("the package is too large for one archive; send less"))?;
    Ok(Receipt { name: format!("release-{}.zip", case.request.id), bytes, manifest: hash })
}

fn manifest(vault: &Vault, case: &Case, files: &[(String, Vec<u8>, Option<String>)]) -> Json<'static> {
    let text = |text: &str| Json::string(text.to_owned());
    let entry = |(name, bytes, version): &(String, Vec<u8>, Option<String>)| {
        let mut members =
            vec![("name", text(name)), ("sha256", text(&digest(bytes))), ("bytes", Json::number(bytes.len()))];
        members.extend(version.as_deref().map(|version| ("version", text(version))));
        Json::object(members)
    };
    Json::object([
        ("format", text("chartroom-release-1")),
        ("request", text(&case.request.id)),
        ("made", text(&vault.clock().now().to_string())),
        ("logKey", text(&vault.log_key().to_string())),
        ("files", Json::Array(files.iter().map(entry).collect())),
    ])
}

/// Everything in one FHIR Bundle, for programs.
fn bundle(packed: &Package) -> Vec<u8> {
    let mut out = br#"{"resourceType":"Bundle","type":"collection","entry":["#.to_vec();
    for (n, item) in packed.items.iter().enumerate() {
        out.extend_from_slice(if n == 0 { br#"{"resource":"# } else { br#",{"resource":"# });
        out.extend_from_slice(&item.version.body);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

fn zipped(files: &[(String, Vec<u8>, Option<String>)], password: Option<&str>) -> Result<Vec<u8>, ZipError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes, _) in files {
        match password {
            Some(password) => zip.start_file(name, plain.with_aes_encryption(AesMode::Aes256, password))?,
            None => zip.start_file(name, plain)?,
        }
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// What a check of a package found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The id of the request under which it was sent.
    pub request: String,
    /// SHA-256 of its manifest.
    pub manifest: String,
    /// The key of the log that it names.
    pub key: String,
    /// How many files it has.
    pub files: usize,
    /// How many resources stand in the log as they were sent.
    pub proved: usize,
    /// What does not hold, a line each.
    pub wrong: Vec<String>,
}

/// Checks a package: the hash of every file, and every proof. `key`: the log's, from somebody you trust; without it the
/// package's own word is taken for it.
pub fn check(bytes: &[u8], password: Option<&str>, key: Option<&VerifierKey>) -> Result<Checked, Refusal> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(|_| wrong("this is no zip archive, or a broken one"))?;
    let manifest = read(&mut zip, MANIFEST, password)?.ok_or_else(|| wrong("the archive has no manifest.json"))?;
    let json = Json::parse(&manifest).map_err(|_| wrong("the manifest cannot be read"))?;
    let named = json.text("logKey").unwrap_or_default().to_owned();
    let own = VerifierKey::parse(&named);
    let mut checked = Checked {
        request: json.text("request").unwrap_or_default().to_owned(),
        manifest: digest(&manifest),
        key: named,
        files: 0,
        proved: 0,
        wrong: Vec::new(),
    };
    let key = key.or(own.as_ref()).ok_or_else(|| wrong("the manifest names no key of a log; give it with --key"))?;
    let mut known = BTreeSet::from([MANIFEST.to_owned()]);
    for file in json.get("files").map_or(&[][..], Json::items) {
        let name = file.text("name").unwrap_or_default().to_owned();
        let found = read(&mut zip, &name, password)?;
        checked.files += 1;
        match found {
            None => checked.wrong.push(format!("{name}: missing")),
            Some(bytes) if file.text("sha256") != Some(&digest(&bytes)) => {
                checked.wrong.push(format!("{name}: altered"));
            }
            Some(bytes) if file.get("version").is_some() => {
                prove(&mut zip, &name, &bytes, password, key, &mut checked)?;
            }
            Some(_) => {}
        }
        known.insert(name);
    }
    let name = |name: Result<Cow<'_, str>, _>| name.map_or_else(|_| "a file".to_owned(), Cow::into_owned);
    let more: Vec<String> = zip.file_names().map(name).filter(|name| !known.contains(name)).collect();
    checked.wrong.extend(more.iter().map(|name| format!("{name}: not in the manifest")));
    Ok(checked)
}

fn prove(
    zip: &mut ZipArchive<Cursor<&[u8]>>,
    name: &str,
    bytes: &[u8],
    password: Option<&str>,
    key: &VerifierKey,
    checked: &mut Checked,
) -> Result<(), Refusal> {
    let proof = name.replacen("records/", "proofs/", 1).replace(".json", ".txt");
    let proof = read(zip, &proof, password)?.and_then(|proof| String::from_utf8(proof).ok());
    let shown = proof.map_or(Shown::NoProof, |proof| check_proof(&proof, bytes, key));
    let why = match shown {
        Shown::Stands => {
            checked.proved += 1;
            return Ok(());
        }
        Shown::Altered => "not what the log holds",
        Shown::NotInLog => "its proof leads to no checkpoint that this key signs",
        Shown::NoProof => "has no proof",
    };
    checked.wrong.push(format!("{name}: {why}"));
    Ok(())
}

/// A file of the archive; `None`: there is none of that name.
fn read(zip: &mut ZipArchive<Cursor<&[u8]>>, name: &str, password: Option<&str>) -> Result<Option<Vec<u8>>, Refusal> {
    let Some(index) = zip.index_for_name(name) else { return Ok(None) };
    let file = match password {
        Some(password) => zip.by_index_decrypt(index, password.as_bytes()),
        None => zip.by_index(index),
    };
    let mut bytes = Vec::new();
    let read = file.and_then(|file| Ok(file.take(BYTES_MAX).read_to_end(&mut bytes)?));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(ZipError::InvalidPassword) => Err(wrong("the password does not open the archive; ask the sender for it")),
        Err(ZipError::UnsupportedArchive(_)) => {
            Err(wrong("the archive is encrypted or packed in another way; give its password with --password"))
        }
        // Broken bytes are the finding, not a reason to stop.
        Err(_) => Ok(Some(Vec::new())),
    }
}
