//! What must hold for all consents, tried on generated ones.

use super::super::{Label, Labels, Purpose};
use super::*;
use base::clock::Instant;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

const PEOPLE: [&str; 3] = ["Practitioner/1", "Practitioner/2", "Organization/1"];
const TYPES: [&str; 3] = ["Observation", "Condition", "DocumentReference"];
const LABELS: [Label; 4] = [Label::Hiv, Label::Part2, Label::MentalHealth, Label::Oncology];
const NOW: Instant = Instant(1_000);

fn effect() -> impl Strategy<Value = Effect> {
    select(vec![Effect::Permit, Effect::Deny])
}

fn span() -> impl Strategy<Value = (i64, i64)> {
    (0_i64..2_000, 0_i64..2_000)
}

fn labels() -> impl Strategy<Value = Labels> {
    vec(select(LABELS.to_vec()), 0..3).prop_map(|labels| labels.into_iter().collect())
}

fn content() -> impl Strategy<Value = Content> {
    let test = (labels(), any::<bool>(), any::<bool>());
    let test = test.prop_map(|(named, plain, sensitive)| LabelTest { named, plain, sensitive });
    let types = vec(select(TYPES.to_vec()).prop_map(str::to_owned), 1..3);
    let codes = vec(select(vec!["a", "b"]).prop_map(|code| ("s".to_owned(), code.to_owned())), 1..2);
    (of(test), of(types), of(codes), of(span())).prop_map(|(labels, types, codes, dates)| Content {
        labels,
        types,
        codes,
        dates,
        ..Content::default()
    })
}

fn provision() -> impl Strategy<Value = Provision> {
    let leaf = one(Just(Vec::new()).boxed());
    leaf.prop_recursive(3, 12, 3, |inner| one(vec(inner, 0..3).boxed()))
}

fn one(exceptions: BoxedStrategy<Vec<Provision>>) -> BoxedStrategy<Provision> {
    let parties = of(vec(select(PEOPLE.to_vec()).prop_map(|who| Party::Named(who.to_owned())), 1..3));
    let purposes = of(vec(select(vec![Purpose::Treatment, Purpose::Payment, Purpose::BreakGlass]), 1..3));
    (of(effect()), of(span()), parties, purposes, content(), exceptions)
        .prop_map(|(effect, period, parties, purposes, content, exceptions)| Provision {
            path: "provision".to_owned(),
            effect,
            period,
            parties,
            handlings: None,
            purposes,
            content,
            exceptions,
        })
        .boxed()
}

fn consent() -> impl Strategy<Value = Consent> {
    let regime =
        select(vec![Regime::Directive, Regime::Directive, Regime::Restriction, Regime::Authorization, Regime::Part2]);
    let about = select(vec!["x", "y"]).prop_map(|about| vec![about.to_owned()]);
    (regime, about, of(0_i64..5), of(effect()), of(provision()), 0..12).prop_map(
        |(regime, about, given, base, provision, odd)| Consent {
            reference: "Consent/1".to_owned(),
            status: Status::Active,
            regime,
            patient: "Patient/1".to_owned(),
            about,
            performers: Vec::new(),
            given: given.map(Instant),
            base,
            provision,
            unreadable: odd == 0,
        },
    )
}

fn chart() -> impl Strategy<Value = Vec<Facts>> {
    let one = (select(TYPES.to_vec()), labels(), of(select(vec!["a", "b"])), of(span()));
    let facts = one.prop_map(|(resource_type, labels, code, date)| Facts {
        resource_type: resource_type.to_owned(),
        reference: format!("{resource_type}/1"),
        labels,
        codes: code.into_iter().map(|code| ("s".to_owned(), code.to_owned())).collect(),
        dates: date.into_iter().map(|(a, b)| (a.min(b), a.max(b))).collect(),
        ..Facts::default()
    });
    vec(facts, 1..6)
}

fn purpose() -> impl Strategy<Value = Purpose> {
    select(vec![Purpose::Treatment, Purpose::Payment, Purpose::Research, Purpose::BreakGlass])
}

fn seen(chart: &[Facts], consents: &[Consent], purpose: Purpose) -> Vec<bool> {
    let asker = Asker { references: vec![PEOPLE[0].to_owned(), PEOPLE[2].to_owned()], ..Asker::default() };
    let veil =
        veil(consents, &Question { asker: &asker, purpose, handling: Handling::Access, now: NOW }, &|_| Vec::new());
    chart.iter().map(|facts| checked(&veil, facts)).collect()
}

/// What a look says; and a glance may not say otherwise.
fn checked(veil: &Veil, facts: &Facts) -> bool {
    let seen = veil.look(facts).is_none();
    match veil.glance(crate::search::rows::type_number(&facts.resource_type), facts.labels, facts.is_exempt) {
        Glance::Seen => assert!(seen, "a glance shows what a look hides"),
        Glance::Hidden => assert!(!seen, "a glance hides what a look shows"),
        Glance::Look => {}
    }
    seen
}

fn no_more(before: &[bool], after: &[bool]) -> bool {
    before.iter().zip(after).all(|(before, after)| *before || !after)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn adding_a_deny_never_shows_more(
        chart in chart(), consents in vec(consent(), 0..4), purpose in purpose(), rule in provision(), at in 0_usize..4,
    ) {
        let before = seen(&chart, &consents, purpose);
        // As a consent of its own.
        let deny = Provision { effect: Some(Effect::Deny), exceptions: Vec::new(), ..rule };
        let restriction = Consent {
            reference: "Consent/2".to_owned(), status: Status::Active, regime: Regime::Restriction,
            patient: "Patient/1".to_owned(), about: vec![], performers: vec![], given: None, base: None,
            provision: Some(deny.clone()), unreadable: false,
        };
        let mut more = consents.clone();
        more.push(restriction);
        prop_assert!(no_more(&before, &seen(&chart, &more, purpose)));
        // As an exception in one of them.
        let mut within = consents.clone();
        if let Some(root) = within.get_mut(at).and_then(|consent| consent.provision.as_mut()) {
            root.exceptions.push(deny);
        }
        prop_assert!(no_more(&before, &seen(&chart, &within, purpose)));
    }

    #[test]
    fn the_order_of_consents_does_not_matter(
        chart in chart(), consents in vec(consent(), 0..5).prop_shuffle(), purpose in purpose(),
    ) {
        let mut sorted = consents.clone();
        sorted.sort_by_key(|consent| format!("{consent:?}"));
        prop_assert_eq!(seen(&chart, &consents, purpose), seen(&chart, &sorted, purpose));
    }

    #[test]
    fn a_patient_sees_all_and_nobody_sees_past_what_cannot_be_read(chart in chart(), consents in vec(consent(), 0..4)) {
        let patient = Asker { is_patient: true, ..Asker::default() };
        let question = Question { asker: &patient, purpose: Purpose::PatientRequest, handling: Handling::Access, now: NOW };
        let own = veil(&consents, &question, &|_| Vec::new());
        prop_assert!(chart.iter().all(|facts| checked(&own, facts)));
        let standing_unreadable = standing(&consents, NOW).iter().any(|stands| stands.consent.unreadable);
        if standing_unreadable {
            prop_assert!(seen(&chart, &consents, Purpose::Treatment).iter().all(|seen| !seen));
        }
    }

    #[test]
    fn an_emergency_never_shows_less_than_treatment(chart in chart(), consents in vec(consent(), 0..4)) {
        let named = |consent: &Consent| format!("{consent:?}").contains("BreakGlass");
        prop_assume!(!consents.iter().any(named));
        let usual = seen(&chart, &consents, Purpose::Treatment);
        prop_assert!(no_more(&seen(&chart, &consents, Purpose::BreakGlass), &usual));
    }
}
