//! What stays: diabetes, blood pressure, kidneys, lungs, mood. Found at a visit, followed at the next ones.
//!
//! Treatment does what it should: sugar and pressure fall after a drug is started, kidneys go on getting slowly worse.

use crate::hospital::chart::Chart;
use crate::hospital::codes::conditions::{self as c, Problem};
use crate::hospital::codes::{Code, drugs as d, hl7, labs, procedures, vaccines};
use crate::hospital::day::{Day, OPENED, TODAY};
use crate::hospital::house::{EMERGENCY_DOCTOR, NURSE, PSYCHIATRIST, STAFF};
use crate::hospital::kidney::egfr;
use crate::hospital::people::Smoking;
use crate::hospital::tree::{Tree, concept, link, link_named, object, quantity, words};
use crate::hospital::visits::Visit;

/// Every so many patients the emergency physician and a nurse are in the team too; the demo patient is one.
const FOLLOWED: usize = 10;

/// A visit to the own clinician.
pub fn visit(chart: &mut Chart, day: Day, chronic: &[(&'static Problem, Day)]) {
    let known: Vec<&str> = chart.problems.iter().map(|a| a.problem.name).collect();
    let (sort, reason) = if known.is_empty() {
        (procedures::CHECK_UP, "an annual examination".to_owned())
    } else {
        (procedures::FOLLOW_UP, format!("follow-up of {}", known.join(", ")))
    };
    let mut visit = chart.clinic(day, sort, reason);
    visit.history.push(smoking(chart.person.smoking).to_owned());
    for (problem, onset) in chronic {
        arise(chart, problem, *onset <= day);
    }
    chart.vitals(&mut visit);
    for (problem, _) in chronic.iter().filter(|(_, onset)| *onset <= day) {
        follow(chart, &mut visit, problem);
    }
    prevention(chart, &mut visit);
    if visit.plan.is_empty() {
        visit.plan.push("No change. Come back in a year.".to_owned());
    }
    chart.leave(visit, None);
}

fn smoking(smoking: Smoking) -> &'static str {
    match smoking {
        Smoking::Never => "Has never smoked.",
        Smoking::Former => "Used to smoke, stopped years ago.",
        Smoking::Daily => "Smokes every day.",
    }
}

/// What a condition does to the body before anybody measures: kidneys fail slowly for years, pressure rises.
fn arise(chart: &mut Chart, problem: &'static Problem, begun: bool) {
    if std::ptr::eq(problem, &raw const c::KIDNEY_3A) {
        let (age, sex) = (chart.person.age(TODAY), chart.person.sex);
        if begun {
            while egfr(chart.body.creatinine, age, sex) > 56 {
                chart.body.creatinine += 2;
            }
            chart.body.creatinine += chart.dice.between(1, 9);
        } else if egfr(chart.body.creatinine, age, sex) > 66 {
            chart.body.creatinine += chart.dice.between(4, 10);
        }
    } else if begun && std::ptr::eq(problem, &raw const c::HYPERTENSION) && !chart.has(problem) {
        chart.body.systolic += chart.dice.between(24, 34);
    }
}

fn follow(chart: &mut Chart, visit: &mut Visit, problem: &'static Problem) {
    let new = !chart.has(problem);
    if std::ptr::eq(problem, &raw const c::KIDNEY_3A) {
        return kidneys(chart, visit);
    }
    let link = chart.diagnose(visit, problem);
    let stories: [(&Problem, Story); 12] = [
        (&c::HYPERTENSION, hypertension),
        (&c::DIABETES, diabetes),
        (&c::LIPIDS, lipids),
        (&c::COPD, copd),
        (&c::ASTHMA, asthma),
        (&c::THYROID, thyroid),
        (&c::FIBRILLATION, fibrillation),
        (&c::KNEE, pain),
        (&c::BACK, pain),
        (&c::DEPRESSION, depression),
        (&c::ANXIETY, anxiety),
        (&c::OPIOID, opioid),
    ];
    if let Some((_, story)) = stories.iter().find(|(p, _)| std::ptr::eq(*p, problem)) {
        story(chart, visit, &link, new);
    }
}

/// What is done about a condition at a visit; the last argument says whether it was found just now.
type Story = fn(&mut Chart, &mut Visit, &str, bool);

fn hypertension(chart: &mut Chart, visit: &mut Visit, condition: &str, new: bool) {
    if new {
        let systolic = chart.body.systolic;
        visit.history.push(format!("Home readings around {systolic} systolic."));
        chart.prescribe(visit, &d::LISINOPRIL_10, Some(condition));
        chart.body.systolic -= 12;
    } else if chart.body.systolic > 138 && chart.takes(&d::LISINOPRIL_10) {
        chart.stop(visit, &d::LISINOPRIL_10);
        chart.prescribe(visit, &d::LISINOPRIL_20, Some(condition));
        chart.body.systolic -= 7;
    } else if chart.body.systolic > 134 {
        let more = if chart.takes(&d::AMLODIPINE) { &d::THIAZIDE } else { &d::AMLODIPINE };
        chart.prescribe(visit, more, Some(condition));
        chart.body.systolic -= 7;
    } else {
        chart.body.systolic += chart.dice.between(-2, 4);
    }
}

fn diabetes(chart: &mut Chart, visit: &mut Visit, condition: &str, new: bool) {
    if new {
        chart.body.a1c = chart.dice.between(74, 96);
    }
    let a1c = chart.body.a1c;
    chart.panel(visit, &labs::A1C_TEST, &[(&labs::A1C, a1c)]);
    chart.metabolic(visit);
    if new {
        chart.prescribe(visit, &d::METFORMIN_500, Some(condition));
        chart.body.a1c -= chart.dice.between(8, 14);
    } else if a1c > 72 && chart.takes(&d::METFORMIN_500) {
        chart.stop(visit, &d::METFORMIN_500);
        chart.prescribe(visit, &d::METFORMIN_1000, Some(condition));
        chart.body.a1c -= chart.dice.between(5, 9);
    } else {
        chart.body.a1c = (a1c + chart.dice.between(-3, 4)).clamp(60, 110);
    }
    visit.plan.push("Eye and foot examination once a year.".to_owned());
}

fn lipids(chart: &mut Chart, visit: &mut Visit, condition: &str, new: bool) {
    if new {
        chart.body.cholesterol += chart.dice.between(45, 75);
    }
    chart.lipids(visit);
    if new {
        chart.prescribe(visit, &d::SIMVASTATIN, Some(condition));
        chart.body.cholesterol -= chart.dice.between(40, 65);
    }
}

/// The stage follows the creatinine of the day, and each new stage is a new condition.
fn kidneys(chart: &mut Chart, visit: &mut Visit) {
    let (age, sex) = (chart.person.age(visit.start.day()), chart.person.sex);
    let stage = match egfr(chart.body.creatinine, age, sex) {
        45.. => &c::KIDNEY_3A,
        30.. => &c::KIDNEY_3B,
        _ => &c::KIDNEY_4,
    };
    chart.problems.retain(|a| {
        std::ptr::eq(a.problem, stage)
            || ![&c::KIDNEY_3A, &c::KIDNEY_3B, &c::KIDNEY_4].iter().any(|s| std::ptr::eq(a.problem, *s))
    });
    chart.diagnose(visit, stage);
    if !chart.has(&c::DIABETES) {
        chart.metabolic(visit);
    }
    let albumin = chart.dice.between(35, 280);
    chart.panel(visit, &labs::ALBUMIN_TEST, &[(&labs::ALBUMIN, albumin)]);
    visit.plan.push("Avoid ibuprofen and other NSAIDs.".to_owned());
}

fn copd(chart: &mut Chart, visit: &mut Visit, condition: &str, new: bool) {
    let saturation = chart.dice.between(90, 95);
    chart.oximetry(visit, saturation);
    if new {
        chart.procedure(visit, procedures::SPIROMETRY, 20, Some(condition));
        chart.prescribe(visit, &d::ALBUTEROL, Some(condition));
        chart.prescribe(visit, &d::SALMETEROL, Some(condition));
    }
    if chart.person.smoking == Smoking::Daily {
        chart.procedure(visit, procedures::QUIT_SMOKING, 10, Some(condition));
        visit.plan.push("Advised to stop smoking.".to_owned());
    }
}

fn asthma(chart: &mut Chart, visit: &mut Visit, condition: &str, new: bool) {
    if new {
        chart.prescribe(visit, &d::ALBUTEROL, Some(condition));
        chart.prescribe(visit, &d::FLUTICASONE, Some(condition));
    } else {
        visit.history.push("No attack at night since the last visit.".to_owned());
    }
}

fn thyroid(chart: &mut Chart, visit: &mut Visit, condition: &str, new: bool) {
    let tsh = if new { chart.dice.between(720, 1480) } else { chart.dice.between(110, 420) };
    chart.panel(visit, &labs::TSH_TEST, &[(&labs::TSH, tsh)]);
    chart.prescribe(visit, &d::LEVOTHYROXINE, Some(condition));
}

fn fibrillation(chart: &mut Chart, visit: &mut Visit, condition: &str, new: bool) {
    if new {
        chart.procedure(visit, procedures::CARDIOGRAM, 10, Some(condition));
        chart.prescribe(visit, &d::WARFARIN, Some(condition));
    }
}

fn pain(chart: &mut Chart, visit: &mut Visit, condition: &str, new: bool) {
    if new {
        let drug = if chart.has(&c::KIDNEY_3A) { &d::ACETAMINOPHEN } else { &d::IBUPROFEN };
        chart.prescribe(visit, drug, Some(condition));
        visit.plan.push("Physical therapy twice a week for six weeks.".to_owned());
    }
}

fn depression(chart: &mut Chart, visit: &mut Visit, condition: &str, new: bool) {
    if new {
        chart.body.phq9 = chart.dice.between(12, 21);
    }
    let score = chart.body.phq9;
    chart.score(visit, &labs::PHQ9, score);
    chart.prescribe(visit, &d::SERTRALINE, Some(condition));
    chart.body.phq9 = (score - chart.dice.between(1, 6)).max(1);
}

fn anxiety(chart: &mut Chart, visit: &mut Visit, condition: &str, new: bool) {
    if new && !chart.takes(&d::SERTRALINE) {
        chart.prescribe(visit, &d::FLUOXETINE, Some(condition));
    }
}

fn opioid(chart: &mut Chart, visit: &mut Visit, condition: &str, new: bool) {
    if new {
        visit.history.push("Asks for help with opioid use.".to_owned());
        chart.prescribe(visit, &d::BUPRENORPHINE, Some(condition));
    }
    visit.plan.push("Counseling once a week; bring the medication box to each visit.".to_owned());
}

/// Vaccines by age and season, and colonoscopy at 50.
fn prevention(chart: &mut Chart, visit: &mut Visit) {
    let day = visit.start.day();
    let age = chart.person.age(day);
    let (_, month, _) = day.civil();
    if month >= 9 {
        chart.vaccinate(vaccines::INFLUENZA, day, None, Some(visit));
        visit.plan.push("Influenza vaccine given.".to_owned());
    }
    let first = day.0 - OPENED.0 < 420;
    let due = |vaccine: Code| !chart.doses.contains(&(vaccine.code, 1));
    if age >= 65 && due(vaccines::PNEUMOCOCCUS_23) {
        chart.vaccinate(vaccines::PNEUMOCOCCUS_23, day, Some(1), Some(visit));
        visit.plan.push("Pneumococcal vaccine given.".to_owned());
    } else if age >= 50 && due(vaccines::ZOSTER) {
        chart.vaccinate(vaccines::ZOSTER, day, Some(1), Some(visit));
        visit.plan.push("Zoster vaccine given.".to_owned());
    }
    if first && (50..75).contains(&age) && chart.dice.chance(300) {
        visit.plan.push("Colonoscopy: no polyps. Repeat in ten years.".to_owned());
        chart.procedure(visit, procedures::COLONOSCOPY, 40, None);
    }
    if chart.problems.is_empty() && chart.dice.chance(350) {
        chart.lipids(visit);
    }
}

/// Who else is in the team: so that everybody of the house who signs in to the demo has patients in their care, whatever
/// day it is.
fn others(chart: &Chart) -> impl Iterator<Item = (usize, &'static str)> {
    let has_mood = chart.problems.iter().any(|a| std::ptr::eq(a.problem, &raw const c::DEPRESSION));
    let is_followed = chart.person.number.is_multiple_of(FOLLOWED);
    let emergency = is_followed.then_some((EMERGENCY_DOCTOR, "Emergency medicine"));
    let nurse = is_followed.then_some((NURSE, "Nurse"));
    let psychiatrist = has_mood.then_some((PSYCHIATRIST, "Psychiatry"));
    emergency.into_iter().chain(nurse).chain(psychiatrist)
}

/// A team, a plan and a goal for those who have something chronic, and their next appointment.
pub fn plans(chart: &mut Chart) {
    if chart.problems.is_empty() || chart.died.is_some() {
        return;
    }
    let doctor = &STAFF[chart.person.doctor];
    let own = || link_named(&doctor.link(), &doctor.signature());
    let mut members = vec![
        object! { "role": [words("Primary care")], "member": own() },
        object! { "role": [words("Patient")], "member": chart.patient() },
    ];
    members.extend(others(chart).map(|(number, does)| {
        let who = &STAFF[number];
        object! { "role": [words(does)], "member": link_named(&who.link(), &who.signature()) }
    }));
    let team = object! {
        "status": "active",
        "name": "Care team",
        "subject": chart.patient(),
        "participant": members,
    };
    let team = chart.add("CareTeam", Some("careteam"), team);
    let goals: Vec<Tree> = goal(chart).map(|goal| link(&chart.add("Goal", Some("goal"), goal))).into_iter().collect();
    let plan = object! {
        "status": "active",
        "intent": "plan",
        "category": [object! { "coding": [object! {
            "system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "code": "assess-plan",
        }] }, concept(&[procedures::CARE_PLAN])],
        "subject": chart.patient(),
        "created": OPENED.max(chart.problems[0].onset),
        "author": own(),
        "careTeam": [link(&team)],
        "addresses": chart.problems.iter().map(|a| link(&a.link)).collect::<Vec<_>>(),
        "goal": goals,
    };
    chart.add("CarePlan", Some("careplan"), plan);
    chart.appointment("Follow-up visit");
}

fn goal(chart: &Chart) -> Option<Tree> {
    let (text, code, target, active) = chart.problems.iter().find_map(|a| match () {
        () if std::ptr::eq(a.problem, &raw const c::DIABETES) => {
            Some(("Hemoglobin A1c below 7 %", labs::A1C.code, quantity(70, 1, "%"), a))
        }
        () if std::ptr::eq(a.problem, &raw const c::HYPERTENSION) => {
            Some(("Systolic pressure below 130 mmHg", labs::SYSTOLIC, quantity(130, 0, "mm[Hg]"), a))
        }
        () => None,
    })?;
    Some(object! {
        "lifecycleStatus": "active",
        "achievementStatus": hl7!("goal-achievement", "in-progress", "In Progress"),
        "description": words(text),
        "subject": chart.patient(),
        "startDate": active.onset,
        "target": [object! { "measure": code, "detailQuantity": target, "dueDate": active.onset.plus(365) }],
        "addresses": [link(&active.link)],
    })
}
