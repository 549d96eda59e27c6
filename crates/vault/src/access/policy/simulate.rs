//! What an edit of the policies would change, before it is made: who would see more, and who less.

use super::grants::{Consented, Deed, Grants};
use super::question::{Action, Class, Relationship, Relationships};
use super::text::Policies;
use crate::access::label::{Label, Labels};
use crate::access::principal::{Principal, Purpose, Roles};
use std::collections::{BTreeMap, BTreeSet};

/// One decision that comes out differently, for everybody with the same roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Whose.
    pub roles: Roles,
    /// For what.
    pub purpose: Purpose,
    /// What is done.
    pub action: Action,
    /// On what.
    pub class: Class,
    /// About which label; `None`: apart from its labels.
    pub label: Option<Label>,
    /// Of whom.
    pub relationship: Relationship,
    /// Whether it would be permitted by the new policies.
    pub permitted: bool,
}

/// How many people one thing changes for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Accounts that could never do it and now can.
    pub let_in: BTreeSet<String>,
    /// Accounts that could do it and now never can.
    pub shut_out: BTreeSet<String>,
    /// Accounts that can do it for another purpose or in another relationship than before.
    pub altered: BTreeSet<String>,
}

/// What an edit would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulation {
    /// Every decision that comes out differently, by roles.
    pub changes: Vec<Change>,
    /// For each action, class and label that changes: for whom.
    pub effects: BTreeMap<(Action, Class, Option<Label>), Effect>,
    /// The same counted by the roles that people have.
    pub by_roles: BTreeMap<Roles, Tally>,
}

/// For people with the same roles: how many they are, and in how many things it changes something for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Accounts.
    pub people: usize,
    /// What they could never do and now can.
    pub let_in: usize,
    /// What they could do and now never can.
    pub shut_out: usize,
    /// What they can do for other purposes or other patients than before.
    pub altered: usize,
}

/// Compares two sets of policies for these people, in each of these purposes, without any consent on record.
#[must_use]
pub fn simulate(old: &Policies, new: &Policies, people: &[Principal], purposes: &[Purpose]) -> Simulation {
    let mut by_roles: BTreeMap<Roles, Vec<&Principal>> = BTreeMap::new();
    people.iter().filter(|p| !p.is_operator()).for_each(|p| by_roles.entry(p.roles).or_default().push(p));
    let mut simulation = Simulation::default();
    for (roles, alike) in by_roles {
        let before: Vec<Grants> = purposes.iter().map(|purpose| Grants::compile(old, roles, *purpose)).collect();
        let after: Vec<Grants> = purposes.iter().map(|purpose| Grants::compile(new, roles, *purpose)).collect();
        for thing in things() {
            simulation.compare(thing, roles, purposes, (&before, &after), &alike);
        }
    }
    simulation
}

type Thing = (Action, Class, Option<Label>);

impl Simulation {
    fn compare(
        &mut self,
        thing: Thing,
        roles: Roles,
        purposes: &[Purpose],
        (before, after): (&[Grants], &[Grants]),
        alike: &[&Principal],
    ) {
        let (action, class, label) = thing;
        let (mut once, mut then, at_first) = (false, false, self.changes.len());
        for (at, purpose) in purposes.iter().enumerate() {
            for relationship in Relationship::ALL {
                let was = permits(&before[at], thing, *relationship);
                let permitted = permits(&after[at], thing, *relationship);
                (once, then) = (once || was, then || permitted);
                if was != permitted {
                    let relationship = *relationship;
                    self.changes.push(Change {
                        roles,
                        purpose: *purpose,
                        action,
                        class,
                        label,
                        relationship,
                        permitted,
                    });
                }
            }
        }
        if self.changes.len() > at_first {
            let effect = self.effects.entry(thing).or_default();
            let accounts = alike.iter().map(|principal| principal.account.clone());
            let tally = self.by_roles.entry(roles).or_default();
            tally.people = alike.len();
            let (accounts_of, count) = match (once, then) {
                (false, _) => (&mut effect.let_in, &mut tally.let_in),
                (true, false) => (&mut effect.shut_out, &mut tally.shut_out),
                (true, true) => (&mut effect.altered, &mut tally.altered),
            };
            accounts_of.extend(accounts);
            *count += 1;
        }
    }

    /// A line for people with the same roles: `coder (3 people): 12 things they may no longer do`.
    #[must_use]
    pub fn summary(&self) -> Vec<String> {
        let line = |(roles, tally): (&Roles, &Tally)| {
            let said = [
                (tally.let_in, "they may do that they could not before"),
                (tally.shut_out, "they may no longer do"),
                (tally.altered, "they may do for other purposes or other patients than before"),
            ];
            let said = said.into_iter().filter(|(count, _)| *count > 0).map(|(count, words)| match count {
                1 => format!("1 thing {words}"),
                _ => format!("{count} things {words}"),
            });
            let roles = roles.to_string().replace(' ', ", ");
            format!("{roles} ({}): {}", counted(tally.people), said.collect::<Vec<_>>().join("; "))
        };
        self.by_roles.iter().map(line).collect()
    }

    /// The effects as sentences: `14 people may read notes and documents labelled psychotherapy notes who could not before.`
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let each = self.effects.iter().flat_map(|((action, class, label), effect)| {
            let label = label.map_or_else(String::new, |label| format!(" labelled {}", label.words()));
            let what = format!("{} {}{label}", action.words(), class.words());
            [
                (effect.let_in.len(), format!("may {what} who could not before")),
                (effect.shut_out.len(), format!("may no longer {what}")),
                (effect.altered.len(), format!("may {what} for other purposes or other patients than before")),
            ]
        });
        each.filter(|(people, _)| *people > 0).map(|(people, what)| format!("{} {what}.", counted(people))).collect()
    }
}

fn counted(people: usize) -> String {
    if people == 1 { "1 person".to_owned() } else { format!("{people} people") }
}

fn things() -> impl Iterator<Item = Thing> {
    Action::ALL.iter().flat_map(|action| Class::ALL.iter().flat_map(|class| labelled(*action, *class)))
}

fn labelled(action: Action, class: Class) -> impl Iterator<Item = Thing> {
    [None].into_iter().chain(Label::ALL.iter().copied().map(Some)).map(move |label| (action, class, label))
}

fn permits(grants: &Grants, (action, class, label): Thing, relationship: Relationship) -> bool {
    let labels: Labels = label.into_iter().collect();
    let relationships = Relationships::NONE.with(relationship);
    grants.permits(&Deed { action, class, relationships, labels, consented: Consented::NOTHING })
}

#[cfg(test)]
mod tests {
    use super::super::text::PolicyFile;
    use super::*;
    use crate::access::principal::Role;

    fn people(role: Role, count: usize) -> Vec<Principal> {
        (0..count).map(|n| Principal::new(format!("{role}-{n}"), "N", Roles::NONE.with(role))).collect()
    }

    fn with(text: &str) -> Policies {
        let site = PolicyFile { name: "site.cedar".to_owned(), text: text.to_owned() };
        Policies::with_site(&[site]).expect("valid")
    }

    #[test]
    fn an_edit_tells_how_many_people_it_lets_in() {
        let open = "@id(\"psychotherapy-notes\") @says(\"Treating staff see them.\") @source(\"none\")
                    forbid (principal, action, resource) when { context.label == Label::\"PSYTHPN\" }
                    unless { context.relationship in Relationship::\"treating\" };";
        let everybody = [people(Role::Coder, 3), people(Role::Nurse, 14)].concat();
        let (house, purposes) = (Policies::house(), [Purpose::Treatment, Purpose::Payment]);
        let same = simulate(house, house, &everybody, &purposes);
        assert_eq!(same, Simulation::default());
        let edit = simulate(house, &with(open), &everybody, &purposes);
        let sentence = "14 people may read notes and documents labelled psychotherapy notes for other purposes or other \
                        patients than before.";
        assert!(edit.sentences().iter().any(|s| s == sentence), "{:#?}", edit.sentences());
        assert!(edit.changes.iter().all(|change| change.permitted && change.label == Some(Label::PsychotherapyNote)));
    }

    #[test]
    fn it_counts_both_ways() {
        let shut = "@id(\"no-notes\") @says(\"Coders see no notes.\") @source(\"none\")
                    forbid (principal in Role::\"coder\", action, resource == Class::\"note\");
                    @id(\"billers-read\") @says(\"Billers read notes.\") @source(\"none\")
                    permit (principal in Role::\"biller\", action == Action::\"read\", resource == Class::\"note\");";
        let everybody = [people(Role::Coder, 3), people(Role::Biller, 2)].concat();
        let edit = simulate(Policies::house(), &with(shut), &everybody, &[Purpose::Payment]);
        let billers = edit.by_roles[&Roles::NONE.with(Role::Biller)];
        assert_eq!((billers.people, billers.shut_out, billers.altered), (2, 0, 0));
        let things = format!("biller (2 people): {} things they may do that they could not before", billers.let_in);
        assert_eq!(edit.summary()[1], things);
        assert!(edit.summary()[0].starts_with("coder (3 people): "), "{:?}", edit.summary());
        let notes = &edit.effects[&(Action::Read, Class::Note, None)];
        assert_eq!((notes.let_in.len(), notes.shut_out.len(), notes.altered.len()), (2, 3, 0));
        let (more, fewer) =
            ("2 people may read notes and documents who could not before.", "3 people may no longer read");
        let sentences = edit.sentences();
        assert!(
            sentences.iter().any(|s| s == more) && sentences.iter().any(|s| s.starts_with(fewer)),
            "{sentences:#?}"
        );
    }
}
