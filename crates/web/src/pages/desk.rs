//! Where people begin: what their roles have to do here.

use super::escape;
use super::frame::seated;
use crate::answer::Outcome;
use crate::server::Shared;
use crate::sign_in::Asked;
use vault::access::audit::Deed;
use vault::access::{Role, Roles};

/// A page, and who has a use for it.
pub struct Way {
    pub path: &'static str,
    pub name: &'static str,
    does: &'static str,
    of: &'static [Role],
}

const OWN: &[Role] = &[Role::Patient, Role::Proxy];
const REVIEW: &[Role] = &[Role::PrivacyOfficer, Role::Auditor];

/// All of them, in the order in which they are shown.
const WAYS: &[Way] = &[
    Way { path: "/looked", name: "Who looked", does: "See who looked at the record, when and why.", of: OWN },
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
];

/// The pages for somebody with these roles.
pub fn ways(roles: Roles) -> Vec<&'static Way> {
    WAYS.iter().filter(|way| way.of.iter().any(|role| roles.contains(*role))).collect()
}

/// `GET /home`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Read, |at| {
        let account = &at.seat.account;
        let roles: Vec<&str> = account.roles.iter().map(Role::words).collect();
        let way = |way: &&Way| {
            format!("<li><a href=\"{}\"><strong>{}</strong><small>{}</small></a></li>", way.path, way.name, way.does)
        };
        let ways: String = ways(account.roles).iter().map(way).collect();
        let body = format!(
            "<h1>{}</h1><p>You are here as {}, for {}. <a href=\"/account\">Your account</a> has the purposes you may \
             come for.</p><ul class=\"ways\">{ways}</ul>",
            escape(&account.name),
            escape(&roles.join(", ").to_lowercase()),
            escape(at.seat.session.purpose.words()),
        );
        Ok(at.page("Home", &body))
    })
}
