//! Commands beside a running server: what changes the record is done here when nobody has it open, and is asked of the
//! server that has it open otherwise.
//!
//! The server listens at `control.sock` in the data directory. Whoever asks shows with a token that the root key is
//! known; what is asked, new keys included, goes through the socket and into no file.

mod account;
mod amendment;
mod app;
mod audit;
mod deed;
mod desk;
mod disclosure;
mod policy;
mod release;
mod socket;

pub use account::{AccountDeed, UNDONE, What};
pub use app::{AppDeed, NO_APP};
pub use audit::Question;
pub use deed::{Deed, Done, Note, absolute};
pub use desk::{Desk, DeskDeed};
pub use disclosure::{DisclosureDeed, Form};
pub use policy::{PolicyDeed, UNDONE as POLICIES_UNDONE};

use crate::commands::open_existing;
use crate::config::Config;
use crate::stop::{Stop, Trouble};
use crate::user;
use fhir::json::Json;
use socket::Socket;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vault::access::{Visit, issue_token};
use vault::{Error, Fault, Vault};
use web::{Server, ask_control, serve_control};

/// How long a client of the door may hold up the end of the server.
const END_WAIT: Duration = Duration::from_secs(5);

/// Who did a deed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// This process; the record is closed again.
    Here,
    /// The server, which has the record open.
    Server,
}

/// Does a deed on the record of a configuration, or has the server that has it open do it.
pub fn carry_out(config: &Config, deed: &Deed) -> Result<(Done, By), Stop> {
    match open_existing(config) {
        Ok(vault) => Ok((deed.carry_out(&vault, &Visit::operator(), user::present())?, By::Here)),
        Err(Stop::Cannot(trouble)) if is_busy(&trouble) => match socket::connect(&config.data) {
            Some(stream) => ask(config, deed, stream).map(|done| (done, By::Server)),
            // An import, or a server that is just starting.
            None => Err(Stop::Cannot(trouble)),
        },
        Err(stop) => Err(stop),
    }
}

/// Notes in the audit what a command is about to do, before it does it. Where that cannot be, it is not to be done.
pub fn note(config: &Config, note: &Note) -> Result<(), Stop> {
    carry_out(config, &Deed::Note(note.clone())).map(|_| ())
}

/// Notes in the audit what a command does that shows nothing of a patient, where a server has the record open: these
/// commands work on an evidence disk, too, and change nothing there.
pub fn note_if_open(config: &Config, note: &Note) {
    let Some(stream) = socket::connect(&config.data) else { return };
    if ask(config, &Deed::Note(note.clone()), stream).is_err() {
        eprintln!("warning: the server did not note this in its audit");
    }
}

fn is_busy(trouble: &Trouble) -> bool {
    matches!(trouble.error, Some(Error::Fault(Fault::Busy(_))))
}

fn ask(config: &Config, deed: &Deed, stream: std::os::unix::net::UnixStream) -> Result<Done, Stop> {
    let what = deed.undone();
    let token = issue_token(&config.data, &config.key).map_err(|e| Stop::vault(what, e))?;
    if !matches!(deed, Deed::Note(_) | Deed::Audit(_)) {
        eprintln!("The server that has {} open is asked ...", config.data.display());
    }
    let (status, answer) = ask_control(stream, &token, &deed.write().to_bytes()).map_err(|error| {
        let why = format!("the server ended before it answered ({error})");
        Stop::cannot("It is not known whether this was done.", why, deed.next_when_unknown())
    })?;
    match status {
        200 => read_answer(answer.as_bytes()).unwrap_or_else(|| Err(strange(what, "in words of another version"))),
        401 => {
            let why = "the server has another root key by now";
            Err(Stop::cannot(what, why, "give the key that the server has, and run the same command again"))
        }
        status => Err(strange(what, &format!("with status {status}"))),
    }
}

fn strange(what: &str, how: &str) -> Stop {
    Stop::cannot(what, format!("the server answered {how}"), "stop the server, and run the same command again")
}

/// `{"said":...,"wrong":...}`, or `{"what":...,"why":...,"next":...}`.
fn read_answer(answer: &[u8]) -> Option<Result<Done, Stop>> {
    let json = Json::parse(answer).ok()?;
    if let Some(said) = json.text("said") {
        return Some(Ok(Done { said: said.to_owned(), is_wrong: json.get("wrong")?.as_bool()? }));
    }
    Some(Err(Stop::cannot(json.text("what")?, json.text("why")?, json.text("next")?)))
}

fn write_answer(done: Result<Done, Stop>) -> Vec<u8> {
    let members = match done {
        Ok(Done { said, is_wrong }) => vec![("said", Json::string(said)), ("wrong", Json::Bool(is_wrong))],
        Err(Stop::Cannot(trouble)) => {
            let Trouble { what, why, next, .. } = *trouble;
            vec![("what", Json::string(what)), ("why", Json::string(why)), ("next", Json::string(next))]
        }
        Err(Stop::Wrong) => vec![("said", Json::string("")), ("wrong", Json::Bool(true))],
    };
    Json::object(members).to_bytes()
}

/// The server's side: open while it serves.
pub struct Door {
    socket: Socket,
    end: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Door {
    /// Opens the door of a server over `vault`, whose data directory this is.
    pub fn open(server: &Server, vault: &Vault, data: &Path) -> io::Result<Door> {
        let (socket, listener) = Socket::listen(data)?;
        let (end, ended) = oneshot::channel();
        let (server, vault) = (server.clone(), vault.clone());
        let served = tokio::spawn(async move {
            let deed = move |visit: &Visit, uid: Option<u32>, body: &[u8]| {
                write_answer(carry_out_asked(&vault, visit, uid, body))
            };
            serve_control(&server, listener, async { drop(ended.await) }, deed).await;
        });
        Ok(Door { socket, end, served })
    }

    /// Closes it; a deed that was begun is answered first.
    pub async fn close(self) {
        drop(self.end);
        drop(tokio::time::timeout(END_WAIT, self.served).await);
        drop(self.socket);
    }
}

fn carry_out_asked(vault: &Vault, visit: &Visit, uid: Option<u32>, body: &[u8]) -> Result<Done, Stop> {
    let from = uid.map(user::named).unwrap_or_default();
    match Json::parse(body).ok().as_ref().and_then(Deed::read) {
        Some(deed) => deed.carry_out(vault, visit, from),
        None => {
            let next = "stop the server, and run the same command again";
            Err(Stop::cannot("Nothing was done.", "the running server does not know this deed", next))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_arrives_as_it_was_given() {
        let done = Done { said: "one\ntwo\n".to_owned(), is_wrong: true };
        let Some(Ok(back)) = read_answer(&write_answer(Ok(done.clone()))) else { panic!("not read") };
        assert_eq!(back, done);
        let stop = Stop::cannot("what \"it\"", "why", "next");
        let Some(Err(Stop::Cannot(back))) = read_answer(&write_answer(Err(stop))) else { panic!("not read") };
        assert_eq!((back.what.as_str(), back.why.as_str(), back.next.as_str()), ("what \"it\"", "why", "next"));
        for strange in [&b""[..], b"{}", b"[1]", b"{\"said\":\"\"}", b"{\"what\":\"\",\"why\":\"\"}"] {
            assert!(read_answer(strange).is_none());
        }
    }
}
