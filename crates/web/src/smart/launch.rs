//! Opening an app from a chart ("EHR launch"): `/smart/launch?patient=ID&encounter=ID`.

use super::{Place, form_of, people, send_to, with_query};
use crate::answer::Outcome;
use crate::pages::frame::ways;
use crate::server::Shared;
use crate::sign_in::Asked;
use crate::sign_in::html::{escape, field, lead_to, page as html_page};
use crate::sign_in::seat::{Seat, seated};
use axum::http::StatusCode;
use vault::access::apps::App;

/// `GET`: the apps that can be opened.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let query = asked.query()?;
        let apps = shared.vault.apps()?;
        let apps: Vec<&App> = apps.iter().map(AsRef::as_ref).filter(|app| opens(app).is_some()).collect();
        let whom = people::settled(shared, &seat, query.text("patient"))?;
        let body = format!(
            "{}<h1>Open an app</h1>{whom}{}",
            ways(shared, &seat, ""),
            list(shared, &seat, &apps, query.text("patient"), query.text("encounter"))
        );
        let mut answer = html_page(shared, StatusCode::OK, "Open an app", Some(&seat), &body);
        lead_to(&mut answer, apps.iter().filter_map(|app| opens(app)));
        Ok(answer)
    })
}

fn opens(app: &App) -> Option<&str> {
    app.registration.launch.as_deref().filter(|_| app.is_approved())
}

fn list(shared: &Shared, seat: &Seat, apps: &[&App], patient: &str, encounter: &str) -> String {
    if apps.is_empty() {
        return "<p>No app is approved here that is opened from charts.</p>".to_owned();
    }
    let hidden = [field("csrf", &seat.sign(shared)), field("patient", patient), field("encounter", encounter)].concat();
    let button = |app: &&App| {
        format!("<button class=\"person\" name=\"app\" value=\"{}\">{}</button>", escape(&app.id), escape(app.name()))
    };
    let buttons: String = apps.iter().map(button).collect();
    format!("<form method=\"post\" action=\"{}\">{hidden}{buttons}</form>", Place::Launch.path())
}

/// `POST`: opens one.
pub fn open(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, |seat| {
        let form = form_of(asked)?;
        form.check(shared, &seat.session.id)?;
        let encounter = Some(form.text("encounter")).filter(|id| !id.is_empty());
        let word = shared.vault.open_launch(&seat.visit, form.text("app"), form.text("patient"), encounter)?;
        let app = shared.vault.app(form.text("app"))?;
        let address = app.and_then(|app| app.registration.launch.clone()).unwrap_or_default();
        send_to(&with_query(&address, &[("iss", &shared.base), ("launch", &word)]))
    })
}
