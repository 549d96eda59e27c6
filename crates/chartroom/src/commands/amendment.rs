//! `chartroom amendment`: requests to amend, by the operator; done here, or by the server that has the record open.

use crate::cli::AmendmentCommand;
use crate::config::Config;
use crate::control::{self, Deed, Desk, DeskDeed};
use crate::stop::Stop;

/// Carries out one of its commands.
pub fn amendment(config: &Config, command: &AmendmentCommand) -> Result<(), Stop> {
    let (done, _) = control::carry_out(config, &Deed::Desk(Box::new(deed(command))))?;
    print!("{}", done.said);
    Ok(())
}

fn deed(command: &AmendmentCommand) -> DeskDeed {
    let word = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let deed = |what: &str, id: &str, own: Vec<(String, String)>, more: &[(String, String)]| {
        DeskDeed::new(Desk::Amendment, what, id, own.into_iter().chain(more.iter().cloned()).collect())
    };
    match command {
        AmendmentCommand::Note(said) => {
            deed("note", "", vec![word("patient", &said.patient), word("what", &said.what)], &said.words)
        }
        AmendmentCommand::Show { id } => deed("show", id, Vec::new(), &[]),
        AmendmentCommand::Step { id, step, words } => deed("step", id, vec![word("step", step)], words),
        AmendmentCommand::Answer { id, says } => {
            deed("answer", id, says.iter().map(|says| word("says", says)).collect(), &[])
        }
    }
}
