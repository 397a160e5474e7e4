//! Who may do what.

use super::app::App;
use super::guard::{Admin, COOKIE, From, Viewer, cookie};
use super::problem::Problem;
use super::sign_in::{check_password, digest_of, hash_password, new_secret};
use crate::serve::record::Role;
use crate::serve::store::SESSION_LASTS_MS;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who somebody is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Me {
    name: String,
    role: Role,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    name: String,
    password: String,
}

/// Begins a session, in a cookie.
#[utoipa::path(post, path = "/login", tag = "accounts", request_body = Credentials, responses((status = 200, body = Me), (status = 401, body = Problem), (status = 429, body = Problem)))]
pub(super) async fn login(
    State(app): State<App>,
    Extension(From(address)): Extension<From>,
    Json(asked): Json<Credentials>,
) -> Result<Response, Problem> {
    app.sign_ins.count(address)?;
    let _turn = app.sign_ins.hashing.acquire().await.map_err(|error| Problem::internal(&error))?;
    let secret = new_secret();
    let digest = digest_of(&secret);
    let found = app
        .block(move |station| {
            let role = check_password(&station.store, &asked.name, &asked.password)?;
            let wrong = || Problem::new(StatusCode::UNAUTHORIZED, "name or password is wrong");
            let me = Me { role: role.ok_or_else(wrong)?, name: asked.name };
            station.store.begin_session(&me.name, &digest)?;
            Ok::<_, Problem>(me)
        })
        .await?;
    let secure = if app.station.options.secure_cookies { "; Secure" } else { "" };
    let lasts = SESSION_LASTS_MS / 1000;
    let cookie = format!("{COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={lasts}{secure}");
    Ok(([(header::SET_COOKIE, cookie)], Json(found)).into_response())
}

/// Ends the session.
#[utoipa::path(post, path = "/logout", tag = "accounts", responses((status = 204)))]
pub(super) async fn logout(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(digest) = cookie(&headers, COOKIE).map(digest_of) {
        app.block(move |station| station.store.end_session(&digest)).await?;
    }
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

/// Who the caller is.
#[utoipa::path(get, path = "/me", tag = "accounts", responses((status = 200, body = Me), (status = 401, body = Problem)))]
pub(super) async fn me(Viewer(caller): Viewer) -> Json<Me> {
    Json(Me { name: caller.name, role: caller.role })
}

/// Somebody, or a program.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountRecord {
    name: String,
    role: Role,
    created_at: String,
}

/// People with a password.
#[utoipa::path(get, path = "/users", tag = "accounts", responses((status = 200, body = Vec<AccountRecord>)))]
pub(super) async fn users(State(app): State<App>, _caller: Admin) -> Result<Json<Vec<AccountRecord>>, Problem> {
    app.block(|station| station.store.users().map(records)).await
}

fn records(accounts: Vec<crate::serve::store::Account>) -> Json<Vec<AccountRecord>> {
    let record = |account: crate::serve::store::Account| AccountRecord {
        name: account.name,
        role: account.role,
        created_at: account.created_at,
    };
    Json(accounts.into_iter().map(record).collect())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    name: String,
    /// At least 10 characters.
    password: String,
    role: Role,
}

/// A name that fits into a header and a page.
fn check_name(name: &str) -> Result<(), Problem> {
    let fits = !name.trim().is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(Problem::bad("name: 1 to 100 characters")) }
}

/// Adds somebody, or gives another role and password.
#[utoipa::path(post, path = "/users", tag = "accounts", request_body = NewUser, responses((status = 204), (status = 409, body = Problem)))]
pub(super) async fn set_user(
    State(app): State<App>,
    _caller: Admin,
    Json(new): Json<NewUser>,
) -> Result<StatusCode, Problem> {
    check_name(&new.name)?;
    app.block(move |station| {
        let password = hash_password(&new.password).map_err(|error| Problem::bad(error.to_string()))?;
        station.store.set_user(&new.name, new.role, &password)?;
        Ok::<_, Problem>(StatusCode::NO_CONTENT)
    })
    .await
}

/// Removes somebody; not the last admin.
#[utoipa::path(delete, path = "/users/{name}", tag = "accounts", params(("name" = String, Path)), responses((status = 204), (status = 409, body = Problem)))]
pub(super) async fn delete_user(
    State(app): State<App>,
    _caller: Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    app.block(move |station| station.store.delete_user(&name).map(|()| StatusCode::NO_CONTENT)).await
}

/// Tokens of programs, without their secrets.
#[utoipa::path(get, path = "/tokens", tag = "accounts", responses((status = 200, body = Vec<AccountRecord>)))]
pub(super) async fn tokens(State(app): State<App>, _caller: Admin) -> Result<Json<Vec<AccountRecord>>, Problem> {
    app.block(|station| station.store.tokens().map(records)).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    name: String,
    role: Role,
}

/// A token: told once, never again.
#[derive(Serialize, ToSchema)]
pub(super) struct Token {
    token: String,
}

/// Makes a token for a program.
#[utoipa::path(post, path = "/tokens", tag = "accounts", request_body = NewToken, responses((status = 201, body = Token), (status = 409, body = Problem)))]
pub(super) async fn new_token(
    State(app): State<App>,
    _caller: Admin,
    Json(new): Json<NewToken>,
) -> Result<(StatusCode, Json<Token>), Problem> {
    check_name(&new.name)?;
    let token = new_secret();
    let digest = digest_of(&token);
    app.block(move |station| station.store.add_token(&new.name, new.role, &digest)).await?;
    Ok((StatusCode::CREATED, Json(Token { token })))
}

/// Removes a token.
#[utoipa::path(delete, path = "/tokens/{name}", tag = "accounts", params(("name" = String, Path)), responses((status = 204), (status = 404, body = Problem)))]
pub(super) async fn delete_token(
    State(app): State<App>,
    _caller: Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    app.block(move |station| station.store.delete_token(&name).map(|()| StatusCode::NO_CONTENT)).await
}
