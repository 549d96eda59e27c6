//! A bare server: what the same HTTP library answers when it has nothing to do. Benchmarks divide by it.

use axum::Router;
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use tokio::net::TcpListener;

/// About as many bytes as a patient has.
const ANSWER: &str = match str::from_utf8(&[b'x'; 1024]) {
    Ok(text) => text,
    Err(_) => "",
};

/// Answers every GET with the same kilobyte, until the process ends.
pub async fn echo(listener: TcpListener) -> Infallible {
    let service = TowerToHyperService::new(Router::new().fallback(get(|| async { ANSWER })));
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        tokio::spawn(async move {
            let _ =
                Builder::new(TokioExecutor::new()).http1_only().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
