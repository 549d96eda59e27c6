//! Who sits at a page: the session of the cookie, or the way to sign in with what was typed kept.

use super::cookies::Cookie;
use super::entrance;
use super::forms::{Form, sign};
use super::{Asked, draft, see_other};
use crate::answer::{Outcome, status_of};
use crate::server::Shared;
use axum::http::{Method, Response};
use bytes::Bytes;
use fhir::search::query::url;
use std::sync::Arc;
use vault::Error;
use vault::access::{Account, Purpose, Session, Terms, Visit};

/// Somebody who is signed in, at a page.
pub struct Seat {
    pub account: Arc<Account>,
    pub session: Session,
    pub visit: Visit,
}

/// What a page finds.
pub enum Seated {
    /// Somebody is here.
    Here(Seat),
    /// Nobody is, and this is the answer.
    Away(Response<Bytes>),
}

/// Does `page` for whoever is signed in, and keeps the answer back until the audit has it. Others are asked to sign in; what
/// they typed waits for them.
pub fn seated(shared: &Shared, asked: &Asked, page: impl FnOnce(Seat) -> Outcome) -> Outcome {
    match take(shared, asked)? {
        Seated::Here(seat) => noted(shared, asked, seat, page),
        Seated::Away(answer) => Ok(answer),
    }
}

/// Does `page`, and keeps the answer back until the audit has it, whether it was done or not.
pub fn noted(shared: &Shared, asked: &Asked, mut seat: Seat, page: impl FnOnce(Seat) -> Outcome) -> Outcome {
    let visit = seat.visit.asking(asked.context());
    seat.visit = visit.clone();
    let answer = page(seat);
    shared.vault.close_now(&visit, status_of(&answer))?;
    answer
}

/// Who is here. Somebody without a second factor, where one is asked for, gets no further than to the page that sets it up.
pub fn take(shared: &Shared, asked: &Asked) -> Result<Seated, Error> {
    let Some(seat) = present(shared, asked)? else { return away(shared, asked).map(Seated::Away) };
    let one_factor = seat.account.has_password() && !seat.account.has_second_factor() && !seat.session.is_strong;
    if shared.settings.second_factor && one_factor && !["/account/second-factor", "/sign-out"].contains(&asked.path()) {
        return Ok(Seated::Away(see_other("/account/second-factor")));
    }
    Ok(Seated::Here(seat))
}

/// Who is here, if anybody.
pub fn present(shared: &Shared, asked: &Asked) -> Result<Option<Seat>, Error> {
    let Some(token) = Cookie::Session.read(shared, &asked.parts.headers) else { return Ok(None) };
    let Some((session, visit)) = shared.vault.session(&token).filter(|(session, _)| is_at_pages(session)) else {
        return Ok(None);
    };
    let account = shared.vault.account(&session.account)?;
    Ok(account.map(|account| Seat { account, session, visit }))
}

/// Whether a session is one of pages: tokens of apps are no cookies, nor are those that the operator makes for programs, which
/// idleness does not end.
fn is_at_pages(session: &Session) -> bool {
    session.client.is_none() && session.idle_ms.is_some()
}

/// The way to sign in and back. A form whose session fell asleep is kept, sealed for the person who typed it.
fn away(shared: &Shared, asked: &Asked) -> Outcome {
    let path = asked.path();
    if asked.parts.method != Method::POST {
        let whole = asked.parts.uri.path_and_query().map_or(path, |whole| whole.as_str());
        let mut to = "/sign-in?return=".to_owned();
        url::encode(whole, &mut to);
        return Ok(see_other(&to));
    }
    let token = Cookie::Session.read(shared, &asked.parts.headers);
    let slept = token.and_then(|token| shared.vault.slept_session(&token)).filter(is_at_pages);
    let form = Form::read(&asked.body)?;
    let kept = slept.filter(|session| form.check(shared, &session.id).is_ok());
    let kept = kept.map(|session| draft::keep(shared, &session.account, path, &form));
    entrance::sign_in_again(shared, asked, path, kept.as_deref())
}

impl Seat {
    /// The sign of this session's forms.
    pub fn sign(&self, shared: &Shared) -> String {
        sign(shared, &self.session.id)
    }

    /// What another session of the same sitting is to be: it ends when this one would have.
    pub fn terms(&self, shared: &Shared, purpose: Purpose) -> Terms {
        let lasts_ms = self.session.until.0 - shared.vault.clock().now().0;
        Terms { is_strong: self.session.is_strong, lasts_ms, ..entrance::terms(shared, purpose) }
    }

    /// The form that was sent, if it came from a page of this session.
    pub fn form(&self, shared: &Shared, asked: &Asked) -> Result<Form, Error> {
        let form = Form::read(&asked.body)?;
        form.check(shared, &self.session.id)?;
        Ok(form)
    }
}
