//! The release desk's pages, and the patient's own: the queue by its clock, one request with what would go, and what went out
//! and was changed since.

use super::case::{Case, tasks};
use super::package::Package;
use super::recall::recalls;
use super::request::{Request, VIAS};
use super::rules::authorization::{Flaw, Statement};
use super::rules::fee::dollars;
use super::rules::{Ground, Proof, Route};
use super::work;
use crate::due::{Due, due};
use crate::speaks_for;
use base::day::Day;
use base::duty::Standing;
use std::collections::BTreeMap;
use std::fmt::Write;
use vault::Error;
use vault::access::Role;
use vault::access::audit::Deed;
use vault::access::disclosures::Channel;
use web::Outcome;
use web::room::{At, Page, Way, address, escape, field, file, line, link, see_other, table, words};

const DESK: &[Role] = &[Role::HimSpecialist];
const OWN: &[Role] = &[Role::Patient, Role::Proxy];

/// All of them.
pub const PAGES: &[Page] = &[
    Page { path: "/due", get: Some((Deed::Search, all_due)), post: None },
    Page { path: "/release", get: Some((Deed::Search, desk)), post: Some((Deed::Operation, act)) },
    Page { path: "/release/send", get: None, post: Some((Deed::Disclose, send)) },
    Page { path: "/release/recall", get: Some((Deed::Search, recall)), post: None },
    Page { path: "/request", get: Some((Deed::Search, own)), post: Some((Deed::Create, ask)) },
];

/// The ways to them.
pub const WAYS: &[Way] = &[
    Way { path: "/due", name: "Due", does: "Everything that waits, by its deadline.", of: DESK },
    Way { path: "/release", name: "Release", does: "Requests for records: note, decide, send, refuse.", of: DESK },
    Way {
        path: "/release/recall",
        name: "Recall",
        does: "Who has something in a version that was changed since.",
        of: DESK,
    },
    Way { path: "/request", name: "Ask for records", does: "Have records sent to you or to others.", of: OWN },
];

fn day(day: Day) -> String {
    words::day(day.begins())
}

/// `GET /due`.
fn all_due(at: &At<'_>) -> Outcome {
    let all = due(at.vault(), at.visit())?;
    Ok(at.page("Due", &format!("<h1>Due</h1>{}", queue(at, &all)?)))
}

fn queue(at: &At<'_>, all: &[Due]) -> Result<String, Error> {
    if all.is_empty() {
        return Ok("<p>Nothing waits.</p>".to_owned());
    }
    let mut rows = Vec::new();
    for one in all {
        let way = match one.room {
            "release" => link("/release", &[("id", &one.id)]),
            "amendment" => link("/amendments", &[("id", &one.id)]),
            _ => link("/accounting", &[("patient", &one.patient)]),
        };
        let who = match one.claimed.as_deref() {
            Some(account) => escape(&vault_name(at, account)?),
            None => String::new(),
        };
        rows.push(vec![
            format!("{}<br><small>{}</small>", one.due.map(day).unwrap_or_default(), mark(one)),
            format!("{}<br><small>{} days ago</small>", day(one.received), one.age_days),
            at.person(&one.patient),
            format!("<a href=\"{way}\">{}</a><br><small>{}</small>", one.room, escape(one.source)),
            format!("{}<br><small>{who}</small>", one.next),
        ]);
    }
    Ok(table(&["Due", "Received", "Patient", "What", "Next"], rows))
}

fn mark(one: &Due) -> String {
    let class = match one.standing {
        Some(Standing::Late(_)) => "mark bad",
        Some(Standing::Running(..7)) => "mark due",
        _ => "mark",
    };
    format!("<span class=\"{class}\">{}</span>", one.stands())
}

fn vault_name(at: &At<'_>, account: &str) -> Result<String, Error> {
    let name = at.vault().who(account)?.name;
    Ok(if name.is_empty() { "the operator".to_owned() } else { name })
}

/// `GET /release`: the queue and a form; with `id` one request.
fn desk(at: &At<'_>) -> Outcome {
    if !at.text("id").is_empty() {
        return one(at, "");
    }
    let mut all = due(at.vault(), at.visit())?;
    all.retain(|one| one.room == "release");
    let body = format!("<h1>Release</h1>{}<h2>Note a request</h2>{}", queue(at, &all)?, intake(at));
    Ok(at.page("Release", &body))
}

fn options<'o>(all: impl Iterator<Item = (&'o str, &'o str)>, chosen: &str) -> String {
    let option = |(code, words): (&str, &str)| {
        let here = if code == chosen { " selected" } else { "" };
        format!("<option value=\"{code}\"{here}>{}</option>", escape(words))
    };
    all.map(option).collect()
}

fn choice(name: &str, label: &str, options: &str) -> String {
    format!(
        "<div><label for=\"{name}\">{label}</label><select id=\"{name}\" name=\"{name}\"><option value=\"\"></option>{options}\
         </select></div>"
    )
}

fn routes(chosen: &str) -> String {
    choice("route", "Legal route", &options(Route::ALL.iter().map(|route| (route.code(), route.words())), chosen))
}

fn intake(at: &At<'_>) -> String {
    let vias = options(VIAS.iter().map(|via| (*via, *via)), "letter");
    format!(
        "<form class=\"wide\" method=\"post\" action=\"/release\">{}<div class=\"side\">{}{}{}{}{}{}{}{}</div>{}{}\
         <button name=\"do\" value=\"note\">Note it</button></form>",
        at.sign(),
        line("patient", "Patient (id)", at.text("patient"), "required autocomplete=\"off\""),
        choice("via", "Came by", &vias),
        line("received", "Came on", "", "type=\"date\""),
        line("requester", "Who asks", "", ""),
        line("contact", "How to reach them", "", ""),
        line("recipient", "Who is to have it", "", ""),
        line("address", "Where", "", ""),
        routes(""),
        line("what", "What is asked for", "", "required"),
        line("purpose", "What for", "", ""),
    )
}

/// `POST /release`: a request is noted, or a step is taken.
fn act(at: &At<'_>) -> Outcome {
    let (fields, does) = (at.fields(), at.text("do"));
    if does == "note" {
        let request = work::take_in(at.vault(), at.visit(), &fields)?;
        return Ok(see_other(&address("/release", &[("id", &request.id)])));
    }
    let done = work::step(at.vault(), at.visit(), at.text("id"), does, &fields)?;
    one(at, &done.says)
}

/// `POST /release/send`: the package, once it is recorded that it went.
fn send(at: &At<'_>) -> Outcome {
    let (_, receipt) = work::deliver(at.vault(), at.visit(), at.text("id"), &at.fields(), work::HTTP_BYTES_MAX)?;
    Ok(file(&receipt.name, "application/zip", receipt.bytes))
}

/// One request: what is asked, its clock, what was decided, what would go, and what can be done.
fn one(at: &At<'_>, says: &str) -> Outcome {
    let case = Case::find(at.vault(), at.visit(), at.text("id"))?;
    let note = match says {
        "" => String::new(),
        says => format!("<pre role=\"status\">{}</pre>", escape(says)),
    };
    let package = match case.route() {
        Some(_) => {
            let packed = work::preview(at.vault(), at.visit(), &case, &[])?;
            format!("{}{}", foreign(at, &case, &packed), contents(&packed))
        }
        None => "<p>Decide on a route to see what would go.</p>".to_owned(),
    };
    let steps = if case.request.is_open() { steps(at, &case) } else { String::new() };
    let body = format!(
        "<h1>Request for records</h1><div class=\"banner\"><strong>{}</strong><span>{}</span></div>{note}{}{package}{steps}",
        at.person(&case.request.patient),
        escape(&case.request.what),
        facts(at, &case)?,
    );
    Ok(at.page("Request", &body))
}

fn facts(at: &At<'_>, case: &Case) -> Result<String, Error> {
    let mut list = String::new();
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = write!(list, "<dt>{name}</dt><dd>{}</dd>", escape(value));
        }
    };
    let request = &case.request;
    fact("Received", &day(Day::at(request.received)));
    for (name, label) in [("via", "By"), ("requester", "Who asks"), ("contact", "Reached at"), ("recipient", "To")] {
        fact(label, request.text(name));
    }
    fact("What for", request.text("purpose"));
    fact("State", &format!("{}; next: {}", request.status, case.next()));
    if let Some(run) = case.clock() {
        let due = case.due().map(day).unwrap_or_default();
        fact("Due", &format!("{due} ({})", run.duty.source));
    }
    if let Some(by) = case.state.claimed.as_deref() {
        fact("With", &vault_name(at, by)?);
    }
    if let Some(decided) = &case.state.decided {
        let terms = decided.route.terms();
        fact("Route", &format!("{} ({})", decided.route.words(), terms.source));
        fact("Goes", &format!("{} ({})", terms.minimum.words(), terms.minimum.source()));
        fact("To", &format!("{} {}", decided.recipient, decided.address));
        let listed =
            if terms.basis.exclusion().is_none() { "the accounting lists it" } else { "the accounting leaves it out" };
        fact("Accounting", listed);
    }
    fact("Fee", &case.state.cents.map(|cents| format!("${}", dollars(cents))).unwrap_or_default());
    if let Some(looked) = &case.state.looked {
        fact("Second look", &vault_name(at, &looked.by)?);
    }
    if let Some(delivered) = &case.state.delivered {
        fact("Sent", &format!("{} to {}", day(delivered.on), delivered.recipient));
        fact("Manifest (SHA-256)", &delivered.manifest);
    }
    if let Some(refused) = &case.state.refused {
        fact("Refused", &format!("{} ({})", refused.ground.words(), refused.ground.source()));
    }
    Ok(format!("<dl>{list}</dl>"))
}

/// Pages that look like another person's, each with a form to say why it is not.
fn foreign(at: &At<'_>, case: &Case, package: &Package) -> String {
    let open = work::uncleared(package, &case.state);
    let mut rows: Vec<Vec<String>> = Vec::new();
    for found in &package.foreign {
        let about = found.version.split("/_history/").next().unwrap_or_default();
        let does = match open.iter().any(|one| one.version == found.version) {
            false => "looked at".to_owned(),
            true => format!(
                "<form method=\"post\" action=\"/release\">{}{}{}<label for=\"why-{n}\">Why it is this patient's</label>\
                 <input id=\"why-{n}\" name=\"reason\" required> <button name=\"do\" value=\"clear\">It is</button></form>",
                at.sign(),
                field("id", &case.request.id),
                field("page", &found.version),
                n = rows.len()
            ),
        };
        rows.push(vec![
            format!(
                "<a href=\"{}\">{}</a><br><small>{}</small>",
                link("/entry", &[("about", about)]),
                escape(about),
                escape(&found.place)
            ),
            format!("<span class=\"mark bad\">{}</span> “{}”", found.sign.words(), escape(&found.says)),
            does,
        ]);
    }
    match rows.as_slice() {
        [] => String::new(),
        _ => format!(
            "<h2>Looks like another person's</h2><p>Nothing goes before somebody has looked at each. What is another person's \
             is left out, and put into the right chart.</p>{}",
            table(&["Page", "Sign", ""], rows)
        ),
    }
}

fn contents(package: &Package) -> String {
    let mut goes: BTreeMap<&str, usize> = BTreeMap::new();
    for item in &package.items {
        *goes.entry(&item.version.resource_type).or_default() += 1;
    }
    let mut stays: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in &package.left_out {
        stays.entry(one.why).or_default().push(&one.about);
    }
    let goes = goes.iter().map(|(kind, count)| vec![words::counted(kind, *count)]);
    let stays = stays.iter().map(|(why, all)| {
        let list = escape(&all.join(", "));
        vec![format!("<details><summary>{}</summary>{list}</details>", all.len()), escape(why)]
    });
    let sensitive = package.sensitive().count();
    let second = match sensitive {
        0 => String::new(),
        count => format!(
            "<p><span class=\"mark due\">{count} sensitive</span> A second person looks at them before they go.</p>"
        ),
    };
    format!(
        "<h2>What goes</h2>{}{second}<h2>What stays here, and why</h2>{}",
        table(&["What"], goes),
        table(&["How many", "Why"], stays)
    )
}

fn checks(name: &str, all: impl Iterator<Item = (&'static str, &'static str)>) -> String {
    let one = |(code, words): (&str, &str)| {
        format!("<label><input type=\"checkbox\" name=\"{name}\" value=\"{code}\"> {}</label>", escape(words))
    };
    all.map(one).collect()
}

fn steps(at: &At<'_>, case: &Case) -> String {
    let hidden = [at.sign(), field("id", &case.request.id)].concat();
    let form = |title: &str, inside: &str, button: &str, does: &str| {
        format!(
            "<details><summary>{title}</summary><form class=\"wide\" method=\"post\" action=\"/release\">{hidden}{inside}\
             <button name=\"do\" value=\"{does}\">{button}</button></form></details>"
        )
    };
    if case.state.claimed.is_none() {
        return format!(
            "<form method=\"post\" action=\"/release\">{hidden}<button name=\"do\" value=\"take\">Take it</button></form>"
        );
    }
    let decided = case.state.decided.as_ref();
    let route = case.route().map_or("", Route::code);
    let recipient = decided.map_or(case.request.text("recipient"), |decided| &decided.recipient);
    let decide = format!(
        "<div class=\"side\">{}{}{}{}{}{}{}{}</div><fieldset><legend>In hand</legend>{}</fieldset>{}",
        routes(route),
        line("recipient", "Who is to have it", recipient, ""),
        line("address", "Where", case.request.text("address"), ""),
        line("purpose", "What for", case.request.text("purpose"), ""),
        line("type", "Types, such as Observation", &case.request.types.join(" "), ""),
        line("start", "From", "", "type=\"date\""),
        line("end", "To", "", "type=\"date\""),
        line("but", "Leave out, as Type/id", "", ""),
        checks("proof", Proof::ALL.iter().map(|proof| (proof.code(), proof.words()))),
        line("why-all", "Why the whole chart, where the minimum necessary applies", "", ""),
    );
    let refuse = format!(
        "{}{}{}{}",
        choice("ground", "Ground", &options(Ground::ALL.iter().map(|ground| (ground.code(), ground.words())), "")),
        line("professional", "Licensed professional who judged it", "", ""),
        line("explains", "In plain words", "", ""),
        line("elsewhere", "Where it is kept instead", "", ""),
    );
    let extend = format!(
        "{}{}",
        line("reason", "Why, as they are told in writing", "", "required"),
        line("until", "Until", "", "type=\"date\"")
    );
    let channels = options(Channel::ALL.iter().map(|channel| (channel.code(), channel.words())), "portal");
    let send = format!(
        "<h2>Send it</h2><form class=\"wide\" method=\"post\" action=\"/release/send\">{hidden}{}{}<button>Record it and \
         download the package</button></form>",
        choice("channel", "Goes by", &channels),
        line("password", "Password, to encrypt it (AES-256)", "", "autocomplete=\"off\""),
    );
    let fee = line("charge", "Charges in cents, such as copying=650", "", "required");
    [
        form("Decide what goes", &format!("{decide}{}", paper()), "Decide", "decide"),
        form("Check an authorization, for the letter", &format!("{}{}", routes(route), paper()), "Check it", "check"),
        form("Second look", "<p>You have looked at everything that is sensitive above.</p>", "I have looked", "look"),
        form("Fee", &fee, "Work it out", "fee"),
        form("Put off", &extend, "Put it off, once", "extend"),
        form("Refuse", &refuse, "Refuse it", "refuse"),
        format!(
            "<form method=\"post\" action=\"/release\">{hidden}<button class=\"plain\" name=\"do\" value=\"put-back\">Put it \
             back</button> <button class=\"plain\" name=\"do\" value=\"withdraw\">They take it back</button></form>"
        ),
        if decided.is_some() { send } else { String::new() },
    ]
    .concat()
}

/// What stands on an authorization.
fn paper() -> String {
    let fields = [
        ("paper-patient", "Names the patient"),
        ("paper-describes", "Describes"),
        ("paper-discloser", "Who may disclose"),
        ("paper-recipient", "To whom"),
        ("paper-purpose", "What for"),
        ("paper-expires", "Ends on, or with"),
        ("paper-signed-by", "Signed by"),
        ("paper-authority", "Authority of who signed"),
    ];
    let mut text: String = fields.iter().map(|(name, label)| line(name, label, "", "")).collect();
    text.push_str(&line("paper-signed", "Signed on", "", "type=\"date\""));
    let says = checks("paper-says", Statement::ALL.iter().map(|one| (one.code(), one.words())));
    let flaws = checks("paper-flaw", Flaw::ALL.iter().map(|one| (one.code(), one.words())));
    format!(
        "<details><summary>Authorization or Part 2 consent</summary><div class=\"side\">{text}</div><fieldset><legend>It \
         says</legend>{says}</fieldset><fieldset><legend>Wrong with it</legend>{flaws}</fieldset></details>"
    )
}

/// `GET /release/recall`.
fn recall(at: &At<'_>) -> Outcome {
    let patient = Some(at.text("patient")).filter(|patient| !patient.is_empty());
    let all = recalls(at.vault(), at.visit(), patient)?;
    let rows = all.iter().map(|one| {
        let (sent, now) = (one.sent, one.now);
        let state = if one.is_withdrawn { "<span class=\"mark bad\">withdrawn</span>" } else { "changed" };
        vec![
            escape(&one.recipient),
            day(one.on),
            at.person(&one.patient),
            format!("{}<br><small>version {sent} was sent, version {now} stands</small>", escape(&one.about)),
            format!("{state}<br><a href=\"{}\">the request</a>", link("/release", &[("id", &one.request)])),
        ]
    });
    let list = match all.as_slice() {
        [] => "<p>Nothing that was sent has been changed since.</p>".to_owned(),
        _ => table(&["Recipient", "Sent", "Patient", "What", "State"], rows),
    };
    Ok(at.page("Recall", &format!("<h1>Recall</h1>{list}")))
}

/// `GET /request`: the patient's own requests with their clock, and a form for another.
fn own(at: &At<'_>) -> Outcome {
    let (patient, name) = speaks_for(at)?;
    let requests = tasks(at.vault(), at.visit(), Some(&patient))?;
    let rows =
        requests.iter().filter_map(|task| Request::read(task).map(|request| (task, request))).map(|(task, request)| {
            let task = fhir::json::Json::parse(&task.body).ok();
            let text = |path: [&str; 2]| {
                let found = task.as_ref().and_then(|task| task.get(path[0])?.text(path[1]).map(str::to_owned));
                found.unwrap_or_default()
            };
            let due =
                task.as_ref().and_then(|task| task.get("restriction")?.get("period")?.text("end").and_then(Day::parse));
            let due =
                due.or_else(|| Some(crate::clocks::ACCESS.first_end(Day::at(request.received), &Default::default())));
            let says = text(["businessStatus", "text"]);
            vec![
                day(Day::at(request.received)),
                escape(&request.what),
                escape(request.text("recipient")),
                if says.is_empty() { "received".to_owned() } else { escape(&says) },
                due.filter(|_| request.is_open()).map(day).unwrap_or_default(),
            ]
        });
    let list = table(&["Asked", "What", "To", "State", "Answer by"], rows);
    let body = format!(
        "<h1>Ask for records</h1><div class=\"banner\"><strong>{}</strong></div>{list}<h2>Ask</h2><p>You need not say why. You get \
         an answer within 30 days.</p><form class=\"wide\" method=\"post\" action=\"/request\">{}{}{}{}{}{}\
         <button>Ask for it</button></form>",
        escape(&name),
        [at.sign(), field("patient", &patient)].concat(),
        line("what", "What would you like to have?", "", "required"),
        line("start", "From", "", "type=\"date\""),
        line("end", "To", "", "type=\"date\""),
        line("recipient", "Who is to have it, if not you", "", ""),
        line("address", "Where", "", ""),
    );
    Ok(at.page("Ask for records", &body))
}

/// `POST /request`.
fn ask(at: &At<'_>) -> Outcome {
    let (patient, name) = speaks_for(at)?;
    let mut fields = at.fields();
    fields.retain(|(name, _)| ["what", "start", "end", "recipient", "address"].contains(&name.as_str()));
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let goes_elsewhere = fields.iter().any(|(name, value)| name == "recipient" && !value.trim().is_empty());
    let route = match at.visit().principal().ids_of("Patient").any(|own| own == patient) {
        _ if goes_elsewhere => Route::Directive,
        true => Route::Access,
        false => Route::Representative,
    };
    fields.extend([
        own("patient", &patient),
        own("via", "portal"),
        own("requester", &name),
        own("route", route.code()),
    ]);
    work::take_in(at.vault(), at.visit(), &fields)?;
    Ok(see_other(&address("/request", &[("patient", &patient)])))
}
