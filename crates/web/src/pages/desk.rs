//! Where people begin: what their roles have to do here.

use super::escape;
use super::frame::seated;
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::Asked;
use vault::access::audit::Deed;
use vault::access::{Role, Roles};

/// A page, and who has a use for it.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Its path.
    pub path: &'static str,
    /// What the link says.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub does: &'static str,
    /// The roles that have a use for it.
    pub of: &'static [Role],
}

const OWN: &[Role] = &[Role::Patient, Role::Proxy];
const READERS: &[Role] = &[
    Role::Physician,
    Role::Nurse,
    Role::HimSpecialist,
    Role::Coder,
    Role::Biller,
    Role::CancerRegistrar,
    Role::PublicHealth,
    Role::PrivacyOfficer,
];
const REVIEW: &[Role] = &[Role::PrivacyOfficer, Role::Auditor];

/// All of them, in the order in which they are shown.
const WAYS: &[Way] = &[
    Way { path: "/patient", name: "The record", does: "Everything that is kept, and that you may see.", of: OWN },
    Way {
        path: "/patients",
        name: "Patients",
        does: "Find a patient by name, day of birth or any number.",
        of: READERS,
    },
    Way {
        path: "/break-glass",
        name: "Break the glass",
        does: "Open the chart of somebody who is not in your care, in an emergency.",
        of: &[Role::Physician, Role::Nurse],
    },
    Way { path: "/why", name: "Why?", does: "Why you can or cannot see something.", of: READERS },
    Way { path: "/looked", name: "Who looked", does: "See who looked at the record, when and why.", of: OWN },
    Way {
        path: "/consents",
        name: "Consents",
        does: "Say who may see the record, see what that changes, take it back.",
        of: OWN,
    },
    Way {
        path: "/glass",
        name: "Broken glass",
        does: "Emergencies in which somebody opened a chart: read why, note what you found.",
        of: REVIEW,
    },
    Way {
        path: "/unusual",
        name: "Unusual look-ups",
        does: "Records of relatives, neighbours and colleagues, or of nobody in one's care.",
        of: REVIEW,
    },
    Way {
        path: "/accounting",
        name: "Accounting",
        does: "To whom information was disclosed, and requests to be told.",
        of: &[Role::Patient, Role::PrivacyOfficer, Role::HimSpecialist],
    },
    Way {
        path: "/disclosures",
        name: "Disclosures",
        does: "What left the house about a patient; record what was sent.",
        of: &[Role::PrivacyOfficer, Role::HimSpecialist],
    },
    Way {
        path: "/audit",
        name: "Audit",
        does: "Who did what, by patient, account and day; as a file too.",
        of: REVIEW,
    },
    Way {
        path: "/concerns",
        name: "Concerns",
        does: "What worried patients about a look at their record, and the answers.",
        of: &[Role::Patient, Role::Proxy, Role::PrivacyOfficer],
    },
    Way {
        path: "/apps",
        name: "App directory",
        does: "Programs of others: what each may do and for whom; technologists approve and suspend them.",
        of: &[Role::Technologist, Role::PrivacyOfficer],
    },
    Way {
        path: "/policies",
        name: "Policies",
        does: "Who may do what, as text; what an edit would change.",
        of: &[Role::PrivacyOfficer, Role::Auditor, Role::Technologist],
    },
];

/// What somebody reads who sees no patient.
const NO_PAGES: &str = "<p>Your role sees no single patient, and no page here is made for it yet. What is open to you (numbers without \
                        names, the directory of the house, code systems and value sets) is asked of the FHIR interface, at \
                        <a href=\"/fhir/metadata\"><code>/fhir</code></a>, by an app that you let act for you: those are under \
                        <a href=\"/smart/apps\">apps</a>.</p>";

/// The pages for somebody with these roles.
pub(crate) fn ways(shared: &Shared, roles: Roles) -> Vec<&'static Way> {
    let of_rooms = shared.settings.rooms.iter().flat_map(|room| room.ways);
    WAYS.iter().chain(of_rooms).filter(|way| way.of.iter().any(|role| roles.contains(*role))).collect()
}

/// `GET /home`.
pub(crate) fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Read, |at| {
        let account = &at.seat.account;
        let roles: Vec<&str> = account.roles.iter().map(Role::words).collect();
        let way = |way: &&Way| {
            format!("<li><a href=\"{}\"><strong>{}</strong><small>{}</small></a></li>", way.path, way.name, way.does)
        };
        let ways: String = ways(shared, account.roles).iter().map(way).collect();
        let ways = if ways.is_empty() { NO_PAGES.to_owned() } else { format!("<ul class=\"ways\">{ways}</ul>") };
        let body = format!(
            "<h1>{}</h1><p>You are here as {}, for {}. <a href=\"/account\">Your account</a> has the purposes you may \
             come for.</p>{ways}",
            escape(&account.name),
            escape(&roles.join(", ").to_lowercase()),
            escape(at.seat.session.purpose.words()),
        );
        Ok(at.page("Home", &body))
    })
}
