//! Pregnancy, delivery, and the child's first day.

use crate::hospital::chart::Chart;
use crate::hospital::codes::conditions as c;
use crate::hospital::codes::{drugs as d, hl7, labs, procedures, vaccines};
use crate::hospital::day::Day;
use crate::hospital::house::OBSTETRICIAN;
use crate::hospital::tree::{put, quantity};
use crate::hospital::visits::{HOME, Kind, Visit};
use fhir::definitions::capital;

const BIRTH_UNIT: usize = 2;

/// A prenatal visit in a week of pregnancy.
pub fn prenatal(chart: &mut Chart, day: Day, week: i32) {
    let start = day.workday().at(chart.dice.between(8, 15), 15);
    let reason = format!("prenatal care in week {week}");
    let mut visit = chart.arrive(Kind::Clinic, start, 25, OBSTETRICIAN, procedures::PRENATAL, reason);
    let days = (41 - week) * 7;
    let condition = match week {
        10 => chart.acute(&mut visit, &c::PREGNANCY, days),
        _ => String::new(),
    };
    chart.body.weight += 25;
    chart.vitals(&mut visit);
    if week == 10 {
        chart.body.hemoglobin -= 10;
        let leukocytes = chart.dice.between(70, 105);
        chart.count(&mut visit, leukocytes);
        chart.prescribe(&mut visit, &d::IRON, Some(&condition));
    }
    if week == 30 {
        let day = visit.start.day();
        chart.vaccinate(vaccines::TDAP, day, None, Some(&visit));
        visit.plan.push("Tdap vaccine given.".to_owned());
    }
    visit.findings.push("Fetal heart rate normal.".to_owned());
    chart.leave(visit, None);
}

/// A vaginal delivery at term.
pub fn delivery(chart: &mut Chart, day: Day) {
    let start = day.at(chart.dice.between(0, 12), chart.dice.between(0, 59));
    let reason = "regular contractions at term".to_owned();
    let kind = Kind::Inpatient(BIRTH_UNIT);
    let mut visit = chart.arrive(kind, start, 2 * 1440, OBSTETRICIAN, procedures::ADMISSION, reason);
    chart.vitals(&mut visit);
    let condition = chart.acute(&mut visit, &c::DELIVERY, 2);
    chart.procedure(&mut visit, procedures::CHILDBIRTH, 300, Some(&condition));
    let leukocytes = chart.dice.between(90, 150);
    chart.count(&mut visit, leukocytes);
    visit.findings.push("Spontaneous vaginal delivery of a healthy child.".to_owned());
    visit.plan.push("Postpartum visit in six weeks.".to_owned());
    chart.body.weight -= 90;
    chart.body.hemoglobin += 8;
    chart.leave(visit, Some(HOME));
}

/// The child's first stay.
pub fn born(chart: &mut Chart, day: Day) {
    let start = day.at(chart.dice.between(13, 20), chart.dice.between(0, 59));
    let kind = Kind::Inpatient(BIRTH_UNIT);
    let mut visit = chart.arrive(kind, start, 2 * 1440 - 600, OBSTETRICIAN, procedures::ADMISSION, "birth".to_owned());
    chart.acute(&mut visit, &c::NEWBORN, 2);
    (chart.body.weight, chart.body.height) = (chart.dice.between(29, 40), chart.dice.between(48, 53));
    chart.weigh(&mut visit);
    let (first, fifth) = (chart.dice.between(7, 9), chart.dice.between(8, 10));
    apgar(chart, &mut visit, &labs::APGAR_1, first);
    apgar(chart, &mut visit, &labs::APGAR_5, fifth);
    chart.vaccinate(vaccines::CHILDHOOD[0].1, day.plus(1), Some(1), Some(&visit));
    visit.plan.push("Hepatitis B vaccine given. Well-child visit in two weeks.".to_owned());
    chart.leave(visit, Some(HOME));
}

fn apgar(chart: &mut Chart, visit: &mut Visit, lab: &'static labs::Lab, score: i32) {
    let mut body = chart.measured(visit, hl7!("observation-category", "exam", "Exam"), lab.code);
    if let Some(body) = body.as_object_mut() {
        put(body, "valueQuantity", quantity(score, 0, lab.unit));
    }
    chart.add("Observation", None, body);
    visit.findings.push(format!("{} {score}.", capital(lab.name)));
}
