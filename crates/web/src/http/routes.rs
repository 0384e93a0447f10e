//! Addresses, and what every answer has.

use super::content::insert;
use super::openapi::operations;
use super::pages;
use super::problem::Problem;
use super::site::Site;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use std::time::Instant;

/// Nothing but what this server sends; no script and no style within pages, no frame around them.
const POLICY: &str = "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// What is said to whom another host's name has led here.
const OTHER_HOST: &str = "This server is for its own computer alone, where it is called localhost. Behind a proxy it must \
     be started with --origin and the address that people use.";

pub(crate) fn router(site: Arc<Site>) -> Router {
    let pages = Router::new()
        .route("/", get(pages::home))
        .route("/samples", get(pages::gallery))
        .route("/samples/{id}", get(pages::sample))
        .route("/compare", get(pages::compare))
        .route("/download", get(pages::download))
        .route("/api", get(pages::api))
        .route("/assets/{name}", get(pages::asset))
        .route("/favicon.ico", get(pages::favicon))
        .route("/robots.txt", get(pages::robots));
    let described = operations().into_iter();
    described
        .fold(pages, |router, operation| router.route(operation.path, operation.route))
        .fallback(|| async { Problem::not_found("There is no such address.") })
        .layer(from_fn_with_state(Arc::clone(&site), finish))
        .with_state(site)
}

/// Sees to it that every request is answered in time, every error is one that its reader understands, and every answer
/// has the headers that browsers need to be careful; and logs it.
async fn finish(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let wants_page = !path.starts_with("/api/")
        && request.headers().get(header::ACCEPT).is_some_and(|kinds| {
            kinds.to_str().is_ok_and(|kinds| kinds.contains("text/html") || kinds.contains("*/*"))
        });
    if method != Method::GET {
        // Only GET knows parts (RFC 9110, 14.2).
        request.headers_mut().remove(header::RANGE);
    }
    let limit = site.limits.request;
    let is_meant = site.is_meant(&request);
    let mut response = if !is_meant {
        Problem::new(StatusCode::MISDIRECTED_REQUEST, OTHER_HOST).into_response()
    } else if let Ok(response) = tokio::time::timeout(limit, next.run(request)).await {
        response
    } else {
        let seconds = limit.as_secs_f64();
        Problem::busy(format!("No answer within {seconds} s; ask for less, or later.")).into_response()
    };
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let known = response.extensions_mut().remove::<Problem>();
        let problem = known.unwrap_or_else(|| Problem::new(status, of_status(status, &method)));
        // A page has the library's name, which is nobody's business under a name of their own.
        let page = if wants_page && is_meant { pages::problem(&site, &problem).ok() } else { None };
        let mut answer = page.unwrap_or_else(|| problem.into_response());
        *answer.status_mut() = status;
        for name in [header::ALLOW, header::CONTENT_RANGE, header::RETRY_AFTER] {
            if let Some(value) = response.headers().get(&name) {
                answer.headers_mut().insert(name, value.clone());
            }
        }
        response = answer;
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        insert(&mut response, header::CACHE_CONTROL, "no-cache");
    }
    let milliseconds = started.elapsed().as_secs_f64() * 1e3;
    tracing::info!(%method, path, status = status.as_u16(), milliseconds, "request");
    response
}

fn of_status(status: StatusCode, method: &Method) -> String {
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            format!("{method} is not possible: everything here is for reading only.")
        }
        StatusCode::BAD_REQUEST => "The address can't be understood.".to_owned(),
        _ => "The request can't be answered.".to_owned(),
    }
}
