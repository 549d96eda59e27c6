//! `chartroom disclosure`: who received what. Done here, or by the server that has the record open.

use crate::cli::{DisclosureCommand, StepName, Wanted};
use crate::config::Config;
use crate::control::{self, Deed, DisclosureDeed, Form};
use crate::stop::Stop;

/// Carries out one of its commands.
pub fn disclosure(config: &Config, command: &DisclosureCommand) -> Result<(), Stop> {
    let (done, _) = control::carry_out(config, &Deed::Disclosure(Box::new(deed(command))))?;
    print!("{}", done.said);
    Ok(())
}

fn deed(command: &DisclosureCommand) -> DisclosureDeed {
    let form = |json: bool, otherwise: Form| if json { Form::Json } else { otherwise };
    let of = |what: &str, patient: &str, form: Form| DisclosureDeed::new(what, patient, form);
    match command {
        DisclosureCommand::Record(said) => of("record", &said.patient, form(said.json, Form::Text))
            .with("recipient", Some(&said.to))
            .with("address", said.address.as_deref())
            .with("what", Some(&said.what))
            .with("purpose", said.purpose.as_deref())
            .with("basis", Some(&said.basis))
            .with("channel", said.channel.as_deref())
            .with("date", said.date.as_deref())
            .with_all("resource", &said.resource)
            .with("consent", said.consent.as_deref()),
        DisclosureCommand::Research(said) => of("research", "", Form::Text)
            .with("name", Some(&said.name))
            .with("describes", Some(&said.describes))
            .with("what", Some(&said.what))
            .with("from", Some(&said.from))
            .with("until", Some(&said.until))
            .with("sponsor", Some(&said.sponsor))
            .with("researcher", Some(&said.researcher))
            .with("people", Some(&said.people.to_string())),
        DisclosureCommand::List { patient, since, until, json } => {
            of("list", patient.as_deref().unwrap_or_default(), form(*json, Form::Csv))
                .with("start", since.as_deref())
                .with("end", until.as_deref())
        }
        DisclosureCommand::Account(said) => {
            let otherwise = if said.csv { Form::Csv } else { Form::Text };
            let what = if said.provide { "provide" } else { "account" };
            wanted(of(what, &said.wanted.patient, form(said.json, otherwise)), &said.wanted)
                .with("request", said.request.as_deref())
        }
        DisclosureCommand::Request { wanted: said, json } => {
            wanted(of("request", &said.patient, form(*json, Form::Text)), said)
        }
        DisclosureCommand::Requests { patient, json } => {
            of("requests", patient.as_deref().unwrap_or_default(), form(*json, Form::Text))
        }
        DisclosureCommand::Change(said) => of("change", &said.patient, form(said.json, Form::Text))
            .with("id", Some(&said.id))
            .with("step", Some(step(said.step)))
            .with("until", said.until.as_deref())
            .with("reason", said.reason.as_deref())
            .with("cents", said.cents.map(|cents| cents.to_string()).as_deref()),
        DisclosureCommand::Suspend(said) => of("suspend", &said.patient, form(said.json, Form::Text))
            .with("agency", Some(&said.agency))
            .with("basis", Some(&said.basis))
            .with("statement", Some(&said.statement))
            .with("written", said.written.then_some("true"))
            .with("date", said.date.as_deref())
            .with("until", said.until.as_deref()),
        DisclosureCommand::Resume { patient, id, json } => {
            of("resume", patient, form(*json, Form::Text)).with("id", Some(id))
        }
        DisclosureCommand::Recipients { patient, consent, json } => {
            of("recipients", patient, form(*json, Form::Text)).with("consent", consent.as_deref())
        }
    }
}

fn wanted(deed: DisclosureDeed, said: &Wanted) -> DisclosureDeed {
    deed.with("law", Some(&said.law)).with("start", said.start.as_deref()).with("end", said.end.as_deref())
}

fn step(step: StepName) -> &'static str {
    match step {
        StepName::Extend => "extend",
        StepName::Charge => "charge",
        StepName::Agree => "agree",
        StepName::Withdraw => "withdraw",
    }
}
