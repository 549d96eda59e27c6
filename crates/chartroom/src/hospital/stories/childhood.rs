//! Growing up: well-child visits and vaccinations.

use crate::hospital::chart::{Chart, child_height};
use crate::hospital::codes::{labs, procedures, vaccines};
use crate::hospital::day::{Day, OPENED, TODAY};
use crate::hospital::visits::Visit;

/// Vaccinations from before the record was kept in full, for those who are still children.
pub fn history(chart: &mut Chart) {
    if chart.person.age(TODAY) >= 18 {
        return;
    }
    for (age, vaccine, dose) in vaccines::CHILDHOOD {
        let day = chart.person.birth.plus(*age);
        if day < OPENED {
            chart.vaccinate(*vaccine, day, Some(*dose), None);
        }
    }
}

/// A well-child visit, with the vaccines that have come due since the last one.
pub fn visit(chart: &mut Chart, day: Day) {
    let age = day.0 - chart.person.birth.0;
    if age < 14 {
        return;
    }
    let mut visit = chart.clinic(day, procedures::WELL_CHILD, "a well-child examination");
    let day = visit.start.day();
    grow(chart, day);
    chart.weigh(&mut visit);
    if age < 730 {
        // 35 cm at birth, 46 at one year, 48 at two.
        let circumference = 350 + age.min(365) * 110 / 365 + (age - 365).max(0) * 20 / 365;
        chart.vital(&mut visit, &labs::HEAD, circumference, "head-circumference");
    }
    if age > 2 * 365 {
        let pulse = chart.dice.around(95, 12);
        chart.vital(&mut visit, &labs::HEART_RATE, pulse, "heart-rate");
    }
    due(chart, &mut visit, day, age);
    visit.findings.push("Development fits the age.".to_owned());
    chart.leave(visit, None);
}

/// Every dose whose age has come and that was not given yet; one dose of a vaccine a visit.
fn due(chart: &mut Chart, visit: &mut Visit, day: Day, age: i32) {
    let mut today = Vec::new();
    for (at, vaccine, dose) in vaccines::CHILDHOOD {
        if *at > age || chart.doses.contains(&(vaccine.code, *dose)) || today.contains(&vaccine.code) {
            continue;
        }
        today.push(vaccine.code);
        chart.vaccinate(*vaccine, day, Some(*dose), Some(visit));
        visit.plan.push(format!("{} vaccine given, dose {dose}.", vaccine.display));
    }
}

fn grow(chart: &mut Chart, day: Day) {
    let days = day.0 - chart.person.birth.0;
    let (years, rest) = (days / 365, days % 365);
    let (from, to) = (child_height(years, chart.person.height), child_height(years + 1, chart.person.height));
    // At birth the table starts too high: 50 cm, and a child is 75 cm at one year.
    let (from, to) = if years == 0 {
        (50, 75)
    } else if years == 1 {
        (75, to.max(80))
    } else {
        (from, to)
    };
    chart.body.height = from + (to - from) * rest / 365;
    // Body mass index in tenths: a child of 1 to 12 years has about 16.
    let index = if years == 0 { 150 } else { 158 + (years - 5).max(0) * 5 } + chart.dice.between(-6, 6);
    chart.body.weight = chart.body.height * chart.body.height * index / 10_000;
}
