//! What the desk does with a request: asks the vault, asks the rules, and keeps what follows. Pages, operations and commands
//! call these functions and no others.

use super::case::{Case, package};
use super::dossier::{Cleared, Decided, Delivered, Looked, Refused, State};
use super::guard::Found;
use super::package::{Package, Selection, about, numbered};
use super::receipt::{self, Receipt};
use super::request::{Request, types, unknown_route};
use super::rules::authorization::{Authorization, Defect, Expiry, Flaw, Kind as Paper, Statement, defects};
use super::rules::denial::NO_GROUNDS;
use super::rules::fee::{Charge, dollars, fee};
use super::rules::letter::{self, About};
use super::rules::{Fee, Ground, Medium, Minimum, Proof, Route};
use crate::office::office;
use crate::task::{marked, said, wrong};
use base::day::Day;
use base::refusal::{Kind, Refusal};
use base::workdays::Calendar;
use vault::access::Visit;
use vault::access::disclosures::reading::{self, Words};
use vault::access::disclosures::{Channel, Disclosure};
use vault::access::release::Along;
use vault::{Error, Vault, Written, exchange};

/// What was done, and what to say of it.
#[derive(Clone, Debug)]
pub struct Done {
    /// The request as it is now.
    pub case: Case,
    /// A sentence, or a letter.
    pub says: String,
}

/// Most bytes of a package that goes out over HTTP.
pub const HTTP_BYTES_MAX: usize = 24 << 20;

/// A step that may be taken with a request.
pub const STEPS: [&str; 10] =
    ["take", "put-back", "check", "decide", "clear", "look", "fee", "extend", "refuse", "withdraw"];

/// Notes a request that came in; the patient's own, too. Answers with it.
pub fn take_in(vault: &Vault, visit: &Visit, words: &[(String, String)]) -> Result<Request, Error> {
    let mut request = Request::asked(words, vault.clock().now())?;
    let written = exchange::create(vault, visit, "Task", request.write(), None)?.written;
    if let Written::Created(version) = written {
        (request.id, request.version) = (version.id, version.version);
    }
    Ok(request)
}

/// Takes a step.
pub fn step(vault: &Vault, visit: &Visit, id: &str, what: &str, words: &[(String, String)]) -> Result<Done, Error> {
    let mut case = Case::find(vault, visit, id)?;
    if !case.request.is_open() {
        return Err(wrong("this request has ended; note a new one").into());
    }
    let me = visit.principal().account.clone();
    let today = vault.today();
    let says = match what {
        "take" => take(vault, &mut case, &me, words)?,
        "put-back" => {
            case.state.claimed = None;
            "It waits for whoever takes it.".to_owned()
        }
        "check" => return check(case, words, today),
        _ => {
            must_be_mine(vault, &case, &me, what)?;
            match what {
                "decide" => decide(vault, visit, &mut case, &me, words)?,
                "clear" => clear(vault, visit, &mut case, &me, words)?,
                "look" => look(vault, visit, &mut case, &me)?,
                "fee" => charge(&mut case, words)?,
                "extend" => extend(&mut case, words, today)?,
                "refuse" => refuse(&mut case, &me, words, today)?,
                "withdraw" => "It was taken back.".to_owned(),
                _ => return Err(wrong(format!("a step is one of {}", STEPS.join(", "))).into()),
            }
        }
    };
    let status = match what {
        "refuse" => "rejected",
        "withdraw" => "cancelled",
        _ => "in-progress",
    };
    keep(vault, visit, case, status, None).map(|case| Done { case, says })
}

/// Takes a request on. Refused where somebody else has it, unless it is said to be taken over.
fn take(vault: &Vault, case: &mut Case, me: &str, words: &[(String, String)]) -> Result<String, Error> {
    if let Some(other) = case.state.claimed.as_deref().filter(|other| *other != me)
        && words.one("over") != Some("yes")
    {
        return Err(taken(vault, other)?.into());
    }
    case.state.claimed = Some(me.to_owned());
    Ok("It is yours.".to_owned())
}

fn taken(vault: &Vault, other: &str) -> Result<Refusal, Error> {
    let name = vault.who(other)?.name;
    let name = if name.is_empty() { "the operator".to_owned() } else { name };
    let message = format!("{name} works on this request; speak with them, or take it over");
    Ok(Refusal::new(Kind::Conflict, "conflict", message))
}

/// The second look is somebody else's; everything else is for whoever has taken the request.
fn must_be_mine(vault: &Vault, case: &Case, me: &str, what: &str) -> Result<(), Error> {
    match case.state.claimed.as_deref() {
        _ if what == "look" => Ok(()),
        Some(other) if other != me => Err(taken(vault, other)?.into()),
        Some(_) => Ok(()),
        None => Err(wrong("nobody has taken this request; take it first").into()),
    }
}

/// Checks a paper without deciding anything; the answer is the letter about its defects.
fn check(case: Case, words: &[(String, String)], today: Day) -> Result<Done, Error> {
    let route = route(&case, words)?;
    let kind = paper_kind(route).ok_or_else(|| wrong("no paper is checked on this route"))?;
    let found = defects(kind, &paper(words)?, today);
    let says = match found.as_slice() {
        [] => "The paper is good.".to_owned(),
        found => letter::defect(letter_about(&case, route, today), found, &office()),
    };
    Ok(Done { case, says })
}

fn decide(
    vault: &Vault,
    visit: &Visit,
    case: &mut Case,
    me: &str,
    words: &[(String, String)],
) -> Result<String, Error> {
    let route = route(case, words)?;
    let terms = route.terms();
    let proofs: Vec<Proof> = words.all("proof").into_iter().filter_map(Proof::from_code).collect();
    let missing: Vec<&str> = terms.proofs.iter().filter(|p| !proofs.contains(p)).map(|p| p.words()).collect();
    if !missing.is_empty() {
        let message = format!("not in hand yet: {} (45 CFR 164.514(h)); ask for it first", missing.join("; "));
        return Err(wrong(message).into());
    }
    let said = |name: &str| {
        let own = words.one(name).unwrap_or_else(|| case.request.text(name));
        own.trim().replace(char::is_control, " ")
    };
    let recipient = match said("recipient") {
        named if named.is_empty() && route == Route::Access => "the patient".to_owned(),
        named if named.is_empty() => return Err(wrong("say who is to have it, as `recipient`").into()),
        named => named,
    };
    let mut opens_notes = false;
    if let Some(kind) = paper_kind(route) {
        let paper = paper(words)?;
        opens_notes = paper.is_for_psychotherapy_notes;
        hold_against(kind, &paper, &recipient, vault.today())?;
    }
    let selection = selection(case, words, opens_notes)?;
    let why_all = said("why-all");
    let is_bounded = !selection.types.is_empty() || selection.from.is_some() || !selection.but.is_empty();
    if !matches!(terms.minimum, Minimum::Exempt(_)) && !is_bounded && why_all.is_empty() {
        let source = terms.minimum.source();
        let message = format!(
            "on this route goes {} ({source}): name types or days, or say as `why-all` why it takes the whole chart (45 CFR \
             164.514(d)(5))",
            terms.minimum.words()
        );
        return Err(wrong(message).into());
    }
    let decided = Decided {
        by: me.to_owned(),
        asked: case.request.fingerprint(),
        route,
        proofs,
        recipient,
        address: said("address"),
        purpose: said("purpose"),
        selection,
        why_all,
    };
    let packed = package(vault, visit, &case.request.patient, route, &decided.selection)?;
    (case.state.decided, case.state.looked) = (Some(decided), None);
    Ok(told(&packed))
}

/// What would go, in a sentence.
fn told(packed: &Package) -> String {
    let second = packed.sensitive().count();
    let foreign = match packed.foreign.as_slice() {
        [] => "",
        _ => " Some of it looks like another person's: look at it before it goes.",
    };
    let look = if second == 0 { "" } else { ", after a second person has looked at what is sensitive" };
    format!("{} resources go, {} stay{look}.{foreign}", packed.items.len(), packed.left_out.len())
}

/// The refusal of a paper that is no good, with every defect.
fn hold_against(kind: Paper, paper: &Authorization, recipient: &str, today: Day) -> Result<(), Refusal> {
    let found = defects(kind, paper, today);
    if let [_, ..] = found.as_slice() {
        let all: Vec<String> = found.iter().map(|Defect { says, source }| format!("{says} ({source})")).collect();
        return Err(wrong(format!("the paper cannot be used: {} next: send the letter of `check`", all.join(" "))));
    }
    if paper.recipient.trim().to_lowercase() != recipient.trim().to_lowercase() {
        return Err(wrong("the paper names another recipient than the request; nothing may go to this one"));
    }
    Ok(())
}

/// Somebody has looked at a page with signs of another person's, and says why it is the patient's.
fn clear(vault: &Vault, visit: &Visit, case: &mut Case, me: &str, words: &[(String, String)]) -> Result<String, Error> {
    let decided = current(case)?;
    let packed = package(vault, visit, &case.request.patient, decided.route, &decided.selection)?;
    let named = words.one("page").unwrap_or_default();
    if !packed.foreign.iter().any(|found| found.version == named) {
        return Err(wrong("`page` names a page that has such a sign, as Type/id/_history/n").into());
    }
    let reason = said(words, "reason")?;
    if reason.is_empty() {
        return Err(wrong("say as `reason` why it is this patient's all the same").into());
    }
    case.state.cleared.push(Cleared { by: me.to_owned(), on: vault.today(), version: named.to_owned(), reason });
    Ok("It may go.".to_owned())
}

/// Pages with signs of another person's at which nobody has looked yet.
#[must_use]
pub fn uncleared<'p>(packed: &'p Package, state: &State) -> Vec<&'p Found> {
    let is_cleared = |found: &Found| state.cleared.iter().any(|cleared| cleared.version == found.version);
    packed.foreign.iter().filter(|found| !is_cleared(found)).collect()
}

/// A second person has looked at what is sensitive in what goes now.
fn look(vault: &Vault, visit: &Visit, case: &mut Case, me: &str) -> Result<String, Error> {
    let decided = current(case)?;
    if decided.by == me {
        return Err(wrong("the second look is another person's than the one who decided").into());
    }
    let packed = package(vault, visit, &case.request.patient, decided.route, &decided.selection)?;
    case.state.looked = Some(Looked { by: me.to_owned(), digest: packed.digest() });
    Ok("You have looked at it.".to_owned())
}

/// The decision, if it is about what is asked now.
fn current(case: &Case) -> Result<&Decided, Refusal> {
    let decided = case.state.decided.as_ref().ok_or_else(|| wrong("nobody has decided yet what goes; decide first"))?;
    if decided.asked != case.request.fingerprint() {
        return Err(wrong("the request says something else by now than when it was decided; decide again"));
    }
    Ok(decided)
}

/// Works out a fee, and refuses one that holds what the rule forbids.
fn charge(case: &mut Case, words: &[(String, String)]) -> Result<String, Refusal> {
    let route = case.route().ok_or_else(unknown_route)?;
    let medium = if words.one("medium") == Some("paper") { Medium::Paper } else { Medium::Electronic };
    let Fee { cents, forbidden } = fee(route.terms().fee, medium, &charges(words)?);
    if !forbidden.is_empty() {
        let all: Vec<String> =
            forbidden.iter().map(|f| format!("{}: {} ({})", f.charge.words(), f.why, f.source)).collect();
        return Err(wrong(format!("this may not be charged: {}; leave it out", all.join("; "))));
    }
    case.state.cents = Some(cents);
    Ok(format!("The fee is ${}. It is no reason to wait.", dollars(cents)))
}

fn charges(words: &[(String, String)]) -> Result<Vec<(Charge, u64)>, Refusal> {
    let read = |one: &str| {
        let (code, cents) = one.split_once('=')?;
        Some((Charge::from_code(code.trim())?, cents.trim().parse().ok()?))
    };
    let known: Vec<&str> = Charge::ALL.iter().map(|charge| charge.code()).collect();
    let bad = || wrong(format!("`charge` is a name and cents, such as copying=650; names are {}", known.join(", ")));
    let all = words.all("charge").into_iter().flat_map(|list| list.split([',', ' '])).filter(|one| !one.is_empty());
    all.map(|one| read(one).ok_or_else(bad)).collect()
}

/// Puts it off, with the letter.
fn extend(case: &mut Case, words: &[(String, String)], today: Day) -> Result<String, Refusal> {
    let mut clock =
        case.clock().ok_or_else(|| wrong("no law sets a deadline on this route; there is nothing to put off"))?;
    let (until, reason) = (reading::day(words, "until")?, words.one("reason").unwrap_or_default());
    clock.extend(today, until, reason, &Calendar::default())?;
    let due = clock.due_day(&Calendar::default());
    case.state.extended = clock.extended;
    let route = case.route().unwrap_or(Route::Access);
    Ok(letter::extension(letter_about(case, route, today), due, reason, &office()))
}

/// Refuses it on a coded ground, with the letter.
fn refuse(case: &mut Case, me: &str, words: &[(String, String)], today: Day) -> Result<String, Refusal> {
    let route = route(case, words)?;
    let code = words.one("ground").unwrap_or_default();
    if let Some((_, why)) = NO_GROUNDS.iter().find(|(known, _)| *known == code) {
        return Err(wrong(format!("{why}; send what is asked for")));
    }
    let ground = Ground::from_code(code).filter(|ground| ground.fits(route)).ok_or_else(|| {
        let known: Vec<&str> = Ground::ALL.iter().filter(|ground| ground.fits(route)).map(|g| g.code()).collect();
        wrong(format!("`ground` on this route is one of {}", known.join(", ")))
    })?;
    let professional = words.one("professional").unwrap_or_default().trim();
    if ground.needs_professional() && professional.is_empty() {
        return Err(wrong(
            "this ground takes the judgment of a licensed health care professional (45 CFR 164.524(a)(3)); name them as \
             `professional`",
        ));
    }
    let explains = words.one("explains").unwrap_or_default().trim().to_owned();
    let letter = letter::denial(
        letter_about(case, route, today),
        ground,
        &explains,
        words.one("elsewhere").unwrap_or_default(),
        &office(),
    );
    case.state.refused = Some(Refused { by: me.to_owned(), on: today, ground, explains });
    Ok(letter)
}

/// What would go, without deciding anything: as it was decided, or as these words say.
pub fn preview(vault: &Vault, visit: &Visit, case: &Case, words: &[(String, String)]) -> Result<Package, Error> {
    let (route, selection) = match (&case.state.decided, words.one("route")) {
        (Some(decided), None) => (decided.route, decided.selection.clone()),
        _ => (route(case, words)?, selection(case, words, false)?),
    };
    package(vault, visit, &case.request.patient, route, &selection)
}

/// Sends it: the package is made, and that it goes is recorded with the disclosure in one commit. Only then it is given
/// out. One of more than `bytes_max` bytes is refused before anything is recorded.
pub fn deliver(
    vault: &Vault,
    visit: &Visit,
    id: &str,
    words: &[(String, String)],
    bytes_max: usize,
) -> Result<(Case, Receipt), Error> {
    let mut case = Case::find(vault, visit, id)?;
    if !case.request.is_open() {
        return Err(wrong("this request has ended; note a new one").into());
    }
    let me = visit.principal().account.clone();
    must_be_mine(vault, &case, &me, "deliver")?;
    let decided = current(&case)?.clone();
    let packed = package(vault, visit, &case.request.patient, decided.route, &decided.selection)?;
    if packed.items.is_empty() {
        return Err(
            wrong("nothing of the chart fits; decide again what goes, or refuse with the ground not-held").into()
        );
    }
    if let [first, ..] = uncleared(&packed, &case.state)[..] {
        // Where, and not what it says: that is for the page.
        let message = format!(
            "{} looks like another person's ({}: {}); look at it, then clear it with a reason or leave it out",
            first.version,
            first.place,
            first.sign.words()
        );
        return Err(wrong(message).into());
    }
    let looked = case.state.looked.as_ref().is_some_and(|looked| looked.digest == packed.digest());
    if packed.sensitive().next().is_some() && !looked {
        return Err(wrong(
            "some of it is sensitive, and no second person has looked at what would go now; ask somebody for the second look",
        )
        .into());
    }
    let channel = words.one("channel").unwrap_or(Channel::Portal.code());
    let channel = Channel::from_code(channel).ok_or_else(|| {
        let known: Vec<&str> = Channel::ALL.iter().map(|channel| channel.code()).collect();
        wrong(format!("`channel` is one of {}", known.join(", ")))
    })?;
    let receipt = receipt::pack(vault, visit, &case, &decided, &packed, words.one("password"))?;
    if receipt.bytes.len() > bytes_max {
        let message =
            "the package is larger than this way of sending takes; send it from the page /release, or send less";
        return Err(Refusal::new(Kind::TooCostly, "too-costly", message).into());
    }
    let disclosure = disclosure(&case, &decided, &packed, channel, vault.today());
    case.state.delivered = Some(Delivered {
        by: me,
        on: vault.today(),
        recipient: decided.recipient.clone(),
        manifest: receipt.manifest.clone(),
        versions: packed.items.iter().map(|item| numbered(&item.version)).collect(),
    });
    let case = keep(vault, visit, case, "completed", Some(disclosure))?;
    Ok((case, receipt))
}

/// The entry of the accounting.
fn disclosure(case: &Case, decided: &Decided, packed: &Package, channel: Channel, today: Day) -> Disclosure {
    let mut types: Vec<&str> = packed.items.iter().map(|item| item.version.resource_type.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    Disclosure {
        recipient: decided.recipient.clone(),
        address: decided.address.clone(),
        what: format!("{} resources: {}", packed.items.len(), types.join(", ")),
        purpose: decided.purpose.clone(),
        channel,
        // An entry names a hundred at most; the manifest names all.
        resources: packed.items.iter().take(100).map(|item| about(&item.version)).collect(),
        ..Disclosure::new(&case.request.patient, today, decided.route.terms().basis)
    }
}

fn keep(
    vault: &Vault,
    visit: &Visit,
    mut case: Case,
    status: &str,
    disclosure: Option<Disclosure>,
) -> Result<Case, Error> {
    let says = says(&case.state, status);
    let task = marked(&case.task, status, says, case.due(), vault.clock().now()).ok_or_else(super::case::no_request)?;
    case.dossier.says = case.state.write();
    let along = Along { task: Some((task, case.task.version)), disclosure, ..Along::default() };
    vault.keep_dossier(visit, case.dossier, along)?;
    Case::find(vault, visit, &case.request.id)
}

/// Where it stands, as the patient reads it.
fn says(state: &State, status: &str) -> &'static str {
    match status {
        "completed" => "sent",
        "rejected" => "refused, by letter",
        "cancelled" => "taken back",
        _ if !state.extended.is_empty() => "put off, by letter",
        _ if state.decided.is_some() => "being prepared",
        _ if state.claimed.is_some() => "somebody works on it",
        _ => "received",
    }
}

fn route(case: &Case, words: &[(String, String)]) -> Result<Route, Refusal> {
    let said = words.one("route").map(Route::from_code);
    said.unwrap_or_else(|| case.route()).ok_or_else(unknown_route)
}

fn paper_kind(route: Route) -> Option<Paper> {
    match route {
        Route::Authorization => Some(Paper::Hipaa),
        Route::Part2Consent => Some(Paper::Part2),
        Route::Part2Tpo => Some(Paper::Part2Tpo),
        _ => None,
    }
}

fn selection(case: &Case, words: &[(String, String)], opens_notes: bool) -> Result<Selection, Refusal> {
    let named = types(words)?;
    Ok(Selection {
        types: if named.is_empty() { case.request.types.clone() } else { named },
        from: reading::day(words, "start")?.or(case.request.from),
        until: reading::day(words, "end")?.or(case.request.until),
        but: words.all("but").into_iter().flat_map(str::split_whitespace).map(str::to_owned).collect(),
        opens_notes,
    })
}

/// The paper as somebody read it off: `paper-patient`, `paper-describes`, ...
fn paper(words: &[(String, String)]) -> Result<Authorization, Refusal> {
    let text = |name: &str| words.one(&format!("paper-{name}")).unwrap_or_default().trim().to_owned();
    let expires = text("expires");
    let expiry = match expires.as_str() {
        "" => None,
        "none" => Some(Expiry::Never),
        day => Some(Day::parse(day).map_or_else(|| Expiry::With(expires.clone()), Expiry::On)),
    };
    Ok(Authorization {
        patient: text("patient"),
        describes: text("describes"),
        discloser: text("discloser"),
        recipient: text("recipient"),
        purpose: text("purpose"),
        expiry,
        signed_by: text("signed-by"),
        signed: reading::day(words, "paper-signed")?,
        is_by_representative: words.one("paper-representative").is_some(),
        authority: text("authority"),
        statements: words.all("paper-says").into_iter().filter_map(Statement::from_code).collect(),
        revoked: reading::day(words, "paper-revoked")?,
        flaws: words.all("paper-flaw").into_iter().filter_map(Flaw::from_code).collect(),
        is_for_psychotherapy_notes: words.one("paper-notes") == Some("yes"),
    })
}

fn letter_about<'c>(case: &'c Case, route: Route, today: Day) -> About<'c> {
    About { request: &case.request.id, received: Day::at(case.request.received), today, route }
}
