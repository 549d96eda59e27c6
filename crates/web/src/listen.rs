//! Listening: connections in, HTTP/1.1 and HTTP/2, with or without TLS, until told to stop.

use crate::pace::{Pace, Paced};
use crate::server::Server;
use crate::settings::Settings;
use crate::strangers::Strangers;
use crate::tls::{self, TlsError};
use crate::witnesses;
use axum::Extension;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Who a connection is with.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Headers of one request, at most.
const HEADERS_MAX: usize = 100;

/// Serves until `stop` is ready; then takes no more connections, lets open requests end, and returns.
///
/// # Errors
/// Only before the first connection: when TLS is set and its certificate or key cannot be used.
pub async fn serve(server: &Server, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<(), TlsError> {
    let settings = &server.shared.settings;
    let port = Arc::new(Port::new(server)?);
    let places = Arc::new(Semaphore::new(settings.connections_max.max(1)));
    let graceful = GracefulShutdown::new();
    let asking = tokio::spawn(witnesses::keep_asking(server.shared.clone()));
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, place) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let (port, watcher) = (port.clone(), graceful.watcher());
        tokio::spawn(async move {
            port.connect(stream, watcher).await;
            drop(place);
        });
    }
    drop(listener);
    asking.abort();
    // A client that does not let go in time is cut off when the runtime ends.
    let _ = timeout(settings.shutdown_timeout, graceful.shutdown()).await;
    Strangers::write_all(&server.shared).await;
    Ok(())
}

/// The next connection, as soon as there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    let place = places.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            // The client went away, or the process has no file handles left: neither ends the server.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

struct Port {
    server: Server,
    http1: Builder<TokioExecutor>,
    http2: Builder<TokioExecutor>,
    acceptor: Option<TlsAcceptor>,
    greeting_timeout: Duration,
}

impl Port {
    fn new(server: &Server) -> Result<Port, TlsError> {
        let settings = &server.shared.settings;
        Ok(Port {
            server: server.clone(),
            http1: http(settings).http1_only(),
            http2: http(settings).http2_only(),
            acceptor: settings.tls.as_ref().map(tls::config).transpose()?.map(TlsAcceptor::from),
            greeting_timeout: settings.header_timeout,
        })
    }

    async fn connect(&self, stream: TcpStream, watcher: Watcher) {
        // Answers are written whole; waiting for more to send would only delay them.
        let _ = stream.set_nodelay(true);
        let peer = stream.peer_addr().ok().map(|address| Peer(address.ip().to_canonical()));
        let Some(acceptor) = &self.acceptor else {
            if let Ok(Some(is_http2)) = timeout(self.greeting_timeout, speaks_http2(&stream)).await {
                self.talk(stream, peer, is_http2, watcher).await;
            }
            return;
        };
        if let Ok(Ok(stream)) = timeout(self.greeting_timeout, acceptor.accept(stream)).await {
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            self.talk(stream, peer, is_http2, watcher).await;
        }
    }

    async fn talk(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Option<Peer>,
        is_http2: bool,
        watcher: Watcher,
    ) {
        let http = if is_http2 { &self.http2 } else { &self.http1 };
        let pace = Arc::new(Pace::default());
        let router = self.server.router_for(&pace);
        let router = match peer {
            Some(peer) => router.layer(Extension(peer)),
            None => router,
        };
        let service = TowerToHyperService::new(router);
        let stream = TokioIo::new(Paced::new(stream, pace.clone()));
        let connection = http.serve_connection(stream, service).into_owned();
        // How a connection ends is the client's affair, and says nothing an operator could act on.
        tokio::select! {
            _ = watcher.watch(connection) => {}
            () = pace.stalled(self.server.shared.settings.send_timeout) => {}
        }
    }
}

/// Whether the first bytes are HTTP/2's preface (RFC 9113 section 3.4). `None`: the connection is gone.
///
/// Looked at here because the ready-made detection has no time limit.
async fn speaks_http2(stream: &TcpStream) -> Option<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2";
    let mut start = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut start).await.ok()?;
        if length == 0 {
            return None;
        }
        if start[..length] != PREFACE[..length] {
            return Some(false);
        }
        if length == PREFACE.len() {
            return Some(true);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn http(settings: &Settings) -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    let header_bytes = settings.header_bytes_max.max(8_192);
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(header_bytes)
        .max_headers(HEADERS_MAX);
    // Resets and continuation frames beyond hyper's own bounds close the connection (CVE-2023-44487, VU#421644).
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    http
}
