//! Deeds about disclosures: noting them, and accounting for them.

use super::Done;
use super::deed::Note;
use crate::stop::Stop;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use vault::access::Visit;
use vault::access::audit::Deed;
use vault::access::disclosures::{Accounting, Recipient, Request, Series, Step, Suspension, letter, reading, report};
use vault::{Error, Vault};

/// Said when it was not done.
pub const UNDONE: &str = "Nothing was recorded, and nothing is accounted for.";

/// Bytes of one answer, so that it fits through the door.
const ANSWER_BYTES_MAX: usize = 900 << 10;

const WHATS: [&str; 11] = [
    "record",
    "research",
    "list",
    "account",
    "provide",
    "request",
    "requests",
    "change",
    "suspend",
    "resume",
    "recipients",
];

/// In what form it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// A table.
    Csv,
    /// For programs: a line each.
    Json,
}

impl Form {
    const ALL: [(Form, &'static str); 3] = [(Form::Text, "text"), (Form::Csv, "csv"), (Form::Json, "json")];
}

/// A deed about disclosures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisclosureDeed {
    what: String,
    patient: String,
    form: Form,
    words: Vec<(String, String)>,
}

impl DisclosureDeed {
    /// A deed about a patient (empty: about nobody or all), with nothing said yet.
    pub fn new(what: &str, patient: &str, form: Form) -> DisclosureDeed {
        let patient = patient.strip_prefix("Patient/").unwrap_or(patient).to_owned();
        DisclosureDeed { what: what.to_owned(), patient, form, words: Vec::new() }
    }

    /// The same, with something said, if it is.
    pub fn with(mut self, name: &str, value: Option<&str>) -> DisclosureDeed {
        self.words.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    /// The same, with several things of one name.
    pub fn with_all(self, name: &str, values: &[String]) -> DisclosureDeed {
        values.iter().fold(self, |deed, value| deed.with(name, Some(value)))
    }

    /// As it is sent.
    pub fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let form = Form::ALL.iter().find(|(form, _)| *form == self.form).map_or("text", |(_, code)| code);
        let words = self.words.iter().map(|(name, value)| Json::Array(vec![text(name), text(value)]));
        Json::object([
            ("do", text("disclosure")),
            ("what", text(&self.what)),
            ("patient", text(&self.patient)),
            ("form", text(form)),
            ("words", Json::Array(words.collect())),
        ])
    }

    /// Reads what [`DisclosureDeed::write`] wrote. `None`: it is no such deed.
    pub fn read(json: &Json<'_>) -> Option<DisclosureDeed> {
        let text = |name: &str| json.text(name).map(str::to_owned);
        let word = |pair: &Json<'_>| match pair.items() {
            [name, value] => Some((name.as_str()?.to_owned(), value.as_str()?.to_owned())),
            _ => None,
        };
        let form = json.text("form")?;
        Some(DisclosureDeed {
            what: text("what").filter(|what| WHATS.contains(&what.as_str()))?,
            patient: text("patient")?,
            form: Form::ALL.iter().find(|(_, code)| *code == form).map(|(form, _)| *form)?,
            words: json.get("words")?.items().iter().map(word).collect::<Option<_>>()?,
        })
    }

    /// What the audit is to say of it. Whom it is about, the entry names by itself.
    pub fn noted(&self) -> Note {
        let deed = match self.what.as_str() {
            "record" | "research" | "suspend" | "resume" => Deed::RecordDisclosure,
            "provide" | "request" | "change" => Deed::Accounting,
            _ => Deed::ReadDisclosures,
        };
        Note::new(deed, &format!("disclosure {}", self.what), "")
    }

    /// Does it.
    pub fn carry_out(&self, vault: &Vault, visit: &Visit) -> Result<Done, Stop> {
        let said = self.act(vault, visit).map_err(|e| Stop::vault(UNDONE, e))?;
        if said.len() <= ANSWER_BYTES_MAX {
            return Ok(Done::well(said));
        }
        let why = "there is more of it than one answer holds";
        Err(Stop::cannot(UNDONE, why, "ask for fewer days with --start and --end, or --since and --until"))
    }

    fn act(&self, vault: &Vault, visit: &Visit) -> Result<String, Error> {
        let (patient, words, today) = (self.patient.as_str(), self.words.as_slice(), vault.today());
        let one = |name: &str| reading::Words::one(words, name);
        match self.what.as_str() {
            "record" => {
                let kept = vault.record_disclosure(visit, reading::disclosure(patient, words, today)?)?;
                let said = format!("disclosure {} of {} is recorded\n", kept.id, kept.day);
                Ok(self.told(&report::series(&report::single(&kept)), said))
            }
            "research" => {
                let kept = vault.record_protocol(visit, reading::protocol(words)?)?;
                Ok(format!("protocol {} is recorded\n", kept.id))
            }
            "list" => self.list(vault, visit),
            "account" => Ok(self.accounting(&vault.accounting(visit, patient, reading::ask(words)?)?)),
            "provide" => {
                let (accounting, request) =
                    vault.provide_accounting(visit, patient, reading::ask(words)?, one("request"))?;
                let note = match self.form {
                    Form::Text => format!("(request {}, given {})\n", request.id, today),
                    Form::Csv | Form::Json => String::new(),
                };
                Ok(self.accounting(&accounting) + &note)
            }
            "request" => {
                let request = vault.request_accounting(visit, patient, reading::ask(words)?)?;
                Ok(self.request(&request, vault))
            }
            "requests" => {
                let all = match patient {
                    "" => vault.open_accounting_requests(visit)?,
                    patient => vault.accounting_requests(visit, patient)?,
                };
                Ok(all.iter().map(|request| self.request(request, vault)).collect())
            }
            "change" => {
                let id = one("id").unwrap_or_default();
                let step = reading::step(words)?;
                let request = vault.step_request(visit, patient, id, &step)?;
                let line = self.request(&request, vault);
                Ok(if self.form == Form::Json { line } else { line + &changed(&step, &request) })
            }
            "suspend" => {
                let (suspension, until) = reading::suspension(patient, words, today)?;
                let suspension = vault.suspend_accounting(visit, suspension, until)?;
                Ok(self.suspension(&suspension, vault))
            }
            "resume" => {
                let suspension = vault.resume_accounting(visit, patient, one("id").unwrap_or_default())?;
                Ok(self.suspension(&suspension, vault))
            }
            "recipients" => {
                let all = vault.recipients(visit, patient, one("consent"))?;
                Ok(all.iter().map(|recipient| self.recipient(recipient)).collect())
            }
            _ => Err(Refusal::new(Kind::Invalid, "invalid", "this is nothing to do with disclosures").into()),
        }
    }

    fn list(&self, vault: &Vault, visit: &Visit) -> Result<String, Error> {
        let ask = reading::ask(&self.words)?;
        let all = match self.patient.as_str() {
            "" => {
                let today = vault.today();
                let from = ask.from.unwrap_or(today.years_before(6));
                vault.recorded_disclosures(visit, from, ask.until.unwrap_or(today))?
            }
            patient => vault.disclosures(visit, patient)?,
        };
        let lines: Vec<Series> = all.iter().map(report::single).collect();
        Ok(self.lines(&lines))
    }

    fn lines(&self, all: &[Series]) -> String {
        match self.form {
            Form::Json => all.iter().map(|one| json_line(&report::series(one))).collect(),
            Form::Text | Form::Csv => report::header() + &all.iter().map(report::line).collect::<String>(),
        }
    }

    fn accounting(&self, of: &Accounting) -> String {
        match self.form {
            Form::Text => letter::letter(of),
            Form::Csv => self.lines(&of.listed),
            Form::Json => json_line(&report::accounting(of)),
        }
    }

    fn request(&self, of: &Request, vault: &Vault) -> String {
        let today = vault.today();
        let (id, patient, state) = (&of.id, &of.patient, of.state(today));
        let fee = of.fee.filter(|_| of.is_open()).map(|fee| match fee.agreed {
            Some(_) => format!(", fee of {} agreed", dollars(fee.cents)),
            None => format!(", fee of {} told and not agreed yet", dollars(fee.cents)),
        });
        let fee = fee.unwrap_or_default();
        let said = format!("{id}  Patient/{patient}  asked {}  due {}  {state}{fee}\n", of.asked(), of.due());
        self.told(&report::request(of, today), said)
    }

    fn suspension(&self, of: &Suspension, vault: &Vault) -> String {
        let today = vault.today();
        let state = if of.holds(today) { "holds" } else { "has ended" };
        let said = format!("{}  Patient/{}  from {} until {}  {state}\n", of.id, of.patient, of.from, of.until);
        self.told(&report::suspension(of, today), said)
    }

    fn recipient(&self, of: &Recipient) -> String {
        let at = if of.address.is_empty() { String::new() } else { format!(", {}", of.address) };
        let said = format!("{}{at}  {} times, {} to {}\n", of.name, of.times, of.first, of.last);
        self.told(&report::recipient(of), said)
    }

    fn told(&self, json: &Json<'_>, said: String) -> String {
        if self.form == Form::Json { json_line(json) } else { said }
    }
}

/// What a step did, and what comes next.
fn changed(step: &Step, request: &Request) -> String {
    let (id, patient, due) = (&request.id, &request.patient, request.due());
    let give = format!("give it by {due} with `chartroom disclosure account {patient} --provide --request {id}`");
    match step {
        Step::Extend(..) => format!("It is put off until {due}, once; the reason is noted.\nnext: {give}\n"),
        Step::Charge(cents) => format!(
            "It is noted that the patient was told of a fee of {}.\nnext: when they agree, run `chartroom disclosure change \
             {patient} {id} agree --cents {cents}`; without that it cannot be given. It stays due on {due}\n",
            dollars(*cents)
        ),
        Step::Agree(cents) => format!("It is noted that the patient agrees to {}.\nnext: {give}\n", dollars(*cents)),
        Step::Withdraw => "It is noted that the patient takes it back; nothing is due any more.\n".to_owned(),
    }
}

/// `$6.50`.
fn dollars(cents: u64) -> String {
    format!("${}.{:02}", cents / 100, cents % 100)
}

fn json_line(json: &Json<'_>) -> String {
    format!("{}\n", String::from_utf8_lossy(&json.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_about_disclosures_is_read_as_it_was_written() {
        for what in WHATS {
            for (form, _) in Form::ALL {
                let deed = DisclosureDeed::new(what, "Patient/p", form).with("basis", Some("a \" b")).with("x", None);
                let deed = deed.with_all("resource", &["A/1".to_owned(), "B/2".to_owned()]);
                assert_eq!(DisclosureDeed::read(&deed.write()), Some(deed));
            }
        }
        assert_eq!(DisclosureDeed::read(&DisclosureDeed::new("other", "", Form::Text).write()), None);
    }
}
