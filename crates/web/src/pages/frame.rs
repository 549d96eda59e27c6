//! What all pages of people who are signed in share: who sits there, the entry in the audit, and what stands around.

use super::whose::whose;
use super::{desk, escape, words};
use crate::answer::{Outcome, status_of};
use crate::server::{Shared, peer};
use crate::sign_in::Asked;
use crate::sign_in::forms::Form;
use crate::sign_in::html::{field, page as html_page};
use crate::sign_in::seat::{Seat, Seated, take};
use axum::http::{Method, Response, StatusCode};
use bytes::Bytes;
use fhir::json::Json;
use fhir::search::query::url;
use vault::access::audit::Deed;
use vault::access::{Context, Visit};
use vault::search::{Found, Page};
use vault::{Error, Vault};

/// A page for somebody who is signed in.
pub struct At<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) seat: Seat,
    /// The query of the address, or the form that was sent, which came from a page of this session.
    pub(crate) form: Form,
    path: &'a str,
}

/// Does `page` for whoever is signed in, and keeps the answer back until the audit has it, whether it was done or not.
/// Others are asked to sign in.
pub(crate) fn seated(shared: &Shared, asked: &Asked, deed: Deed, page: impl FnOnce(&At<'_>) -> Outcome) -> Outcome {
    let mut seat = match take(shared, asked)? {
        Seated::Here(seat) => seat,
        Seated::Away(answer) => return Ok(answer),
    };
    let visit = seat.visit.asking(context(asked, deed));
    seat.visit = visit.clone();
    let answer =
        form(shared, asked, &seat).and_then(|form| page(&At { shared, seat, form, path: asked.parts.uri.path() }));
    shared.vault.close_now(&visit, status_of(&answer))?;
    answer
}

fn form(shared: &Shared, asked: &Asked, seat: &Seat) -> Result<Form, Error> {
    if asked.parts.method != Method::POST {
        return Ok(asked.query()?);
    }
    let form = seat.form(shared, asked)?;
    // A concern is for the privacy officer: whoever else reads the audit reads that there is one, not what it says.
    let is_concern = ["/concern", "/concerns"].contains(&asked.parts.uri.path());
    seat.visit.ask_more(&form.keepable_without(if is_concern { "text" } else { "" }));
    Ok(form)
}

fn context(asked: &Asked, deed: Deed) -> Context {
    let uri = &asked.parts.uri;
    let path = uri.path();
    let from = peer(&asked.parts.extensions).map(|from| from.to_string()).unwrap_or_default();
    Context {
        asked: uri.query().map(|query| format!("{path}?{query}")).unwrap_or_default(),
        from,
        request: asked.request.clone(),
        ..Context::new(deed, format!("{} {path}", asked.parts.method))
    }
}

impl At<'_> {
    /// The record.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.shared.vault
    }

    /// Who is here, and why.
    #[must_use]
    pub fn visit(&self) -> &Visit {
        &self.seat.visit
    }

    /// All fields of the query or form.
    #[must_use]
    pub fn fields(&self) -> Vec<(String, String)> {
        self.form.fields().cloned().collect()
    }

    /// The patients for whom the visitor speaks, with what people call them: themselves, and those for whom they act.
    pub fn people(&self) -> Result<Vec<(String, String)>, Error> {
        Ok(whose(self)?.into_iter().map(|whose| (whose.id, whose.name)).collect())
    }

    /// The page: `body` is HTML, in which whatever came from outside was escaped.
    pub fn page(&self, title: &str, body: &str) -> Response<Bytes> {
        let body = format!("{}{body}", ways(self.shared, &self.seat, self.path));
        html_page(self.shared, StatusCode::OK, title, Some(&self.seat), &body)
    }

    /// The hidden field that shows that a form was given to this session.
    pub fn sign(&self) -> String {
        field("csrf", &self.seat.sign(self.shared))
    }

    /// What the gate shows of a search.
    pub fn find(&self, kind: &str, pairs: &[(&str, &str)], page: &Page) -> Result<Found, Error> {
        let vault = &self.shared.vault;
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let query = vault.query(&self.seat.visit, Some(kind), &pairs, true, vault.clock().now())?;
        vault.search(&self.seat.visit, &query, page)
    }

    /// A patient's name as HTML; the reference where the gate does not show who it is.
    pub fn person(&self, id: &str) -> String {
        let found = self.shared.vault.read(&self.seat.visit, "Patient", id, None).ok().flatten();
        let body = found.filter(|version| !version.deleted).map(|version| version.body);
        let name = body.and_then(|body| Json::parse(&body).ok().map(|patient| words::name(&patient)));
        escape(&name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("Patient/{id}")))
    }

    /// The path that was asked for.
    pub fn path(&self) -> &str {
        self.path
    }

    /// Whether that is this one.
    pub fn is_at(&self, path: &str) -> bool {
        self.path == path
    }

    /// A word of the query or form, trimmed.
    pub fn text(&self, name: &str) -> &str {
        self.form.text(name).trim()
    }
}

/// The ways to the pages of whoever sits there; `path` is the one that is shown.
pub(crate) fn ways(shared: &Shared, seat: &Seat, path: &str) -> String {
    let link = |(to, name): (&str, &str)| {
        let here = if to == path { " aria-current=\"page\"" } else { "" };
        format!("<a href=\"{to}\"{here}>{name}</a>")
    };
    let home = link(("/home", "Home"));
    let links: String = desk::ways(shared, seat.account.roles).iter().map(|way| link((way.path, way.name))).collect();
    format!("<nav aria-label=\"Pages\">{home}{links}</nav>")
}

/// An address with a query, ready to stand in an attribute.
pub fn link(path: &str, pairs: &[(&str, &str)]) -> String {
    escape(&address(path, pairs))
}

/// An address with a query; what is empty is left out.
pub fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<_> = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", url::query(&pairs)) }
}

/// A field in which a line is typed, with its label.
pub fn line(name: &str, label: &str, value: &str, more: &str) -> String {
    format!(
        "<div><label for=\"{name}\">{label}</label><input id=\"{name}\" name=\"{name}\" value=\"{}\" {more}></div>",
        escape(value)
    )
}

/// A table: heads, then rows of cells that are HTML. On a narrow screen each row stands as a block with its heads.
pub fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    // A column of buttons or links has no head: a cell that says nothing is none.
    let head = |head: &&str| match head.is_empty() {
        true => "<td></td>".to_owned(),
        false => format!("<th scope=\"col\">{head}</th>"),
    };
    let head: String = heads.iter().map(head).collect();
    let row = |cells: Vec<String>| {
        let cells: String =
            heads.iter().zip(cells).map(|(head, cell)| format!("<td{}>{cell}</td>", name(head))).collect();
        format!("<tr>{cells}</tr>")
    };
    let rows: String = rows.into_iter().map(row).collect();
    format!(
        "<div class=\"table\"><table class=\"stack\"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn name(head: &str) -> String {
    if head.is_empty() { String::new() } else { format!(" data-name=\"{head}\"") }
}
