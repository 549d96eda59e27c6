//! Policies are kept in the log and hold at once; and everybody can ask why they see something or not.

use crate::gate::visitor;
use crate::place::{Place, put, write};
use base::id::Ids;
use base::refusal::Kind;
use vault::access::audit::Deed;
use vault::access::policy::PolicyFile;
use vault::access::{Account, Context, Profile, Purpose, Role, Roles, Visit};
use vault::{Error, Options, Vault};

fn site(text: &str) -> Vec<PolicyFile> {
    let text = format!("@id(\"site\") @says(\"A rule.\") @source(\"house rule\")\n{text}");
    vec![PolicyFile { name: "site.cedar".to_owned(), text }]
}

const NO_NURSES: &str = "forbid (principal in Role::\"nurse\", action, resource);";

fn chart(vault: &Vault) {
    let changes = vec![
        put(r#"{"resourceType":"Patient","id":"a","active":true}"#),
        put(r#"{"resourceType":"CareTeam","id":"t","status":"active","subject":{"reference":"Patient/a"},
               "participant":[{"member":{"reference":"Practitioner/nora"}}]}"#),
        put(r#"{"resourceType":"Observation","id":"o","status":"final","subject":{"reference":"Patient/a"},
               "code":{"coding":[{"system":"http://loinc.org","code":"7917-8"}]}}"#),
    ];
    write(vault, changes).expect("written");
}

fn refused(result: Result<impl std::fmt::Debug, Error>) -> (Kind, String) {
    match result {
        Err(Error::Refusal(refusal)) => (refusal.kind, refusal.findings[0].message.clone()),
        other => panic!("should be refused: {other:?}"),
    }
}

#[test]
fn policies_hold_at_once_and_after_a_start_and_a_wrong_text_changes_nothing() {
    let place = Place::new();
    let vault = place.open();
    chart(&vault);
    let nora = visitor(&vault, "nora", Role::Nurse, &["Practitioner/nora"], Purpose::Treatment);
    let officer = visitor(&vault, "olga", Role::PrivacyOfficer, &[], Purpose::Compliance);
    let seen = |vault: &Vault, visit: &Visit| {
        vault.read(visit, "Observation", "o", None).is_ok_and(|version| version.is_some())
    };
    assert!(seen(&vault, &nora));
    assert_eq!(refused(vault.apply_policies(&nora, &site(NO_NURSES))).0, Kind::Forbidden);
    let before = vault.head();
    assert!(vault.apply_policies(&officer, &site(NO_NURSES)).expect("applied"));
    assert!(!seen(&vault, &nora), "at once");
    assert!(vault.head() > before, "an entry of the log");
    let after = vault.head();
    assert!(!vault.apply_policies(&officer, &site(NO_NURSES)).expect("applied"), "nothing new");
    let (kind, message) =
        refused(vault.apply_policies(&officer, &site("forbid (principal in\n Role::\"nurce\", action, resource);")));
    assert_eq!(kind, Kind::Invalid);
    assert!(message.starts_with("site.cedar, line 3, column 2: ") && message.contains("did you mean"), "{message}");
    assert!(!seen(&vault, &nora) && vault.head() == after, "the old ones stay in force");
    // Nothing outside the gate reads the document.
    assert!(vault.read(&Visit::operator(), "x-policies", "site", None).expect("read").is_none());
    drop((nora, officer, vault));

    let vault = Vault::open(Options { ids: Ids::seeded(2), ..place.options() }).expect("opens");
    let profile = |account: &Account| account.login == "nora";
    let account = vault.accounts().expect("accounts").into_iter().find(|account| profile(account)).expect("nora");
    let terms = vault::access::Terms::new(Purpose::Treatment, 3_600_000);
    let nora = || {
        let (token, _) = vault.issue_session(&account, terms.clone()).expect("a session");
        vault.session(&token).expect("a visit").1.asking(Context::new(Deed::Read, "test"))
    };
    assert!(!seen(&vault, &nora()), "after a start");
    assert!(vault.apply_policies(&Visit::operator(), &[]).expect("applied"));
    assert!(seen(&vault, &nora()), "ours alone again");
}

#[test]
fn an_edit_is_tried_on_those_who_have_accounts() {
    let place = Place::new();
    let vault = place.open();
    let operator = Visit::operator();
    for n in 0..14 {
        let roles = Roles::NONE.with(Role::Coder);
        let profile = Profile { login: format!("coder-{n}"), name: "C".to_owned(), roles, ..Profile::default() };
        vault.create_account(&operator, profile).expect("an account");
    }
    let open = "permit (principal in Role::\"coder\", action == Action::\"read\", resource == Class::\"consent\");";
    let simulation = vault.simulate_policies(&operator, &site(open)).expect("simulated");
    assert!(
        simulation.sentences().contains(&"14 people may read consents who could not before.".to_owned()),
        "{:#?}",
        simulation.sentences()
    );
    let same = vault.simulate_policies(&operator, &[]).expect("simulated");
    assert!(same.sentences().is_empty());
}

#[test]
fn a_reason_tells_policy_and_label_and_nothing_of_what_is_hidden() {
    let place = Place::new();
    let vault = place.open();
    chart(&vault);
    let nora = visitor(&vault, "nora", Role::Nurse, &["Practitioner/nora"], Purpose::Treatment);
    let why = vault.why(&nora, "Observation", "o").expect("a reason");
    assert!(why.permitted && why.policies == ["nurse-care"], "{why:?}");
    for part in
        ["Yes: read clinical facts, for treatment.", "Labelled HIV or AIDS: Observation.code.coding[0] is 7917-8"]
    {
        assert!(why.text.contains(part), "{}", why.text);
    }
    let lee = visitor(&vault, "lee", Role::Nurse, &["Practitioner/lee"], Purpose::Treatment);
    let hidden = vault.why(&lee, "Observation", "o").expect("a reason");
    let absent = vault.why(&lee, "Observation", "zz").expect("a reason");
    assert_eq!(hidden.text, absent.text.replace("zz", "o"), "what is hidden is not there");
    assert!(!hidden.permitted && hidden.text.contains("the patient is in your care"), "{}", hidden.text);
    assert!(hidden.text.contains("break the glass"));

    let asking = Visit::operator().asking(Context::new(Deed::Administer, "policy why"));
    // The operator is told the truth about somebody else.
    let account = vault.account_of_login("lee").expect("read").expect("lee");
    let told = vault.why_of(&asking, (&account.principal(), Purpose::Treatment), "Observation", "o");
    let told = told.expect("a reason");
    assert!(!told.permitted && told.text.contains("no relationship with this patient"), "{}", told.text);
    assert_eq!(
        refused(vault.why_of(&nora, (&account.principal(), Purpose::Treatment), "Observation", "o")).0,
        Kind::Forbidden
    );

    let deny = r#"{"resourceType":"Consent","id":"c","status":"active","patient":{"reference":"Patient/a"},"dateTime":"2026-01-01",
        "scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
        "category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],
        "policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}]},
        "provision":{"type":"deny","actor":[{"role":{"coding":[{"code":"PRCP"}]},"reference":{"reference":"Practitioner/nora"}}]}}"#;
    write(&vault, vec![put(deny)]).expect("written");
    let nora = vault.account_of_login("nora").expect("read").expect("nora");
    let told = vault.why_of(&asking, (&nora.principal(), Purpose::Treatment), "Observation", "o").expect("a reason");
    assert!(!told.permitted && told.text.contains("Consent: Consent/c, "), "{}", told.text);
}
