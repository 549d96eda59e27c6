//! What every role may do, as a golden file, and what a decision costs.
//!
//! `docs/permissions-roles.txt` is written from the policies with `BLESS=1`; a change of policy shows there in review.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;
use vault::access::policy::{Consented, Deed, Grants, Policies, Question, World, element_views};
use vault::access::{Action, Class, Label, Labels, Purpose, Relationship, Relationships, Role, Roles};

const HEAD: &str = "\
What each role may do, by purpose, class of resource and relationship. Written from crates/vault/src/access/policy/policies
by `cargo x bless -p vault permissions`; read the difference before you commit it.

`never LABEL`: not what carries the label. `by consent LABEL`: only where the patient's consent on record covers it.
Purposes that are not listed permit nothing. Labels:
";

#[test]
fn the_permissions_of_roles_are_as_reviewed() {
    let written = table();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/permissions-roles.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &written).expect("docs can be written");
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let differs = written.lines().zip(reviewed.lines()).find(|(now, then)| now != then);
    assert!(
        written == reviewed,
        "permissions changed; run `cargo x bless -p vault permissions` and judge: {differs:?}"
    );
}

/// The grants of one role for one purpose, compiled once for all tests.
fn grants(role: Role, purpose: Purpose) -> &'static Grants {
    static GRANTS: OnceLock<Vec<Grants>> = OnceLock::new();
    let all = GRANTS.get_or_init(|| {
        let pairs = Role::ALL.iter().flat_map(|role| Purpose::ALL.iter().map(|purpose| (*role, *purpose)));
        pairs.map(|(role, purpose)| Grants::compile(Policies::house(), Roles::NONE.with(role), purpose)).collect()
    });
    &all[role.number() * Purpose::ALL.len() + purpose.number()]
}

fn table() -> String {
    let labels: Vec<String> =
        Label::ALL.iter().map(|label| format!("   {:<11}{}\n", label.code(), label.words())).collect();
    let mut text = format!("{HEAD}{}", labels.concat());
    for role in Role::ALL {
        let _ = writeln!(text, "\n== {} ({role})", role.words());
        let mut alike: Vec<(String, Vec<&str>)> = Vec::new();
        for purpose in Purpose::ALL {
            let lines = lines(grants(*role, *purpose));
            match alike.iter_mut().find(|(known, _)| *known == lines) {
                Some((_, purposes)) => purposes.push(purpose.code()),
                None => alike.push((lines, vec![purpose.code()])),
            }
        }
        for (lines, purposes) in alike.iter().filter(|(lines, _)| !lines.is_empty()) {
            let _ = write!(text, "-- for {}\n{lines}", purposes.join(" "));
        }
        for (_, name, hidden) in element_views().filter(|(of, _, _)| of == role) {
            let _ = writeln!(text, "-- sees {name} without {}", hidden.join(" "));
        }
    }
    text
}

/// One line for each class and each group of relationships that are treated alike.
fn lines(grants: &Grants) -> String {
    let mut text = String::new();
    for class in Class::ALL {
        let mut alike: Vec<(String, Vec<&str>)> = Vec::new();
        for relationship in Relationship::ALL {
            let cell = cell(grants, *class, *relationship);
            match alike.iter_mut().find(|(known, _)| *known == cell) {
                Some((_, relationships)) => relationships.push(relationship.code()),
                None => alike.push((cell, vec![relationship.code()])),
            }
        }
        for (cell, relationships) in alike.iter().filter(|(cell, _)| !cell.is_empty()) {
            let everybody = relationships.len() == Relationship::ALL.len();
            let whose = if everybody { "any".to_owned() } else { relationships.join(" ") };
            let _ = writeln!(text, "   {:<11}{whose:<42}{cell}", class.code());
        }
    }
    text
}

fn cell(grants: &Grants, class: Class, relationship: Relationship) -> String {
    let mut by_limits: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for action in Action::ALL {
        let Some(hidden) = grants.hidden(*action, class, relationship) else { continue };
        let mut limits = String::new();
        for (word, labels) in [("never", hidden.never), ("by consent", hidden.without_consent)] {
            if !labels.is_empty() {
                let _ = write!(limits, ", {word} {labels}");
            }
        }
        by_limits.entry(limits).or_default().push(action.code());
    }
    let parts: Vec<String> =
        by_limits.iter().map(|(limits, actions)| format!("{}{limits}", actions.join(" "))).collect();
    parts.join(" | ")
}

/// Promises that must outlive every edit of the policies; a golden file can be blessed by mistake, these cannot.
#[test]
fn what_the_law_forbids_stays_forbidden() {
    let everybody: Vec<(Role, Purpose)> =
        Role::ALL.iter().flat_map(|role| Purpose::ALL.iter().map(|purpose| (*role, *purpose))).collect();
    for (role, purpose) in everybody {
        let grants = grants(role, purpose);
        let may = |action, class, relationship, label: Option<Label>| {
            let (relationships, labels) = (Relationships::NONE.with(relationship), label.into_iter().collect());
            grants.permits(&Deed { action, class, relationships, labels, consented: Consented::NOTHING })
        };
        for relationship in Relationship::ALL {
            let case = format!("{role} {purpose} {relationship}");
            let note = may(Action::Read, Class::Note, *relationship, Some(Label::PsychotherapyNote));
            assert!(!note || *relationship == Relationship::Author, "psychotherapy notes: {case}");
            let part2 = may(Action::Read, Class::Clinical, *relationship, Some(Label::Part2));
            let excepted = matches!(relationship, Relationship::Own | Relationship::Author)
                || matches!(purpose, Purpose::Emergency | Purpose::BreakGlass);
            assert!(!part2 || excepted, "Part 2: {case}");
            let chart = [Class::Identity, Class::Clinical, Class::Note, Class::Blob];
            let sees_charts = chart.iter().any(|class| may(Action::Read, *class, *relationship, None));
            match role {
                Role::Technologist | Role::Manager | Role::Researcher | Role::Auditor | Role::InterfacePartner => {
                    assert!(!sees_charts, "no charts: {case}");
                }
                Role::Biller => assert!(!may(Action::Read, Class::Note, *relationship, None), "no notes: {case}"),
                Role::CancerRegistrar | Role::PublicHealth => {
                    assert!(!sees_charts || *relationship == Relationship::Case, "only cases: {case}");
                }
                Role::Patient => assert!(!sees_charts || *relationship == Relationship::Own, "only their own: {case}"),
                Role::Proxy => assert!(!sees_charts || *relationship == Relationship::Proxy, "only theirs: {case}"),
                Role::Physician | Role::Nurse => {
                    assert!(!(sees_charts && *relationship == Relationship::None), "only in care: {case}");
                }
                Role::PrivacyOfficer => assert!(!may(Action::Read, Class::Clinical, *relationship, None), "{case}"),
                Role::HimSpecialist | Role::Coder | Role::App => {}
            }
            assert!(purpose != Purpose::Marketing || !sees_charts, "marketing: {case}");
        }
    }
}

#[test]
fn what_a_decision_costs() {
    let policies = Policies::house();
    let roles = Roles::NONE.with(Role::Physician);
    let started = Instant::now();
    let grants = Grants::compile(policies, roles, Purpose::Treatment);
    println!("compiling the grants of a physician: {:?}", started.elapsed());
    let label = Some(Label::Part2);
    let question = Question {
        purpose: Purpose::Treatment,
        action: Action::Read,
        class: Class::Note,
        relationship: Relationship::Care,
        label,
        ..Question::ORDINARY
    };
    let (rounds, world) = (2000, World::new(policies, roles));
    let started = Instant::now();
    let permitted = (0..rounds).filter(|_| world.decide(&question).permitted).count();
    println!("one decision of Cedar by all policies: {:?}", started.elapsed() / rounds);
    let relationships = Relationships::NONE.with(Relationship::Care).with(Relationship::Author);
    let deed = Deed {
        action: Action::Read,
        class: Class::Note,
        relationships,
        labels: Labels::NONE.with(Label::Hiv),
        consented: Consented::NOTHING,
    };
    let (lookups, started) = (1_000_000_u32, Instant::now());
    let seen = (0..lookups).filter(|_| std::hint::black_box(&grants).permits(std::hint::black_box(&deed))).count();
    println!("one look-up in the compiled grants: {} ns", started.elapsed().as_nanos() / u128::from(lookups));
    assert_eq!((permitted, seen), (0, 1_000_000));
}
