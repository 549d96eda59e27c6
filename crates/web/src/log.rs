//! The log in public: checkpoint, key and tiles, which say nothing about anybody (C2SP tlog-tiles).

use crate::answer::{Outcome, plain};
use axum::http::{HeaderValue, StatusCode, header};
use base::refusal::{Kind, Refusal};
use vault::Vault;

/// Answers what lies below `/log/`: `checkpoint`, `witnessed`, `key`, `tile/...`.
pub fn answer(vault: &Vault, path: &str) -> Outcome {
    const TEXT: &str = "text/plain; charset=utf-8";
    let answer = match path {
        "key" => Some(plain(StatusCode::OK, TEXT, format!("{}\n", vault.log_key()))),
        "checkpoint" => vault.checkpoint()?.map(|note| plain(StatusCode::OK, TEXT, note)),
        "witnessed" => vault.witnessed()?.map(|note| plain(StatusCode::OK, TEXT, note)),
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
