//! What the log gives out: checkpoints, proofs, tiles; and what it takes in: witnesses' cosignatures.

use super::checkpoint::{Signed, VerifierKey};
use super::nodes::{Nodes, leaf_bytes};
use super::tree::TILE;
use super::witness::{Request, is_cosigned};
use crate::access::{Action, Visit};
use crate::error::{Error, Fault};
use crate::keys::patients::Kid;
use crate::records::store::shredded;
use crate::records::{Position, Vault};
use base::refusal::{Kind, Refusal};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rusqlite::{Connection, OptionalExtension, params};
use signed_note::Signature;
use std::fmt::Write;
use tlog_tiles::{Hash, prove_record, prove_tree, tree_hash};

impl Vault {
    /// The public key that checks this log's checkpoints; its name is the log's origin.
    pub fn log_key(&self) -> VerifierKey {
        self.inner.store.signer.verifier()
    }

    /// The latest signed checkpoint (C2SP tlog-checkpoint). `None` only if the record was altered.
    pub fn checkpoint(&self) -> Result<Option<Vec<u8>>, Error> {
        self.inner.store.readers.with(|connection| Ok(note(connection, "latest")?))
    }

    /// The latest checkpoint that witnesses cosigned.
    pub fn witnessed(&self) -> Result<Option<Vec<u8>>, Error> {
        self.inner.store.readers.with(|connection| Ok(note(connection, "witnessed")?))
    }

    /// A proof that the entry at `position` is in the log (C2SP tlog-proof), against the witnessed checkpoint if that
    /// covers it, else against the latest. `None`: there is no such entry.
    ///
    /// Its `extra` is 32 bytes of salt and then the leaf: the holder checks that SHA-256(salt ‖ served bytes) stands in
    /// the leaf ([`super::leaf`]), and that SHA-256(0x00 ‖ leaf) leads to the root.
    pub fn proof(&self, visit: &Visit, position: Position) -> Result<Option<String>, Error> {
        let store = &self.inner.store;
        if !self.shows_whole(visit, position)? {
            return Ok(None);
        }
        store.readers.with(|connection| {
            // One snapshot: the checkpoint and the tree it signs.
            let snapshot = connection.unchecked_transaction()?;
            let salt = |kid| Ok(store.key(&snapshot, kid)?.map(|key| key.salt(position.0)));
            prove(&snapshot, position.0, salt)
        })
    }

    /// Whether the visit sees the version at a position. Refuses where it sees only a part: with the salt and the leaf,
    /// the rest could be guessed and the guess be checked.
    pub(super) fn shows_whole(&self, visit: &Visit, position: Position) -> Result<bool, Error> {
        if visit.is_operator() {
            return Ok(true);
        }
        let (store, sight) = (&self.inner.store, self.sight(visit, Action::Read)?);
        let version = store.readers.with(|connection| store.version_at(connection, position))?;
        let Some(version) = version else { return Ok(false) };
        if !store.sees(&sight, &version)? {
            return Ok(false);
        }
        if sight.narrow(version).partial {
            let message = "a proof is of the whole version, and you see a part of it; ask somebody who sees all of it";
            return Err(Refusal::new(Kind::Forbidden, "forbidden", message).into());
        }
        Ok(true)
    }

    /// A proof that the log of `new` entries extends the log of `old` (RFC 6962 section 2.1.2); empty from 0.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
        let head = self.head().0;
        if new > head {
            let message = format!("the log has {head} entries; it cannot show how it grew from {old} to {new}");
            return Err(Refusal::new(Kind::Malformed, "value", message).into());
        }
        self.inner.store.readers.with(|connection| growth(connection, old, new))
    }

    /// The body of an `add-checkpoint` request to a witness that saw `old` entries last (C2SP tlog-witness).
    pub fn witness_request(&self, old: u64) -> Result<String, Error> {
        self.inner.store.readers.with(|connection| request(connection, old))
    }

    /// A tile by its path below the log's prefix, `tile/0/x001/234` or `tile/0/x001/234.p/5` (C2SP tlog-tiles).
    /// `None`: no such tile, or it has not that many hashes yet.
    pub fn tile(&self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(tile) = TilePath::parse(path) else { return Ok(None) };
        let store = &self.inner.store;
        let levels = 8 * u32::from(tile.level);
        let here = store.head().checked_shr(levels).unwrap_or(0);
        let Some(first) = tile.n.checked_mul(TILE).filter(|first| first + tile.width <= here) else { return Ok(None) };
        store.readers.with(|connection| {
            let nodes = Nodes::new(connection);
            if tile.level == 0 {
                return Ok(Some(nodes.leaves(first, tile.width)?.iter().flat_map(|hash| hash.0).collect()));
            }
            let mut bytes = nodes.tile(tile.level, tile.n)?;
            bytes.truncate(tile.width as usize * 32);
            Ok(Some(bytes))
        })
    }

    /// Takes the cosignature lines a witness answered for a checkpoint of ours. Lines that none of `witnesses` made are
    /// passed over. Answers how many were kept.
    pub fn add_cosignatures(&self, checkpoint: &[u8], lines: &str, witnesses: &[VerifierKey]) -> Result<usize, Error> {
        let malformed = || Refusal::new(Kind::Malformed, "structure", "that is no checkpoint with cosignature lines");
        let whole = [checkpoint, lines.as_bytes()].concat();
        let signed = Signed::parse(&whole).ok_or_else(malformed)?;
        if !signed.is_signed_by(&self.log_key()) {
            return Err(Refusal::new(Kind::Invalid, "value", "the checkpoint is not one of this log").into());
        }
        let good = cosigned(&signed, witnesses);
        if good.is_empty() {
            return Ok(0);
        }
        let keys: String = witnesses.iter().map(|key| format!("{key}\n")).collect();
        self.task(move |desk| keep_cosignatures(desk, &signed, &good, &keys))?
    }
}

fn cosigned(signed: &Signed, witnesses: &[VerifierKey]) -> Vec<Signature> {
    let is_good = |line: &&Signature| {
        let mut keys =
            witnesses.iter().filter(|key| key.is_witness() && key.name == line.name() && key.id() == line.id());
        keys.any(|key| is_cosigned(key, &signed.text, line.signature()))
    };
    signed.signatures.iter().filter(is_good).cloned().collect()
}

/// Keeps cosignatures beside the log's own signature, one of each witness: the latest. An older checkpoint never replaces
/// a newer one.
fn keep_cosignatures(
    desk: &mut crate::records::desk::Desk,
    signed: &Signed,
    good: &[Signature],
    keys: &str,
) -> Result<usize, Error> {
    let size = signed.checkpoint.size();
    let root = tree_hash(size, &Nodes::new(&desk.connection))?;
    if size > desk.tree.size() || root != *signed.checkpoint.hash() {
        return Err(Fault::Altered(
            "A signed checkpoint of this log does not fit its entries. next: run verify.".into(),
        )
        .into());
    }
    let earlier = note(&desk.connection, "witnessed")?.as_deref().and_then(Signed::parse);
    if earlier.as_ref().is_some_and(|before| before.checkpoint.size() > size) {
        return Ok(0);
    }
    let others = earlier.filter(|before| before.text == signed.text).map_or_else(Vec::new, |b| b.signatures);
    let mut whole = desk.store.signer.sign(size, root);
    let own = desk.store.signer.verifier();
    let again = |line: &Signature| {
        let mut anew = good.iter().map(|new| (new.name(), new.id())).chain([(own.name.as_str(), own.id())]);
        anew.any(|who| who == (line.name(), line.id()))
    };
    for line in others.iter().filter(|line| !again(line)).chain(good) {
        whole.extend_from_slice(&line.to_bytes());
    }
    crate::records::writer::transact(desk, |desk, _| {
        let mut put = desk.connection.prepare("INSERT OR REPLACE INTO checkpoint(name, note) VALUES (?, ?)")?;
        put.execute(params!["witnessed", whole])?;
        // Verify checks the lines again, and needs the keys for it.
        let keys = united(&note(&desk.connection, "witnesses")?.unwrap_or_default(), keys);
        put.execute(params!["witnesses", keys.as_bytes()])?;
        Ok(good.len())
    })
    .map_err(|stop| stop.error())
}

/// The lines of both, each once.
fn united(kept: &[u8], more: &str) -> String {
    let kept = String::from_utf8_lossy(kept);
    let mut lines: Vec<&str> = kept.lines().chain(more.lines()).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// A consistency proof; empty from 0 and to itself.
fn growth(connection: &Connection, old: u64, new: u64) -> Result<Vec<Hash>, Error> {
    if old > new {
        let message = format!("a log of {old} entries cannot have grown to {new}");
        return Err(Refusal::new(Kind::Malformed, "value", message).into());
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    Ok(prove_tree(new, old, &Nodes::new(connection))?)
}

/// The request to a witness for the latest checkpoint.
pub(super) fn request(connection: &Connection, old: u64) -> Result<String, Error> {
    let note = note(connection, "latest")?.and_then(|note| String::from_utf8(note).ok());
    let size = note.as_ref().and_then(|note| Signed::parse(note.as_bytes())).map(|s| s.checkpoint.size());
    let (Some(note), Some(size)) = (note, size) else { return Err(unsigned().into()) };
    Ok(Request::write(old, &growth(connection, old, size)?, &note))
}

/// The proof of one entry. `salt` gives a data key's salt for it; `None`: the key was destroyed.
pub(super) fn prove(
    connection: &Connection,
    position: u64,
    salt: impl FnOnce(Kid) -> Result<Option<[u8; 32]>, Error>,
) -> Result<Option<String>, Error> {
    let Some(leaf) = leaf_bytes(connection, position)? else { return Ok(None) };
    let covering = |name| -> Result<Option<(Vec<u8>, u64)>, Fault> {
        let Some(note) = note(connection, name)? else { return Ok(None) };
        let size = Signed::parse(&note).map_or(0, |signed| signed.checkpoint.size());
        Ok((size > position).then_some((note, size)))
    };
    let found = match covering("witnessed")? {
        Some(found) => Some(found),
        None => covering("latest")?,
    };
    let (checkpoint, size) = found.ok_or_else(unsigned)?;
    let mut find = connection.prepare_cached("SELECT kid FROM entry WHERE pos = ?")?;
    let kid = find.query_row([position.cast_signed()], |row| row.get(0))?;
    let salt = salt(kid)?.ok_or_else(shredded)?;
    let extra = [salt.as_slice(), &leaf].concat();
    let path = prove_record(size, position, &Nodes::new(connection))?;
    let mut text = format!("c2sp.org/tlog-proof@v1\nextra {}\nindex {position}\n", BASE64_STANDARD.encode(extra));
    for hash in path {
        let _ = writeln!(text, "{hash}");
    }
    text.push('\n');
    text.push_str(&String::from_utf8(checkpoint).map_err(|_| unsigned())?);
    Ok(Some(text))
}

/// A kept checkpoint by its name.
pub(super) fn note(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>, Fault> {
    let mut find = connection.prepare_cached("SELECT note FROM checkpoint WHERE name = ?")?;
    Ok(find.query_row([name], |row| row.get(0)).optional()?)
}

fn unsigned() -> Fault {
    Fault::Altered("The log has no readable checkpoint. next: run verify.".to_owned())
}

/// `tile/LEVEL/N[.p/WIDTH]`, where N is in groups of three digits, all but the last with an `x` in front.
struct TilePath {
    level: u8,
    n: u64,
    width: u64,
}

impl TilePath {
    fn parse(path: &str) -> Option<TilePath> {
        let rest = path.strip_prefix("tile/")?;
        let (level, rest) = rest.split_once('/')?;
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|w| (1..TILE).contains(w))?),
            None => (rest, TILE),
        };
        let mut n = 0u64;
        for group in number.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            if digits.len() != 3 {
                return None;
            }
            n = n.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        let tile = TilePath { level: level.parse().ok().filter(|l| *l < 8)?, n, width };
        (tile.write() == path).then_some(tile)
    }

    fn write(&self) -> String {
        let mut n = self.n;
        let mut number = format!("{:03}", n % 1000);
        while n >= 1000 {
            n /= 1000;
            number = format!("x{:03}/{number}", n % 1000);
        }
        let width = if self.width == TILE { String::new() } else { format!(".p/{}", self.width) };
        format!("tile/{}/{number}{width}", self.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_has_one_path() {
        for good in ["tile/0/000", "tile/0/x001/234", "tile/1/x001/x234/067.p/8", "tile/0/005.p/255"] {
            let tile = TilePath::parse(good).expect(good);
            assert_eq!(tile.write(), good);
        }
        let tile = TilePath::parse("tile/1/x001/x234/067.p/8").expect("a path");
        assert_eq!((tile.level, tile.n, tile.width), (1, 1_234_067, 8));
        for bad in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/1",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/00/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/+01",
            "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/data/000",
            "/tile/0/000",
        ] {
            assert!(TilePath::parse(bad).is_none(), "{bad}");
        }
    }
}
