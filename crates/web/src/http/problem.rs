use crate::WebError;
use crate::query::Refused;
use adatom_archive::ArchiveError;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Why a request isn't answered with what it asks for (RFC 9457).
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub status: StatusCode,
    /// What was found and what would be right.
    pub detail: String,
    /// The parameter that is wrong.
    pub parameter: Option<String>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), parameter: None }
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub fn bad(parameter: &str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, detail: detail.into(), parameter: Some(parameter.to_owned()) }
    }

    pub fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// A few words for the status.
    pub fn title(&self) -> &'static str {
        match self.status {
            StatusCode::BAD_REQUEST => "The request can't be understood",
            StatusCode::NOT_FOUND => "Not here",
            StatusCode::METHOD_NOT_ALLOWED => "Only reading is possible",
            StatusCode::RANGE_NOT_SATISFIABLE => "No such part of the file",
            StatusCode::MISDIRECTED_REQUEST => "Another server is meant",
            StatusCode::SERVICE_UNAVAILABLE => "Not available now",
            _ => "Something went wrong",
        }
    }

    pub fn json(&self) -> String {
        let mut body = serde_json::json!({
            "type": "about:blank",
            "title": self.title(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(parameter) = &self.parameter {
            body["parameter"] = parameter.clone().into();
        }
        body.to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.json()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self::bad(&refused.parameter, refused.message)
    }
}

/// What the server itself can't read is logged with its place, of which clients needn't know.
impl From<WebError> for Problem {
    fn from(error: WebError) -> Self {
        tracing::error!(%error, "the library or its index can't be read");
        Self::busy(
            "The library or its index can't be read at the moment. Whoever runs the server finds why in its log.",
        )
    }
}

impl From<ArchiveError> for Problem {
    fn from(error: ArchiveError) -> Self {
        WebError::from(error).into()
    }
}
