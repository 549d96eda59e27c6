//! An interrupted import: Ctrl-C and SIGTERM end it between two groups, and it says how to go on.

use super::run::Tally;
use crate::stop::Stop;
use std::io;
use std::process::exit;
use std::sync::Arc;
use std::thread;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code of a program that Ctrl-C ended at once.
const INTERRUPTED: i32 = 130;

/// Lets the first signal stop an import, and the second end the process at once. Where signals cannot be heard they do
/// what they always did.
pub fn stop_on_signal(tally: Arc<Tally>) {
    // It waits as long as the process lives.
    drop(thread::Builder::new().name("signals".to_owned()).spawn(move || listen(&tally)));
}

fn listen(tally: &Tally) -> io::Result<()> {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        either(&mut interrupt, &mut terminate).await;
        let next = "run the same command again: files that are complete are not read again, and the rest goes on";
        tally.fail(Stop::cannot("The import was stopped.", "it was told to; what was stored is safe", next));
        either(&mut interrupt, &mut terminate).await;
        exit(INTERRUPTED)
    })
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
