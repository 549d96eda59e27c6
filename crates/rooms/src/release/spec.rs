//! Runs the tables of `spec.md`.

use super::rules::authorization::{Expiry, Flaw, Kind, Statement};
use super::rules::fee::{Charge, fee};
use super::rules::letter::{self, About};
use super::rules::route::needs_second_look;
use super::rules::*;
use crate::office::Office;
use base::day::Day;
use base::spec::{Row, rows};
use vault::access::Label;

const SPEC: &str = include_str!("spec.md");
const TODAY: Day = Day::of(2026, 11, 23);

#[test]
fn every_route_has_its_row() {
    let said: Vec<Vec<String>> = rows(SPEC, "route").iter().map(|(_, row)| route_cells(row)).collect();
    let known: Vec<Vec<String>> = Route::ALL.iter().map(|route| written(*route)).collect();
    assert_eq!(said, known);
}

fn route_cells(row: &Row) -> Vec<String> {
    ["route", "source", "clock", "charge", "goes", "in hand", "recorded as", "listed"].map(|c| row[c].clone()).to_vec()
}

fn written(route: Route) -> Vec<String> {
    let terms = route.terms();
    let proofs: Vec<&str> = terms.proofs.iter().map(|proof| proof.code()).collect();
    let goes = match terms.minimum {
        Minimum::Exempt(_) => "asked",
        Minimum::Named(_) => "named",
        Minimum::Necessary(_) => "minimum",
    };
    let charge = match terms.fee {
        FeeRule::CostBased => "cost",
        FeeRule::Reasonable => "reasonable",
        FeeRule::Free => "free",
    };
    let listed = if terms.basis.exclusion().is_none() { "yes" } else { "no" };
    assert!(terms.minimum.source().contains(" CFR "), "{route}");
    [
        route.code(),
        terms.source,
        terms.clock.map_or("", |duty| duty.code),
        charge,
        goes,
        &proofs.join(" "),
        terms.basis.code(),
        listed,
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn some_things_stay_here() {
    let table = rows(SPEC, "label");
    for label in Label::ALL {
        let row = table.iter().find(|(_, row)| row["label"] == label.code());
        for route in Route::ALL {
            let stays = route.keeps_back(*label, true);
            let expected =
                row.is_some_and(|(_, row)| row["stays back except on"].split(' ').all(|r| r != route.code()));
            assert_eq!(stays.is_some(), expected, "{label} on {route}");
            assert!(stays.is_none_or(|why| row.is_some_and(|(_, row)| why.contains(&row["because"]))), "{label}");
        }
        assert!(row.is_none() || needs_second_look(*label), "{label}");
        let without = Route::Authorization.keeps_back(*label, false).is_some();
        assert_eq!(without, row.is_some(), "{label}: an authorization for anything else");
    }
}

fn good() -> Authorization {
    Authorization {
        patient: "Ana Ruiz".to_owned(),
        describes: "laboratory results of 2025".to_owned(),
        discloser: "Saguaro Hospital".to_owned(),
        recipient: "Ruiz & Lee, attorneys".to_owned(),
        purpose: "a lawsuit".to_owned(),
        expiry: Some(Expiry::On(Day::of(2027, 1, 1))),
        signed_by: "Ana Ruiz".to_owned(),
        signed: Some(Day::of(2026, 10, 1)),
        statements: Statement::ALL.to_vec(),
        ..Authorization::default()
    }
}

fn changed(what: &str, to: &str) -> Authorization {
    let mut paper = good();
    let text = to.to_owned();
    match what {
        "" => {}
        "patient" => paper.patient = text,
        "describes" => paper.describes = text,
        "discloser" => paper.discloser = text,
        "recipient" => paper.recipient = text,
        "purpose" => paper.purpose = text,
        "expiry" if to.is_empty() => paper.expiry = None,
        "expiry" => paper.expiry = Some(Day::parse(to).map_or(Expiry::With(text), Expiry::On)),
        "signed by" => paper.signed_by = text,
        "signed" => paper.signed = Day::parse(to),
        "representative" => (paper.is_by_representative, paper.authority) = (true, text),
        "without" => paper.statements.retain(|statement| statement.code() != to),
        "revoked" => paper.revoked = Day::parse(to),
        "flaw" => paper.flaws = vec![Flaw::from_code(to).expect("a flaw")],
        _ => panic!("{what}"),
    }
    paper
}

#[test]
fn an_authorization_is_checked_element_by_element() {
    for (line, row) in rows(SPEC, "kind") {
        let kind = Kind::from_code(&row["kind"]).expect("a kind");
        let found = defects(kind, &changed(&row["changed"], &row["to"]), TODAY);
        let sources: Vec<&str> = found.iter().map(|defect| defect.source).collect();
        let expected = if row["defect"] == "good" { Vec::new() } else { vec![row["defect"].as_str()] };
        assert_eq!(sources, expected, "line {line}");
    }
    let nothing = defects(Kind::Hipaa, &Authorization::default(), TODAY);
    assert_eq!(nothing.len(), 11, "every missing element is named: {nothing:?}");
}

#[test]
fn a_fee_leaves_out_what_the_rule_forbids() {
    for (line, row) in rows(SPEC, "rule") {
        let rule = match row["rule"].as_str() {
            "cost" => FeeRule::CostBased,
            "reasonable" => FeeRule::Reasonable,
            _ => FeeRule::Free,
        };
        let medium = if row["medium"] == "paper" { Medium::Paper } else { Medium::Electronic };
        let words: Vec<&str> = row["charges"].split(' ').collect();
        let charges: Vec<(Charge, u64)> = words
            .chunks(2)
            .map(|pair| (Charge::from_code(pair[0]).expect(pair[0]), pair[1].parse().expect("cents")))
            .collect();
        let fee = fee(rule, medium, &charges);
        let forbidden: Vec<&str> = fee.forbidden.iter().map(|one| one.charge.code()).collect();
        assert_eq!(
            (fee.cents.to_string(), forbidden.join(" ")),
            (row["cents"].clone(), row["forbidden"].clone()),
            "line {line}"
        );
        assert!(fee.forbidden.iter().all(|one| !one.source.is_empty()));
    }
    assert_eq!(super::rules::fee::dollars(650), "6.50");
}

#[test]
fn a_refusal_has_a_ground_of_the_list() {
    let table = rows(SPEC, "ground");
    assert_eq!(table.len(), Ground::ALL.len(), "every ground has its row");
    for (line, row) in table {
        let ground = Ground::from_code(&row["ground"]).expect("a ground");
        let reviewed = if ground.is_reviewable() { "yes" } else { "no" };
        assert_eq!((ground.source(), reviewed), (row["source"].as_str(), row["reviewed"].as_str()), "line {line}");
        for route in Route::ALL {
            let named = |list: &str| list.split(' ').any(|code| code == route.code());
            let fits = match row["on these routes"].as_str() {
                "all" => true,
                "own" => route.is_own(),
                "others" => !route.is_own(),
                list => match list.strip_prefix("others but ") {
                    Some(list) => !route.is_own() && !named(list),
                    None => named(list),
                },
            };
            assert_eq!(ground.fits(*route), fits, "line {line}: {route}");
        }
    }
    for (code, _) in denial::NO_GROUNDS {
        assert_eq!(Ground::from_code(code), None, "{code} is no ground");
    }
}

fn office() -> Office {
    Office {
        name: "Saguaro Hospital".to_owned(),
        contact: "the record room".to_owned(),
        telephone: "602-555-0100".to_owned(),
    }
}

#[test]
fn a_letter_says_what_the_law_asks_for() {
    let office = office();
    for route in Route::ALL {
        for ground in Ground::ALL.iter().filter(|ground| ground.fits(*route)) {
            let about = About { request: "r1", received: Day::of(2026, 11, 1), today: TODAY, route: *route };
            let text = letter::denial(about, *ground, "", "Mesa Clinic", &office);
            assert!(text.contains(ground.source()) && text.contains("r1"), "{ground}: (d)(2)(i)");
            assert_eq!(
                text.contains("licensed health care professional"),
                ground.is_reviewable(),
                "{ground}: (d)(2)(ii)"
            );
            assert_eq!(text.contains("Secretary of Health"), route.is_own(), "{ground}: (d)(2)(iii)");
            assert_eq!(text.contains("everything else"), route.is_own(), "{ground}: (d)(1)");
            assert_eq!(text.contains("Mesa Clinic"), *ground == Ground::NotHeld, "{ground}: (d)(3)");
            assert_eq!(ground.needs_professional(), ground.is_reviewable());
        }
    }
    let about = About { request: "r1", received: TODAY, today: TODAY, route: Route::Authorization };
    let found = defects(Kind::Hipaa, &changed("signed by", ""), TODAY);
    let text = letter::defect(about, &found, &office);
    assert!(
        text.contains("It is not signed. (45 CFR 164.508(c)(1)(vi))") && text.contains("Nothing was sent"),
        "{text}"
    );
    let text = letter::extension(about, Day::of(2027, 1, 1), "the chart is on paper elsewhere", &office);
    assert!(text.contains("2027-01-01") && text.contains("elsewhere"), "(b)(2)(ii): {text}");
}

#[test]
fn what_goes_under_part_2_carries_its_notice() {
    for route in Route::ALL {
        let expected = matches!(route, Route::Part2Consent | Route::Part2Tpo);
        assert_eq!(route.notice().is_some(), expected, "{route}");
    }
}
