//! The operator's door: what commands at the machine's own command line ask of the server that has the record open.
//!
//! One `POST /` over a Unix domain socket: the machine's permissions say who may knock, and the token in the request says
//! who holds the root key. What a request means is the caller's affair; this door only lets it in.

use crate::answer::{internal, plain, refused};
use crate::gate;
use crate::server::Server;
use crate::witnesses::read_answer;
use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::post;
use axum::serve::IncomingStream;
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use tokio::net::UnixListener;
use vault::Vault;
use vault::access::Visit;

/// A key, an id, or a witness's answer: none is larger.
const BODY_BYTES_MAX: usize = 256 << 10;

/// A few lines of text.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

struct Door<F> {
    vault: Vault,
    deed: F,
}

/// Answers each request of a signed-in visit with what `deed` makes of it, of the number of the user who knocked, and of its body, until `stop` is ready. A deed that was
/// begun is carried through, on a thread of its own.
pub async fn serve_control<F>(
    server: &Server,
    listener: UnixListener,
    stop: impl Future<Output = ()> + Send + 'static,
    deed: F,
) where
    F: Fn(&Visit, Option<u32>, &[u8]) -> Vec<u8> + Send + Sync + 'static,
{
    let door = Arc::new(Door { vault: server.shared.vault.clone(), deed });
    let router =
        Router::new().route("/", post(enter::<F>)).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(door);
    // It ends when it is told to; a connection that fails is that connection's matter.
    let service = router.into_make_service_with_connect_info::<Knocker>();
    drop(axum::serve(listener, service).with_graceful_shutdown(stop).await);
}

/// The operating system's user on the other side, by number.
#[derive(Clone, Copy)]
struct Knocker(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Knocker {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Knocker {
        Knocker(stream.io().peer_cred().ok().map(|user| user.uid()))
    }
}

async fn enter<F>(
    State(door): State<Arc<Door<F>>>,
    ConnectInfo(Knocker(uid)): ConnectInfo<Knocker>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body>
where
    F: Fn(&Visit, Option<u32>, &[u8]) -> Vec<u8> + Send + Sync + 'static,
{
    let visit = match gate::visit(&door.vault, &headers) {
        Ok(visit) if visit.is_operator() => visit,
        Ok(_) => return refused(&no_operator()).map(Body::from),
        Err(refusal) => return refused(&refusal).map(Body::from),
    };
    let done = tokio::task::spawn_blocking(move || (door.deed)(&visit, uid, &body)).await;
    done.map_or_else(|_| internal(), |answer| plain(StatusCode::OK, "application/json", answer)).map(Body::from)
}

fn no_operator() -> Refusal {
    Refusal::new(Kind::Forbidden, "forbidden", "this door is for the operator, who has the root key")
}

/// Sends one request through the door, and waits for its answer however long the deed takes. Answers status and body.
pub fn ask_control(mut stream: UnixStream, token: &str, body: &[u8]) -> io::Result<(u16, String)> {
    // In HTTP/1.0 an answer comes unchunked and ends with the connection (RFC 9112 sections 6.1, 9.3).
    let head = format!(
        "POST / HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    read_answer(&answer).ok_or_else(|| ErrorKind::UnexpectedEof.into())
}
