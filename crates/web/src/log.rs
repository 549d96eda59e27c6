//! The log in public: checkpoint, key and tiles, which say nothing about anybody (C2SP tlog-tiles).

use crate::answer::{Outcome, plain};
use crate::server::Shared;
use axum::http::{HeaderValue, StatusCode, header};
use base::refusal::{Kind, Refusal};
use vault::{Error, Vault};

/// Answers what lies below `/log/`: `checkpoint`, `witnessed`, `witnesses`, `key`, `tile/...`.
pub fn answer(shared: &Shared, path: &str) -> Outcome {
    let vault = &shared.vault;
    const TEXT: &str = "text/plain; charset=utf-8";
    let answer = match path {
        "key" => Some(plain(StatusCode::OK, TEXT, format!("{}\n", vault.log_key()))),
        "checkpoint" => checkpoint(vault)?.map(|note| plain(StatusCode::OK, TEXT, note)),
        "witnessed" => vault.witnessed()?.map(|note| plain(StatusCode::OK, TEXT, note)),
        "witnesses" => Some(plain(StatusCode::OK, "application/json", shared.standings.json().to_bytes())),
        _ if path.starts_with("tile/") => vault.tile(path)?.map(|tile| {
            let mut answer = plain(StatusCode::OK, "application/octet-stream", tile);
            // A tile never changes, and is the same for everybody.
            let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
            answer.headers_mut().insert(header::CACHE_CONTROL, forever);
            answer
        }),
        _ => None,
    };
    answer.ok_or_else(|| Refusal::new(Kind::NotFound, "not-found", "the log has no such file").into())
}

/// The latest checkpoint, with the cosignatures it has got.
fn checkpoint(vault: &Vault) -> Result<Option<Vec<u8>>, Error> {
    let (latest, witnessed) = (vault.checkpoint()?, vault.witnessed()?);
    // A witnessed note is the signed checkpoint with more lines (Ed25519 signs the same text the same way each time).
    Ok(latest.map(|latest| witnessed.filter(|note| note.starts_with(&latest)).unwrap_or(latest)))
}
