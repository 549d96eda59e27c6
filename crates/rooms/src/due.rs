//! Everything that waits for somebody, by its clock: over all rooms.

use crate::release::case::Case;
use crate::rights::case::Case as Amendment;
use base::clock::Instant;
use base::day::Day;
use base::duty::Standing;
use base::workdays::Calendar;
use fhir::json::Json;
use vault::access::Visit;
use vault::{Error, Vault};

/// One thing that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The room.
    pub room: &'static str,
    /// Its id there.
    pub id: String,
    /// The id of the patient.
    pub patient: String,
    /// When it came.
    pub received: Day,
    /// How many days it has waited.
    pub age_days: i64,
    /// By when; `None`: no law sets a day.
    pub due: Option<Day>,
    /// The paragraph.
    pub source: &'static str,
    /// Where its clock stands.
    pub standing: Option<Standing>,
    /// What is to be done next.
    pub next: &'static str,
    /// The account that works on it.
    pub claimed: Option<String>,
}

/// All that waits, as far as a visit may see it: what is due first at the top.
pub fn due(vault: &Vault, visit: &Visit) -> Result<Vec<Due>, Error> {
    let (now, today) = (vault.clock().now(), vault.today());
    let mut all: Vec<Due> = Case::waiting(vault, visit)?.into_iter().map(|case| of_case(&case, now)).collect();
    for case in Amendment::waiting(vault, visit)? {
        let next = case.next(&case.untold(vault, visit)?).unwrap_or_default();
        let received = Day::at(case.request.received);
        all.push(Due {
            room: "amendment",
            id: case.request.id.clone(),
            patient: case.request.patient.clone(),
            received,
            age_days: today.0 - received.0,
            due: case.due(),
            source: case.clock().map_or("", |clock| clock.duty.source),
            standing: case.standing(now),
            next,
            claimed: case.state.claimed,
        });
    }
    for request in vault.open_accounting_requests(visit)? {
        let clock = request.clock();
        all.push(Due {
            room: "accounting",
            id: request.id.clone(),
            patient: request.patient.clone(),
            received: request.asked(),
            age_days: today.0 - request.asked().0,
            due: Some(request.due()),
            source: clock.duty.source,
            standing: Some(clock.standing(now, &Calendar::default())),
            next: "give the accounting",
            claimed: None,
        });
    }
    all.sort_by_key(|one| (one.due.map_or(i64::MAX, |due| due.0), one.received, one.id.clone()));
    Ok(all)
}

fn of_case(case: &Case, now: Instant) -> Due {
    let received = Day::at(case.request.received);
    Due {
        room: "release",
        id: case.request.id.clone(),
        patient: case.request.patient.clone(),
        received,
        age_days: Day::at(now).0 - received.0,
        due: case.due(),
        source: case.clock().map_or("", |clock| clock.duty.source),
        standing: case.standing(now),
        next: case.next(),
        claimed: case.state.claimed.clone(),
    }
}

impl Due {
    /// Where its clock stands, in words.
    #[must_use]
    pub fn stands(&self) -> String {
        match self.standing {
            None => "no deadline of law".to_owned(),
            Some(Standing::Running(0)) => "due today".to_owned(),
            Some(Standing::Running(1)) => "1 day left".to_owned(),
            Some(Standing::Running(days)) => format!("{days} days left"),
            Some(Standing::Late(0)) => "late".to_owned(),
            Some(Standing::Late(1)) => "1 day late".to_owned(),
            Some(Standing::Late(days)) => format!("{days} days late"),
        }
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let mut members = vec![
            ("room", text(self.room)),
            ("id", text(&self.id)),
            ("patient", text(&format!("Patient/{}", self.patient))),
            ("received", text(&self.received.to_string())),
            ("ageDays", Json::number(self.age_days)),
            ("stands", text(&self.stands())),
            ("next", text(self.next)),
        ];
        members.extend(self.due.map(|due| ("due", text(&due.to_string()))));
        members.extend(Some(self.source).filter(|source| !source.is_empty()).map(|source| ("source", text(source))));
        members.extend(self.claimed.as_deref().map(|by| ("claimed", text(by))));
        Json::object(members)
    }
}
