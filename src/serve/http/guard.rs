//! Before every request: who is it, may they, does it come from the page; and after it: what browsers may do with the answer.

use super::app::App;
use super::problem::{LANG, Problem, REQUEST};
use super::sign_in::{Caller, digest_of, new_secret};
use crate::serve::page::words::Lang;
use crate::serve::record::Role;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use std::net::IpAddr;
use std::time::Instant;

/// Who everybody is where nobody has a password.
pub(super) const LOCAL: &str = "local";
/// The cookie of a session.
pub(super) const COOKIE: &str = "pcore_session";
/// What the page sends with everything that changes something.
const FROM_PAGE: HeaderName = HeaderName::from_static("x-requested-with");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What browsers may do with an answer.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' blob: data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(in crate::serve) struct From(pub(in crate::serve) IpAddr);

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The language of whoever asks: the one that was chosen on the page, or the one that the browser prefers.
fn preferred(headers: &HeaderMap) -> Lang {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    cookie(headers, "lang").and_then(Lang::of_tag).unwrap_or_else(|| Lang::of_header(accepted))
}

/// Numbers the request, tells and counts it, and adds what browsers are told.
pub(super) async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let (begun, id) = (Instant::now(), new_secret()[..12].to_owned());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request.extensions().get::<MatchedPath>().map_or("other", |route| route.as_str()).to_owned();
    let lang = preferred(request.headers());
    let mut response = REQUEST.scope(id.clone(), LANG.scope(lang, next.run(request))).await;
    let status = response.status().as_u16();
    app.station.metrics.answered(&route, status, begun.elapsed());
    tracing::debug!(request = id, %method, path, status, ms = begun.elapsed().as_secs_f64() * 1e3, "answered");
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Finds out who makes the request, and refuses those from elsewhere.
pub(super) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_page = !request.uri().path().starts_with("/api/");
    // Whoever restarts the server asks as often as it likes.
    let is_probe = ["/healthz", "/readyz"].contains(&request.uri().path());
    if let Some(From(address)) = request.extensions().get().filter(|_| !is_probe)
        && let Err(problem) = app.requests.count(*address, "too many requests; wait a moment")
    {
        return problem.into_response();
    }
    // The body is not looked at, and can't be shared between threads.
    let (mut parts, body) = request.into_parts();
    match identify(&app, &parts).await {
        Ok(Some(caller)) => {
            parts.extensions.insert(caller);
        }
        Ok(None) => {}
        Err(problem) if is_page && problem.status() == StatusCode::UNAUTHORIZED.as_u16() => {}
        Err(problem) => return problem.into_response(),
    }
    next.run(Request::from_parts(parts, body)).await
}

/// Who makes the request; nobody where accounts are used and none is given.
async fn identify(app: &App, parts: &Parts) -> Result<Option<Caller>, Problem> {
    let headers = &parts.headers;
    let changes = ![Method::GET, Method::HEAD].contains(&parts.method);
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if changes && site.is_some_and(|site| !["same-origin", "none"].contains(&site)) {
        return Err(Problem::forbidden("the request comes from another site"));
    }
    let from_page = text(&FROM_PAGE) == Some("pcore");
    let bearer = text(&header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    if let Some(token) = bearer {
        let digest = digest_of(token);
        let found = app.block(move |station| station.store.token(&digest)).await?;
        return match found {
            Some(account) => Ok(Some(account.into())),
            None => {
                if let Some(From(address)) = parts.extensions.get() {
                    app.sign_ins.count(*address)?;
                }
                Err(Problem::new(StatusCode::UNAUTHORIZED, "the token is not known, or was deleted"))
            }
        };
    }
    let session = cookie(headers, COOKIE).map(digest_of);
    let (has_users, found) = app
        .block(move |station| {
            let found = session.map(|digest| station.store.session(&digest)).transpose()?.flatten();
            Ok::<_, crate::serve::store::StoreError>((station.store.has_users()?, found))
        })
        .await?;
    if has_users {
        if changes && found.is_some() && !from_page {
            return Err(Problem::forbidden("a request with a cookie needs the header X-Requested-With: pcore"));
        }
        return Ok(found.map(Caller::from));
    }
    // Nobody has a password: this machine alone is answered, under its own names, and no page of another site speaks for it.
    let host = text(&header::HOST).unwrap_or_default();
    if !is_own_name(host) {
        return Err(Problem::forbidden(format!(
            "without accounts the server answers as localhost alone, not as {host}"
        )));
    }
    let is_browser = headers.contains_key(header::ORIGIN);
    if changes && is_browser && !from_page {
        return Err(Problem::forbidden("a request of a browser needs the header X-Requested-With: pcore"));
    }
    Ok(Some(Caller { name: LOCAL.to_owned(), role: Role::Admin }))
}

/// Whether a host is this machine, as it calls itself.
fn is_own_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// The caller, who may do what `least` may.
fn caller(parts: &Parts, least: Role) -> Result<Caller, Problem> {
    let Some(caller) = parts.extensions.get::<Caller>() else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "sign in first: POST /api/v1/login, or send a token"));
    };
    if caller.role < least {
        let (own, name) = (caller.role, &caller.name);
        return Err(Problem::forbidden(format!("{name} is a {own}; this needs the role {least}")));
    }
    Ok(caller.clone())
}

macro_rules! roles {
    ($($(#[$meta:meta])* $name:ident)+) => {
        $(
            $(#[$meta])*
            pub(super) struct $name(#[allow(dead_code, reason = "some only ask whether one may")] pub(super) Caller);

            impl FromRequestParts<App> for $name {
                type Rejection = Problem;

                async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Problem> {
                    caller(parts, Role::$name).map(Self)
                }
            }
        )+
    };
}

roles! {
    /// Somebody who may look.
    Viewer
    /// Somebody who may inspect and change detectors.
    Operator
    /// Somebody who may do everything.
    Admin
}

/// Somebody who looks at a page: others are sent to the one where they sign in.
pub(super) struct Reader(pub(super) Caller);

impl FromRequestParts<App> for Reader {
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, _app: &App) -> Result<Self, Redirect> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let then = crate::serve::page::form::address("/login", &[("then", path)]);
        caller(parts, Role::Viewer).map(Self).map_err(|_| Redirect::to(&then))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_its_own_name() {
        for own in ["localhost", "LOCALHOST:8642", "127.0.0.1:80", "127.9.9.9", "[::1]:8642", "[::1]"] {
            assert!(is_own_name(own), "{own}");
        }
        for other in [
            "",
            "example.com",
            "localhost.example.com:8642",
            "10.0.0.1:8642",
            "[2001:db8::1]:8642",
            "127.0.0.1.example.com",
        ] {
            assert!(!is_own_name(other), "{other}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("lang=ko; pcore_session=abc; theme=dark"));
        assert_eq!(cookie(&headers, COOKIE), Some("abc"));
        assert_eq!(cookie(&headers, "session"), None);
    }
}
