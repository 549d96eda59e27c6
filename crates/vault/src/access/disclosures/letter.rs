//! The accounting as a letter, to print and to hand over (45 CFR 164.528(b), (c)(1)(i)).

use super::{Accounting, Day, Law, LeftOut, Protocol, Series};
use std::fmt::Write as _;

/// Days that a line names one by one; of more it says how often and the last.
const DAYS_MAX: usize = 12;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The letter. It says nothing that the patient may not know.
#[must_use]
pub fn letter(accounting: &Accounting) -> String {
    let accounting = accounting.clone().for_patient();
    let period = accounting.period;
    let mut text = "ACCOUNTING OF DISCLOSURES OF HEALTH INFORMATION\n\n\
                    To whom outside this house your health information went: when, to whom, what and why.\n\n"
        .to_owned();
    let patient = match accounting.name.as_str() {
        "" => format!("Patient/{}", accounting.patient),
        name => format!("{name} (Patient/{})", accounting.patient),
    };
    let _ = writeln!(text, "Patient:    {patient}");
    let _ = writeln!(text, "Period:     {} to {}", in_words(period.from), in_words(period.until));
    let _ = writeln!(text, "Asked for:  {}", in_words(period.asked));
    let _ = writeln!(text, "Under:      {}\n", accounting.law.words());
    if accounting.listed.is_empty() {
        text.push_str("Nothing was disclosed in this period that this accounting lists.\n\n");
    }
    for (number, series) in accounting.listed.iter().enumerate() {
        text.push_str(&entry(number + 1, series));
    }
    for protocol in &accounting.research {
        text.push_str(&research(protocol));
    }
    text.push_str(&left_out(&accounting.left_out));
    text.push_str(match accounting.law {
        Law::Hipaa => "The first accounting in twelve months is free (45 CFR 164.528(c)(2)).\n",
        Law::Part2 => "It covers what was disclosed with your consent in three years (42 CFR 2.25).\n",
        Law::Intermediary => {
            "It covers to whom your records went in three years under your consent for everybody who treats you (42 CFR 2.24).\n"
        }
    });
    text.push_str("Ask the privacy office about anything in it that you do not understand or do not expect.\n");
    text
}

fn entry(number: usize, series: &Series) -> String {
    let one = &series.first;
    let address = if one.address.is_empty() { "not known" } else { &one.address };
    let mut text = format!("{number:>3}. {}\n     To:       {}\n", in_words(one.day), one.recipient);
    let _ = writeln!(text, "     Address:  {address}");
    let _ = writeln!(text, "     What:     {}", one.what);
    let _ = writeln!(text, "     Why:      {} ({})", one.why(), one.basis.law());
    let _ = writeln!(text, "     How:      {}", one.channel.words());
    if let Some(frequency) = series.frequency() {
        let _ = writeln!(text, "     Often:    {frequency}, last on {}", in_words(series.last));
    }
    if (2..=DAYS_MAX).contains(&series.days.len()) {
        let days: Vec<String> = series.days.iter().copied().map(in_words).collect();
        let _ = writeln!(text, "     Days:     {}", days.join(", "));
    }
    if !series.resources.is_empty() {
        let _ = writeln!(text, "     Entries:  {}", series.resources.join(", "));
    }
    text.push('\n');
    text
}

/// `2 January 2026`.
fn in_words(day: Day) -> String {
    let (year, month, day) = day.civil();
    format!("{day} {} {year}", MONTHS[usize::from(month).saturating_sub(1) % 12])
}

fn research(protocol: &Protocol) -> String {
    format!(
        "RESEARCH (45 CFR 164.528(b)(4))\n\
         Your information may or may not have been disclosed for this research. If it is likely that it was, we help you, \
         when you ask, to reach the sponsor and the researcher.\n     \
         Protocol:   {}\n     About:      {}\n     What:       {}\n     Period:     {} to {}\n     Sponsor:    {}\n     \
         Researcher: {}\n\n",
        protocol.name,
        protocol.describes,
        protocol.what,
        in_words(protocol.from),
        in_words(protocol.until),
        protocol.sponsor,
        protocol.researcher
    )
}

/// What is not listed, and by which paragraph.
fn left_out(all: &[LeftOut]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut text = "Not listed, because the law leaves it out:\n".to_owned();
    for LeftOut { count, why, source, .. } in all {
        let _ = writeln!(text, "{count:>6}  {why} ({source})");
    }
    text.push('\n');
    text
}
