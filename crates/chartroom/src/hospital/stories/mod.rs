//! Stories: what happens to people, and when. Each draws its onset from age, sex and what went before.

mod birth;
mod cancer;
mod childhood;
mod chronic;
mod episodes;

use super::chart::Chart;
use super::codes::conditions::{self as c, Problem};
use super::day::{Day, OPENED, TODAY};
use super::dice::Dice;
use super::people::{self, Person, Sex, Smoking};
use super::tree::Tree;
use cancer::Cancer;
use episodes::Illness;

/// Something that happens on a day.
#[derive(Clone, Copy)]
enum Event {
    /// A visit to the own clinician: a check-up, and whatever is chronic.
    Clinic,
    WellChild,
    Illness(&'static Illness),
    ChestPain,
    Ankle,
    Wrist,
    Pneumonia,
    Flare,
    Hip,
    Withdrawal,
    Therapy,
    /// In which week.
    Prenatal(i32),
    Delivery,
    Born,
    CancerFound(&'static Cancer),
    CancerSurgery(&'static Cancer),
    CancerAfter(&'static Cancer),
}

/// What is going to happen.
struct Plan {
    /// Chronic conditions and the day from which they can be found.
    chronic: Vec<(&'static Problem, Day)>,
    events: Vec<(Day, Event)>,
    died: Option<Day>,
}

/// The whole chart of the patient with that number.
pub fn chart(seed: u64, number: usize) -> Vec<Tree> {
    let person = Person::draw(seed, number);
    let plan = Plan::draw(seed, &person);
    let mut chart = Chart::open(seed, number, plan.died);
    childhood::history(&mut chart);
    for (day, event) in &plan.events {
        if *day <= chart.end().plus(-3) {
            happen(&mut chart, *day, *event, &plan.chronic);
        }
    }
    chronic::plans(&mut chart);
    chart.close()
}

fn happen(chart: &mut Chart, day: Day, event: Event, chronic: &[(&'static Problem, Day)]) {
    match event {
        Event::Clinic => chronic::visit(chart, day, chronic),
        Event::WellChild => childhood::visit(chart, day),
        Event::Illness(illness) => episodes::illness(chart, day, illness),
        Event::ChestPain => episodes::chest_pain(chart, day),
        Event::Ankle => episodes::ankle(chart, day),
        Event::Wrist => episodes::wrist(chart, day),
        Event::Pneumonia => episodes::pneumonia(chart, day),
        Event::Flare => episodes::flare(chart, day),
        Event::Hip => episodes::hip(chart, day),
        Event::Withdrawal => episodes::withdrawal(chart, day),
        Event::Therapy => episodes::therapy(chart, day),
        Event::Prenatal(week) => birth::prenatal(chart, day, week),
        Event::Delivery => birth::delivery(chart, day),
        Event::Born => birth::born(chart, day),
        Event::CancerFound(cancer) => cancer::found(chart, day, cancer),
        Event::CancerSurgery(cancer) => cancer::surgery(chart, day, cancer),
        Event::CancerAfter(cancer) => cancer::after(chart, day, cancer),
    }
}

impl Plan {
    fn draw(seed: u64, person: &Person) -> Plan {
        let dice = &mut Dice::new(seed, person.number, 6);
        let mut plan = Plan { chronic: Vec::new(), events: Vec::new(), died: None };
        plan.chronic(person, dice);
        plan.cancers(person, dice);
        plan.accidents(person, dice);
        plan.births(seed, person);
        plan.visits(person, dice);
        // A stable sort: two things on one day happen in the order in which they were planned.
        plan.events.sort_by_key(|(day, _)| *day);
        plan
    }

    fn chronic(&mut self, person: &Person, dice: &mut Dice) {
        let age = person.age(TODAY);
        // Per thousand below 30, below 50, below 65, and older.
        let band = |rates: [usize; 4]| rates[usize::from(age >= 30) + usize::from(age >= 50) + usize::from(age >= 65)];
        let smoked = person.smoking != Smoking::Never;
        let woman = person.sex == Sex::Female;
        let risks: [(&'static Problem, usize); 13] = [
            (&c::HYPERTENSION, band([40, 250, 480, 660])),
            (&c::DIABETES, band([10, 90, 190, 260])),
            (&c::LIPIDS, band([0, 170, 380, 420])),
            (&c::COPD, if smoked { band([0, 0, 260, 340]) } else { 0 }),
            (&c::ASTHMA, if age >= 6 { 80 } else { 0 }),
            (&c::THYROID, if woman { band([10, 60, 90, 110]) } else { band([0, 10, 20, 30]) }),
            (&c::REFLUX, band([20, 90, 140, 160])),
            (&c::FIBRILLATION, band([0, 0, 15, 90])),
            (&c::KNEE, band([0, 10, 120, 240])),
            (&c::BACK, band([40, 120, 150, 130])),
            (&c::DEPRESSION, if age >= 16 { band([110, 130, 130, 90]) } else { 0 }),
            (&c::ANXIETY, if age >= 16 { 80 } else { 0 }),
            (&c::ALCOHOL, if age >= 22 { band([30, 50, 60, 30]) } else { 0 }),
        ];
        for (problem, per_thousand) in risks {
            if dice.chance(per_thousand) {
                self.begin(problem, dice);
            }
        }
        if (20..60).contains(&age) && dice.chance(20) {
            self.begin(&c::OPIOID, dice);
        }
        let kidneys_at_risk = self.has(&c::DIABETES) || self.has(&c::HYPERTENSION);
        if kidneys_at_risk && age >= 55 && dice.chance(230) {
            self.begin(&c::KIDNEY_3A, dice);
        }
        if person.number == 0 {
            self.chronic = [&c::HYPERTENSION, &c::DIABETES, &c::LIPIDS, &c::KIDNEY_3A]
                .into_iter()
                .zip([OPENED, OPENED, OPENED.plus(300), OPENED.plus(900)])
                .collect();
        }
    }

    /// Half of what is chronic was there before the record began.
    fn begin(&mut self, problem: &'static Problem, dice: &mut Dice) {
        let onset = if dice.chance(500) { OPENED } else { OPENED.plus(dice.between(0, 1500)) };
        self.chronic.push((problem, onset));
    }

    fn has(&self, problem: &Problem) -> bool {
        self.chronic.iter().any(|(p, _)| std::ptr::eq(*p, problem))
    }

    fn cancers(&mut self, person: &Person, dice: &mut Dice) {
        let age = person.age(TODAY);
        let Some(cancer) = cancer::CANCERS.iter().find(|cancer| dice.chance(cancer.per_thousand(person, age))) else {
            return;
        };
        let found = OPENED.plus(dice.between(100, 1500));
        self.events.push((found, Event::CancerFound(cancer)));
        self.events.push((found.plus(dice.between(14, 40)), Event::CancerSurgery(cancer)));
        for after in [100, 280, 460] {
            self.events.push((found.plus(after + dice.between(0, 20)), Event::CancerAfter(cancer)));
        }
        if dice.chance(cancer.lethal) {
            self.died = Some(found.plus(dice.between(300, 700))).filter(|day| *day < TODAY);
        }
    }

    fn accidents(&mut self, person: &Person, dice: &mut Dice) {
        let age = person.age(TODAY);
        let mut later = |dice: &mut Dice, per_thousand: usize, event: Event| {
            if dice.chance(per_thousand) {
                self.events.push((OPENED.plus(dice.between(30, 1755)), event));
            }
        };
        later(dice, if age >= 18 { 60 } else { 0 }, Event::ChestPain);
        later(dice, if age >= 8 { 60 } else { 0 }, Event::Ankle);
        later(dice, if age >= 8 { 45 } else { 0 }, Event::Wrist);
        later(dice, if age >= 60 { 110 } else { 12 }, Event::Pneumonia);
        later(dice, if age >= 72 { 50 } else { 0 }, Event::Hip);
        for illness in episodes::ILLNESSES {
            later(dice, illness.per_thousand(person, age), Event::Illness(illness));
        }
        for (problem, event) in [(&c::COPD, Event::Flare), (&c::ALCOHOL, Event::Withdrawal)] {
            if let Some((_, onset)) = self.chronic.iter().find(|(p, _)| std::ptr::eq(*p, problem)).copied()
                && dice.chance(450)
            {
                self.events.push((onset.plus(dice.between(200, 700)), event));
            }
        }
        if let Some((_, onset)) = self.chronic.iter().find(|(p, _)| std::ptr::eq(*p, &raw const c::DEPRESSION)).copied()
        {
            for week in 0..dice.between(0, 4) {
                self.events.push((onset.plus(420 + week * 14), Event::Therapy));
            }
        }
        if person.number == 0 {
            self.events.push((Day::of(2025, 1, 20), Event::Pneumonia));
        }
    }

    fn births(&mut self, seed: u64, person: &Person) {
        if people::is_mother(person.number) {
            let day = people::delivery(seed, person.number);
            for week in [10, 20, 30, 36] {
                self.events.push((day.plus((week - 40) * 7), Event::Prenatal(week)));
            }
            self.events.push((day, Event::Delivery));
        }
        if person.mother.is_some() {
            self.events.push((person.birth, Event::Born));
        }
    }

    fn visits(&mut self, person: &Person, dice: &mut Dice) {
        let sick = self.chronic.len() as i32;
        let mut day = OPENED.plus(dice.between(0, 330)).max(person.birth);
        while day < TODAY.plus(-4) {
            let age = person.age(day);
            if age < 18 {
                self.events.push((day, Event::WellChild));
                day = day.plus(match age {
                    0 => 61,
                    1 => 180,
                    2..6 => 365,
                    _ => dice.between(500, 800),
                });
            } else {
                self.events.push((day, Event::Clinic));
                day = day.plus(if sick > 0 { dice.between(250, 420) } else { dice.between(450, 900) });
            }
        }
    }
}
