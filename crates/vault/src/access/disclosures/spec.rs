//! The rules of 45 CFR 164.528 and 42 CFR 2.25 as tables of cases, each with its paragraph.

use super::accounting::{Known, account};
use super::request::Ended;
use super::rules::RULES;
use super::{Accounting, Basis, Channel, Day, Disclosure, Law, Period, Protocol, Request, Suspension};

const TODAY: Day = Day::of(2026, 11, 23);

fn day(text: &str) -> Day {
    Day::parse(text).expect("a day")
}

fn to(recipient: &str, on: &str, basis: Basis) -> Disclosure {
    let purpose = basis.words().to_owned();
    Disclosure {
        recipient: recipient.to_owned(),
        what: "chart".to_owned(),
        purpose,
        ..Disclosure::new("p", day(on), basis)
    }
}

fn of(law: Law, asked: Day, disclosures: &[Disclosure], suspensions: &[Suspension]) -> Accounting {
    let period = Period::of(law, asked, None, None).expect("a period");
    let known = Known { disclosures, protocols: &[], suspensions, today: asked };
    account("p", law, period, &known)
}

#[test]
fn each_ground_is_listed_or_left_out_by_its_paragraph() {
    for (code, left_out_by, is_told) in [
        ("treatment", "45 CFR 164.528(a)(1)(i)", true),
        ("payment", "45 CFR 164.528(a)(1)(i)", true),
        ("operations", "45 CFR 164.528(a)(1)(i)", true),
        ("part-2-tpo", "45 CFR 164.528(a)(1)(i)", true),
        ("individual", "45 CFR 164.528(a)(1)(ii)", true),
        ("incidental", "45 CFR 164.528(a)(1)(iii)", true),
        ("authorization", "45 CFR 164.528(a)(1)(iv)", true),
        ("directory", "45 CFR 164.528(a)(1)(v)", true),
        ("involved-in-care", "45 CFR 164.528(a)(1)(v)", true),
        ("national-security", "45 CFR 164.528(a)(1)(vi)", false),
        ("custody", "45 CFR 164.528(a)(1)(vii)", false),
        ("limited-data-set", "45 CFR 164.528(a)(1)(viii)", true),
        ("required-by-law", "", true),
        ("public-health", "", true),
        ("abuse", "", true),
        ("oversight", "", true),
        ("judicial", "", true),
        ("law-enforcement", "", true),
        ("decedent", "", true),
        ("donation", "", true),
        ("research", "", true),
        ("serious-threat", "", true),
        ("government", "", true),
        ("workers-compensation", "", true),
        ("secretary", "", true),
        ("impermissible", "", true),
        ("part-2-consent", "", true),
        ("part-2-general", "", true),
    ] {
        let basis = Basis::from_code(code).expect(code);
        let done = of(Law::Hipaa, TODAY, &[to("x", "2026-01-02", basis), to("y", "2026-01-03", basis)], &[]);
        if left_out_by.is_empty() {
            assert_eq!((done.listed.len(), done.left_out.len()), (2, 0), "{code}");
            continue;
        }
        let left = &done.left_out[0];
        assert_eq!((left.count, left.source, left.why), (2, left_out_by, basis.words()), "{code}");
        assert_eq!(done.for_patient().left_out.len(), usize::from(is_told), "{code}: what the patient is told");
    }
    assert_eq!(Basis::ALL.len(), 28, "every ground has a row");
}

#[test]
fn the_years_are_the_laws() {
    // Asked for on a day, disclosed on another: listed, left out, or outside the period (a)(1), (a)(3), (a)(1)(ix); 2.25(a).
    for (law, asked, disclosed, listed, left_out) in [
        (Law::Hipaa, "2026-11-23", "2020-11-23", 1, ""),
        (Law::Hipaa, "2026-11-23", "2020-11-22", 0, ""),
        (Law::Hipaa, "2026-11-23", "2026-11-23", 1, ""),
        (Law::Hipaa, "2005-01-01", "2003-04-14", 1, ""),
        (Law::Hipaa, "2005-01-01", "2003-04-13", 0, "45 CFR 164.528(a)(1)(ix)"),
        (Law::Part2, "2026-11-23", "2023-11-23", 1, ""),
        (Law::Part2, "2026-11-23", "2023-11-22", 0, ""),
    ] {
        let basis = if law == Law::Part2 { Basis::Part2Consent } else { Basis::PublicHealth };
        let done = of(law, day(asked), &[to("x", disclosed, basis)], &[]);
        let source = done.left_out.first().map_or("", |left| left.source);
        assert_eq!((done.listed.len(), source), (listed, left_out), "{law}, asked {asked}, disclosed {disclosed}");
    }
    for (from, until, covers) in [
        (None, None, Some(("2020-11-23", "2026-11-23"))),
        (Some("2026-01-01"), Some("2026-02-01"), Some(("2026-01-01", "2026-02-01"))),
        (Some("1999-01-01"), Some("2030-01-01"), Some(("2020-11-23", "2026-11-23"))),
        (Some("2026-02-01"), Some("2026-01-01"), None),
        (None, Some("2019-01-01"), None),
    ] {
        let period = Period::of(Law::Hipaa, TODAY, from.map(day), until.map(day)).ok();
        let covered = covers.map(|(from, until)| Period { from: day(from), until: day(until), asked: TODAY });
        assert_eq!(period, covered, "{from:?} to {until:?} (164.528(a)(3))");
    }
}

#[test]
fn part_2_counts_what_went_out_by_its_consents() {
    for (basis, channel, left_out_by) in [
        (Basis::Part2Consent, Channel::Fax, ""),
        (Basis::Part2Consent, Channel::Interface, ""),
        (Basis::Part2Tpo, Channel::Interface, ""),
        (Basis::Part2Tpo, Channel::App, ""),
        (Basis::Part2Tpo, Channel::Fax, "42 CFR 2.25(b)(1)"),
        (Basis::PublicHealth, Channel::Interface, "42 CFR 2.25(a)"),
        (Basis::Authorization, Channel::Paper, "42 CFR 2.25(a)"),
    ] {
        let one = Disclosure { channel, ..to("x", "2026-01-02", basis) };
        let done = of(Law::Part2, TODAY, &[one], &[]);
        let source = done.left_out.first().map_or("", |left| left.source);
        assert_eq!(
            (source, done.listed.len()),
            (left_out_by, usize::from(left_out_by.is_empty())),
            "{basis} {channel}"
        );
    }
}

#[test]
fn an_intermediary_lists_who_received_under_a_general_designation() {
    // 42 CFR 2.24: three years, each disclosure with name, day and description, within 30 days of the request.
    for (basis, on, listed, left_out_by) in [
        (Basis::Part2General, "2026-01-02", 1, ""),
        (Basis::Part2General, "2023-11-23", 1, ""),
        (Basis::Part2General, "2023-11-22", 0, ""),
        (Basis::Part2Consent, "2026-01-02", 0, "42 CFR 2.24"),
        (Basis::Treatment, "2026-01-02", 0, "42 CFR 2.24"),
    ] {
        let done = of(Law::Intermediary, TODAY, &[to("Clinic", on, basis)], &[]);
        let source = done.left_out.first().map_or("", |left| left.source);
        assert_eq!((done.listed.len(), source), (listed, left_out_by), "{basis} {on}");
    }
    let twice = [to("Clinic", "2026-01-02", Basis::Part2General), to("Clinic", "2026-01-03", Basis::Part2General)];
    assert_eq!(of(Law::Intermediary, TODAY, &twice, &[]).listed.len(), 2, "for each disclosure");
    assert_eq!(of(Law::Part2, TODAY, &twice, &[]).listed.len(), 2, "2.25 has it too");
    let mut asked = Request { law: Law::Intermediary, ..request("r", "2026-01-01") };
    assert_eq!(asked.due(), day("2026-01-31"));
    assert!(asked.extend(day("2026-01-02"), None, "why").is_err(), "it is not put off");
    assert!(asked.charge(day("2026-01-02"), 650, &[request("q", "2025-12-01")]).is_err(), "there is no fee");
}

#[test]
fn repetitions_to_one_recipient_for_one_purpose_are_one_line() {
    let monthly = |basis: Basis| -> Vec<Disclosure> {
        ["2026-01-01", "2026-01-31", "2026-03-02"].map(|on| to("Registry", on, basis)).to_vec()
    };
    // 164.528(b)(3): under 164.512 and to the Secretary; what was not permitted is listed one by one.
    for (basis, lines) in
        [(Basis::PublicHealth, 1), (Basis::Secretary, 1), (Basis::Impermissible, 3), (Basis::Part2Consent, 3)]
    {
        assert_eq!(of(Law::Hipaa, TODAY, &monthly(basis), &[]).listed.len(), lines, "{basis}");
    }
    let mut all = monthly(Basis::PublicHealth);
    all.push(Disclosure { purpose: "outbreak".to_owned(), ..to("Registry", "2026-02-01", Basis::PublicHealth) });
    all.push(to("Another registry", "2026-02-02", Basis::PublicHealth));
    let done = of(Law::Hipaa, TODAY, &all, &[]);
    assert_eq!(done.listed.len(), 3, "another purpose and another recipient are lines of their own");
    let series = &done.listed[0];
    assert_eq!((series.first.day, series.last, series.times), (day("2026-01-01"), day("2026-03-02"), 3));
    assert_eq!(series.frequency().as_deref(), Some("3 times, about every 30 days"));
    assert_eq!(done.listed[1].frequency(), None);
    // Only what lies in the period counts.
    let period = Period::of(Law::Hipaa, TODAY, Some(day("2026-01-15")), None).expect("a period");
    let known = Known { disclosures: &all, protocols: &[], suspensions: &[], today: TODAY };
    let series = account("p", Law::Hipaa, period, &known).listed.remove(0);
    assert_eq!((series.first.day, series.times), (day("2026-01-31"), 2));
}

#[test]
fn a_series_loses_no_disclosure_and_no_resource() {
    let of_resource = |on: &str, resource: &str, what: &str, id: &str| Disclosure {
        resources: vec![resource.to_owned()],
        what: what.to_owned(),
        id: id.to_owned(),
        ..to("Registry", on, Basis::PublicHealth)
    };
    let all = [
        of_resource("2026-01-01", "Observation/17", "report", "a"),
        of_resource("2026-01-09", "Observation/zoe-17", "Report", "b"),
        of_resource("2026-01-10", "DiagnosticReport/3", "image", "c"),
        Disclosure { channel: Channel::Fax, ..of_resource("2026-01-11", "Observation/17", "report", "d") },
    ];
    let done = of(Law::Hipaa, TODAY, &all, &[]);
    assert_eq!(done.listed.len(), 3, "another description and another way are lines of their own");
    let first = &done.listed[0];
    assert_eq!((first.times, &first.ids), (2, &vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(first.resources, ["Observation/17", "Observation/zoe-17"]);
    assert_eq!(first.days, [day("2026-01-01"), day("2026-01-09")]);
    let letter = super::letter::letter(&done);
    let table: String = done.listed.iter().map(super::report::line).collect();
    let json = String::from_utf8(super::report::accounting(&done).to_bytes()).expect("text");
    for one in &all {
        let resource = &one.resources[0];
        assert!([&letter, &table, &json].iter().all(|text| text.contains(resource.as_str())), "{resource}");
        assert!([&table, &json].iter().all(|text| text.contains(&one.day.to_string())), "{}", one.day);
    }
    for said in [
        "1 January 2026, 9 January 2026",
        "     How:      fax",
        "     Address:  not known",
        "to prevent or control disease",
    ] {
        assert!(letter.contains(said), "{said}: {letter}");
    }
}

#[test]
fn research_about_fifty_people_is_listed_by_its_protocol() {
    let text = |text: &str| text.to_owned();
    let protocol = Protocol {
        id: text("r"),
        name: text("Hearts"),
        describes: text("who had an infarction"),
        what: text("discharge summaries"),
        from: day("2026-01-01"),
        until: day("2026-03-01"),
        sponsor: text("Fund"),
        researcher: text("Dr Rho"),
        people: 50,
    };
    for (people, sponsor, is_good) in [(50, "Fund", true), (49, "Fund", false), (50, " ", false)] {
        let tried = Protocol { people, sponsor: text(sponsor), ..protocol.clone() };
        assert_eq!(tried.checked(TODAY).is_ok(), is_good, "{people} {sponsor:?} (164.528(b)(4)(i))");
    }
    for (law, from, count) in
        [(Law::Hipaa, "2026-03-01", 1), (Law::Hipaa, "2026-03-02", 0), (Law::Part2, "2026-01-01", 0)]
    {
        let period = Period::of(law, TODAY, Some(day(from)), None).expect("a period");
        let protocols = std::slice::from_ref(&protocol);
        let known = Known { disclosures: &[], protocols, suspensions: &[], today: TODAY };
        let done = account("p", law, period, &known);
        assert_eq!(done.research.len(), count, "{law} from {from}");
        let letter = super::letter::letter(&done);
        assert_eq!(letter.contains("may or may not have been disclosed"), count > 0, "{letter}");
    }
}

fn suspension(agency: &str, basis: Basis, is_written: bool) -> Suspension {
    Suspension {
        id: "s".to_owned(),
        patient: "p".to_owned(),
        agency: agency.to_owned(),
        basis,
        is_written,
        statement: "it would impede the inquiry".to_owned(),
        from: day("2026-11-01"),
        until: day("2026-11-01"),
        lifted: None,
        by: "pat".to_owned(),
    }
}

#[test]
fn a_suspension_lasts_as_long_as_the_statement_carries_it() {
    use Basis::{LawEnforcement, Oversight, PublicHealth};
    // 164.528(a)(2)(i): a written statement with its time; (ii): an oral one, at most 30 days.
    for (basis, is_written, until, ends) in [
        (Oversight, true, Some("2027-11-01"), Some("2027-11-01")),
        (Oversight, true, None, None),
        (LawEnforcement, false, None, Some("2026-12-01")),
        (LawEnforcement, false, Some("2026-12-01"), Some("2026-12-01")),
        (LawEnforcement, false, Some("2026-12-02"), None),
        (LawEnforcement, false, Some("2026-10-31"), None),
        (PublicHealth, true, Some("2027-01-01"), None),
    ] {
        let made = suspension("Sheriff", basis, is_written).checked(until.map(day), TODAY, &[]).ok();
        assert_eq!(made.map(|made| made.until), ends.map(day), "{basis} {is_written} {until:?}");
    }
    let made = suspension("Sheriff", LawEnforcement, false).checked(None, TODAY, &[]).expect("good");
    let sent = [to("County Sheriff's Office", "2026-10-01", LawEnforcement), to("FBI", "2026-10-02", LawEnforcement)];
    for (on, lifted, listed) in [
        ("2026-10-31", None, 2),
        ("2026-11-01", None, 1),
        ("2026-12-01", None, 1),
        ("2026-12-02", None, 2),
        ("2026-11-10", Some("2026-11-10"), 2),
        ("2026-11-09", Some("2026-11-10"), 1),
    ] {
        let held = Suspension { lifted: lifted.map(day), ..made.clone() };
        let done = of(Law::Hipaa, day(on), &sent, &[held]);
        assert_eq!(done.listed.len(), listed, "{on}, lifted {lifted:?}");
        assert_eq!(done.left_out.len(), 2 - listed, "{on}: the house's copy says that something is kept back");
        assert!(done.for_patient().left_out.is_empty(), "the patient's does not");
    }
}

#[test]
fn what_an_agency_only_says_keeps_quiet_for_thirty_days_in_all() {
    use Basis::{LawEnforcement, Oversight};
    // 164.528(a)(2)(ii)(C): "no longer than 30 days from the date of the oral statement, unless a written statement ...".
    let said = |agency: &str, from: &str, is_written: bool| Suspension {
        from: day(from),
        until: day(from).plus(30),
        ..suspension(agency, LawEnforcement, is_written)
    };
    let first = [said("Sheriff", "2026-10-01", false)];
    for (next, until, ends) in [
        (said("Sheriff", "2026-10-20", false), None, Some("2026-10-31")),
        (said("County Sheriff", "2026-10-20", false), None, Some("2026-10-31")),
        (said("Sheriff", "2026-10-20", false), Some("2026-11-01"), None),
        (said("Sheriff", "2026-11-01", false), None, None),
        (said("Sheriff", "2026-11-20", true), Some("2027-05-01"), Some("2027-05-01")),
        (said("FBI", "2026-11-20", false), None, Some("2026-12-20")),
        (Suspension { basis: Oversight, ..said("Sheriff", "2026-11-20", false) }, None, Some("2026-12-20")),
        // A statement that was not made yet.
        (said("FBI", "2026-11-24", false), None, None),
        (said("FBI", "2026-11-24", true), Some("2027-05-01"), None),
    ] {
        let made = next.clone().checked(until.map(day), TODAY, &first).ok();
        assert_eq!(made.map(|made| made.until), ends.map(day), "{next:?} {until:?}");
    }
    // Nor do several names for one recipient make it longer.
    let names = [said("County", "2026-10-01", false), said("Sheriff", "2026-10-25", false)];
    let sent = [to("County Sheriff", "2026-09-01", LawEnforcement)];
    for (on, listed) in [("2026-10-31", 0), ("2026-11-01", 1)] {
        assert_eq!(of(Law::Hipaa, day(on), &sent, &names).listed.len(), listed, "{on}");
    }
}

fn request(id: &str, asked: &str) -> Request {
    let period = Period::of(Law::Hipaa, day(asked), None, None).expect("a period");
    let (patient, filed) = ("p".to_owned(), day(asked).begins());
    let (by, extension, fee, ended) = ("pat".to_owned(), None, None, None);
    Request { id: id.to_owned(), patient, law: Law::Hipaa, period, filed, by, extension, fee, ended }
}

#[test]
fn a_request_is_answered_within_sixty_days_and_thirty_more() {
    assert_eq!(request("r", "2026-01-01").due(), day("2026-03-02"), "164.528(c)(1)");
    // 164.528(c)(1)(ii): told within the 60 days, at most 30 more, with the reasons.
    for (told, until, reason, due) in [
        ("2026-02-01", None, "archive moved", Some("2026-04-01")),
        ("2026-03-02", Some("2026-04-01"), "archive moved", Some("2026-04-01")),
        ("2026-03-02", Some("2026-03-03"), "archive moved", Some("2026-03-03")),
        ("2026-03-03", None, "archive moved", None),
        ("2026-02-01", Some("2026-04-02"), "archive moved", None),
        ("2026-02-01", Some("2026-03-02"), "archive moved", None),
        ("2026-02-01", None, " ", None),
    ] {
        let mut asked = request("r", "2026-01-01");
        let done = asked.extend(day(told), until.map(day), reason).ok().map(|()| asked.due());
        assert_eq!(done, due.map(day), "told {told}, until {until:?}, {reason:?}");
        if done.is_some() {
            assert!(asked.extend(day(told), None, "again").is_err(), "(c)(1)(ii)(B): one only");
        }
    }
    let asked = request("r", "2026-01-01");
    assert_eq!([asked.state(day("2026-03-02")), asked.state(day("2026-03-03"))], ["open", "overdue"]);
}

#[test]
fn the_first_in_twelve_months_is_free_and_later_ones_are_told_before() {
    let given =
        |on: &str| Request { ended: Some(Ended::Provided(day(on), String::new(), String::new())), ..request("g", on) };
    let withdrawn = Request { ended: Some(Ended::Withdrawn(day("2026-06-01"))), ..request("w", "2026-06-01") };
    // 164.528(c)(2).
    for (others, is_free) in [
        (vec![], true),
        (vec![given("2025-11-23")], true),
        (vec![given("2025-11-24")], false),
        (vec![withdrawn], true),
        (vec![request("open", "2026-06-01")], false),
        (vec![request("open", "2025-11-23")], true),
        (vec![request("s", "2026-11-23")], true),
        (vec![request("q", "2026-11-23")], false),
    ] {
        let mut asked = request("r", "2026-11-23");
        assert_eq!(asked.is_free(&others), is_free, "{others:?}");
        assert_eq!(asked.charge(TODAY, 650, &others).is_ok(), !is_free);
        assert_eq!(asked.provide(TODAY, "pat", "letter").is_ok(), is_free, "not before the patient agreed");
        if !is_free {
            assert!(asked.agree(TODAY, 100).is_err(), "another fee was told");
            asked.agree(TODAY, 650).expect("agreed");
            asked.provide(TODAY, "pat", "letter").expect("given");
        }
        assert!(asked.withdraw(TODAY).is_err() && asked.provide(TODAY, "pat", "again").is_err(), "it has ended");
    }
    assert!(request("r", "2026-11-23").agree(TODAY, 0).is_err(), "nothing was told");
    // Of several filed together one is free, whichever is given first.
    let together = ["a", "b", "c"].map(|id| request(id, "2026-11-23"));
    let free: Vec<bool> = together.iter().map(|one| one.is_free(&together)).collect();
    assert_eq!(free, [true, false, false]);
    let paid = Some(super::request::Fee { cents: 650, told: TODAY, agreed: Some(TODAY) });
    for (fee, is_free) in [(paid, true), (None, false)] {
        let ended = Some(Ended::Provided(TODAY, String::new(), String::new()));
        let given = Request { fee, ended, ..together[1].clone() };
        assert_eq!(together[0].is_free(&[given]), is_free, "given with the fee {fee:?}");
    }
}

#[test]
fn every_limit_names_its_paragraph_and_its_day() {
    for rule in RULES {
        assert!(rule.limit > 0 && rule.source.contains(" CFR "), "{rule:?}");
        assert!(rule.effective >= super::rules::COMPLIANCE && rule.effective < TODAY, "{rule:?}");
    }
}

#[test]
fn a_request_reads_back_as_it_was_written() {
    let mut asked = request("r", "2026-01-01");
    let mut all = vec![asked.clone()];
    asked.extend(day("2026-02-01"), None, "why").expect("extended");
    asked.fee = Some(super::request::Fee { cents: 650, told: day("2026-02-02"), agreed: None });
    all.push(asked.clone());
    asked.agree(day("2026-02-03"), 650).expect("agreed");
    asked.provide(day("2026-02-04"), "kim", "text\nof it").expect("given");
    all.push(asked);
    all.push(Request { ended: Some(Ended::Withdrawn(TODAY)), ..request("r", "2026-01-01") });
    for request in all {
        let document = crate::access::private::Document { id: "r".to_owned(), version: 1, says: request.write() };
        assert_eq!(Request::read(&document), Some(request));
    }
    let lifted = Suspension { lifted: Some(TODAY), ..suspension("a", Basis::Oversight, true) };
    for one in [suspension("a", Basis::Oversight, true), lifted] {
        let document = crate::access::private::Document { id: "s".to_owned(), version: 1, says: one.write() };
        assert_eq!(Suspension::read(&document), Some(one));
    }
}
