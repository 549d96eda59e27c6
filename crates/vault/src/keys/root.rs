//! The root key: 32 bytes from a file, the environment or a passphrase. All other keys hang from it.
//!
//! Whoever holds it and the data directory holds everything; who has only the directory has nothing. It is never made
//! anew for a directory that has a record already: that would only hide that the right one is missing.

use super::seal::{Mac, Sealer};
use crate::error::Fault;
use crate::records::KeySource;
use aws_lc_rs::hkdf;
use base::id::Ids;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The root key itself. Shows nothing of itself.
#[derive(Clone)]
pub(crate) struct RootKey([u8; 32]);

/// What is derived from the root key (RFC 5869, HKDF with SHA-256): one key a purpose.
pub(crate) struct Ring {
    /// Wraps patients' data keys.
    pub wrapping: Sealer,
    /// Seals the site's secrets and dictionaries.
    pub secrets: Sealer,
    /// Makes and checks operators' tokens.
    pub token: Mac,
    /// Seals sessions.
    pub sessions: Sealer,
    /// Tells the right key from a wrong one; says nothing about it.
    pub check: [u8; 16],
}

/// The ring in use; and while a root key is being changed the one to come, afterwards the one before.
pub(crate) struct Rings {
    pub now: Arc<Ring>,
    other: Option<Arc<Ring>>,
}

impl Rings {
    /// Only one ring.
    pub fn new(ring: Ring) -> Rings {
        Rings { now: Arc::new(ring), other: None }
    }

    /// What is under another ring can be opened from now on; the present one stays in use.
    pub fn expect(&mut self, ring: Arc<Ring>) {
        self.other = Some(ring);
    }

    /// Another ring comes into use; what is under the old one can still be opened.
    pub fn turn(&mut self, ring: Arc<Ring>) {
        self.other = Some(std::mem::replace(&mut self.now, ring));
    }

    /// The rings, the present one first.
    pub fn both(&self) -> Vec<Arc<Ring>> {
        std::iter::once(&self.now).chain(&self.other).map(Arc::clone).collect()
    }
}

/// A new root key in a file beside the present one, until everything is sealed under it.
pub(crate) struct KeyDraft {
    path: PathBuf,
}

impl KeyDraft {
    /// The file's name while it waits.
    fn beside(path: &Path) -> PathBuf {
        path.with_extension("next")
    }

    /// Lets the new key take the old one's place.
    pub fn put_in_place(self) -> Result<(), Fault> {
        let moved = fs::rename(KeyDraft::beside(&self.path), &self.path).and_then(|()| sync_folder(&self.path));
        moved.map_err(|error| Fault::file("replacing", &self.path, error))
    }
}

impl RootKey {
    /// The key to change to: the one `to` has, or a fresh one. `present` is the check value of the present key; where
    /// that lies in the very file of `to`, the fresh key waits beside it.
    pub fn next(to: &KeySource, dir: &Path, present: &[u8; 16]) -> Result<(RootKey, Option<KeyDraft>), Fault> {
        let path = match to {
            KeySource::Beside => dir.join("root.key"),
            KeySource::File(path) => path.clone(),
            KeySource::Hex(_) | KeySource::Passphrase(_) => return Ok((RootKey::find(to, dir, true)?, None)),
        };
        let key = from_file(&path, true)?;
        if key.ring()?.check != *present {
            return Ok((key, None));
        }
        let draft = KeyDraft::beside(&path);
        if draft.exists() {
            fs::remove_file(&draft).map_err(|error| Fault::file("removing", &draft, error))?;
        }
        Ok((make_file(&draft)?, Some(KeyDraft { path })))
    }

    /// The key of a file that a change of keys left beside its place when the machine stopped in between.
    pub fn waiting(source: &KeySource, dir: &Path) -> Option<(RootKey, KeyDraft)> {
        let path = match source {
            KeySource::Beside => dir.join("root.key"),
            KeySource::File(path) => path.clone(),
            KeySource::Hex(_) | KeySource::Passphrase(_) => return None,
        };
        let key = from_file(&KeyDraft::beside(&path), false).ok()?;
        Some((key, KeyDraft { path }))
    }

    /// The key the source has; for a new data directory it is made where the source allows.
    pub fn find(source: &KeySource, dir: &Path, new: bool) -> Result<RootKey, Fault> {
        match source {
            KeySource::Beside => from_file(&dir.join("root.key"), new),
            KeySource::File(path) => from_file(path, new),
            KeySource::Hex(text) => from_hex(text).ok_or_else(|| {
                Fault::Key("The root key is not 64 hexadecimal digits. next: correct it where it is set.".to_owned())
            }),
            KeySource::Passphrase(words) => from_passphrase(words, dir, new),
        }
    }

    /// Derives what this installation needs.
    pub fn ring(&self) -> Result<Ring, Fault> {
        let check = self.derive("check")?;
        let mut short = [0; 16];
        short.copy_from_slice(&check[..16]);
        Ok(Ring {
            wrapping: Sealer::new(&self.derive("patient keys")?)?,
            secrets: Sealer::new(&self.derive("secrets")?)?,
            token: Mac::new(&self.derive("tokens")?),
            sessions: Sealer::new(&self.derive("sessions")?)?,
            check: short,
        })
    }

    fn derive(&self, purpose: &str) -> Result<[u8; 32], Fault> {
        let mut key = [0; 32];
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"chartroom root key v1").extract(&self.0);
        prk.expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key))
            .map_err(|_| Fault::Key("A key could not be derived from the root key.".to_owned()))?;
        Ok(key)
    }
}

fn from_hex(text: &str) -> Option<RootKey> {
    let text = text.trim().as_bytes();
    if text.len() != 64 {
        return None;
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |c: u8| char::from(c).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?).try_into().ok()?;
    }
    Some(RootKey(key))
}

fn from_file(path: &Path, new: bool) -> Result<RootKey, Fault> {
    match fs::read_to_string(path) {
        Ok(text) => from_hex(&text).ok_or_else(|| {
            Fault::Key(format!(
                "The root key file {} does not hold 64 hexadecimal digits. next: put the right file back.",
                path.display()
            ))
        }),
        Err(error) if error.kind() == ErrorKind::NotFound && new => make_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(Fault::Key(format!(
            "The root key file {} is missing; without it nobody can read this record. next: put it back from where you \
             keep its copy, or say where it is.",
            path.display()
        ))),
        Err(error) => Err(Fault::file("reading", path, error)),
    }
}

fn make_file(path: &Path) -> Result<RootKey, Fault> {
    let mut key = [0; 32];
    Ids::System.fill(&mut key);
    let mut text = hex(&key);
    text.push('\n');
    write_file(path, text.as_bytes())?;
    Ok(RootKey(key))
}

/// A new passphrase has at least this many characters (NIST SP 800-63B-4 section 3.1.1.2 asks for 15 where nothing else
/// protects an account; here Argon2id makes each guess dear). A directory made with a shorter one still opens.
const PASSPHRASE_CHARACTERS_MIN: usize = 12;

fn from_passphrase(words: &str, dir: &Path, new: bool) -> Result<RootKey, Fault> {
    if new && words.chars().count() < PASSPHRASE_CHARACTERS_MIN {
        return Err(Fault::Key(format!(
            "The passphrase has fewer than {PASSPHRASE_CHARACTERS_MIN} characters: whoever copies the directory can try \
             them all. next: take a longer one, as four or five words, or leave it out for a key file."
        )));
    }
    let path = dir.join("root.salt");
    let salt = match fs::read_to_string(&path) {
        Ok(text) => from_hex(&text).map(|salt| salt.0).ok_or_else(|| {
            Fault::Key(format!(
                "{} does not hold 64 hexadecimal digits. next: put the right file back.",
                path.display()
            ))
        })?,
        Err(error) if error.kind() == ErrorKind::NotFound && new => make_file(&path)?.0,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Fault::Key(format!(
                "{} is missing: the root key was not made from a passphrase, or its salt was lost. next: give the key \
                 in the way it was made, or put the file back.",
                path.display()
            )));
        }
        Err(error) => return Err(Fault::file("reading", &path, error)),
    };
    // RFC 9106 section 4, second recommended option: 64 MiB, three passes, four lanes.
    let params = argon2::Params::new(64 * 1024, 3, 4, Some(32)).map_err(|_| unusable())?;
    let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let mut key = [0; 32];
    argon.hash_password_into(words.as_bytes(), &salt, &mut key).map_err(|_| unusable())?;
    Ok(RootKey(key))
}

fn unusable() -> Fault {
    Fault::Key("The passphrase cannot be stretched into a key: it is empty or too long.".to_owned())
}

/// A secret of its own for something beside the record: read from its file, made there the first time.
pub(crate) fn own_secret(path: &Path) -> Result<[u8; 32], Fault> {
    from_file(path, true).map(|key| key.0)
}

/// Writes a file that only its owner can read, whole or not at all, and durably.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Fault> {
    let draft = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)?;
        sync_folder(path)
    };
    write().map_err(|error| Fault::file("making", path, error))
}

/// Makes a new name in a folder survive a power loss.
pub(crate) fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_owned);
    File::open(folder)?.sync_all()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    // By hand: every request's token passes here, and formatting each byte cost more than the HMAC itself.
    let digit = |n: u8| char::from(b"0123456789abcdef"[usize::from(n & 15)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_never_for_a_record_that_lost_its_own() {
        let dir = tempfile::tempdir().expect("a folder");
        let missing = RootKey::find(&KeySource::Beside, dir.path(), false);
        assert!(matches!(missing, Err(Fault::Key(line)) if line.contains("is missing")));
        let made = RootKey::find(&KeySource::Beside, dir.path(), true).expect("made");
        let found = RootKey::find(&KeySource::Beside, dir.path(), false).expect("found");
        assert_eq!(made.0, found.0);
    }

    #[test]
    fn a_new_passphrase_is_long_and_an_old_one_still_opens() {
        let dir = tempfile::tempdir().expect("a folder");
        let of = |words: &str, new| RootKey::find(&KeySource::Passphrase(words.to_owned()), dir.path(), new);
        for short in ["", "a", "eleven char"] {
            assert!(matches!(of(short, true), Err(Fault::Key(line)) if line.contains("fewer than 12")), "{short}");
            assert!(!dir.path().join("root.salt").exists(), "refused before anything is made");
        }
        let made = of("twelve chars", true).expect("made");
        assert_eq!(of("twelve chars", false).expect("found").0, made.0);
        assert!(of("a", false).is_ok(), "a directory of before is not shut");
    }

    #[test]
    fn purposes_have_different_keys() {
        let root = RootKey([7; 32]);
        assert_ne!(root.derive("a").expect("a"), root.derive("b").expect("b"));
        assert_ne!(root.ring().expect("ring").check, RootKey([8; 32]).ring().expect("ring").check);
    }

    #[test]
    fn a_ring_that_is_expected_opens_and_is_not_yet_in_use() {
        let ring = |byte| RootKey([byte; 32]).ring().expect("a ring");
        let (old, new) = (ring(1).check, Arc::new(ring(2)));
        let mut rings = Rings::new(ring(1));
        let all = |rings: &Rings| rings.both().iter().map(|ring| ring.check).collect::<Vec<_>>();
        rings.expect(Arc::clone(&new));
        assert_eq!((rings.now.check, all(&rings)), (old, vec![old, new.check]));
        rings.turn(Arc::clone(&new));
        assert_eq!((rings.now.check, all(&rings)), (new.check, vec![new.check, old]));
    }

    #[test]
    fn hexadecimal_is_read_strictly() {
        assert_eq!(from_hex(&format!("{}\n", "0a".repeat(32))).expect("a key").0, [10; 32]);
        for wrong in ["", "0a", &"0g".repeat(32), &"0a".repeat(33)] {
            assert!(from_hex(wrong).is_none(), "{wrong}");
        }
    }
}
