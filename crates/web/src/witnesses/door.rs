//! A witness's one door: `POST /add-checkpoint` (C2SP tlog-witness), and its key.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use tokio::net::TcpListener;
use vault::log::witness::Reply;
use vault::log::witness::folder::WitnessFolder;

/// A request is a checkpoint and at most 63 hashes.
const BODY_BYTES_MAX: usize = 64 << 10;

/// Serves a witness until `stop` is ready. It is open: a request says nothing about anybody, and only what is signed by
/// a known log is cosigned.
pub async fn serve_witness(
    folder: WitnessFolder,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) {
    let key = format!("{}\n", folder.verifier());
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/key", get(|| async { key }))
        .route("/health", get(|| async { "ready\n" }))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::new(folder));
    // It ends when it is told to; a connection that fails is that connection's matter.
    drop(axum::serve(listener, router).with_graceful_shutdown(stop).await);
}

async fn add_checkpoint(State(folder): State<Arc<WitnessFolder>>, body: Bytes) -> Response {
    let answered = tokio::task::spawn_blocking(move || folder.add_checkpoint(&body)).await;
    match answered {
        Ok(Ok(reply)) => {
            let status = StatusCode::from_u16(reply.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let media = if matches!(reply, Reply::Conflict(_)) { "text/x.tlog.size" } else { "text/plain" };
            (status, [(header::CONTENT_TYPE, media)], reply.body()).into_response()
        }
        Ok(Err(_)) | Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
