//! Whole and partial content: entity tags, ranges, caching.

use super::problem::Problem;
use adatom_library::hexadecimal;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

/// Content of a type with a tag of its bytes, a part of it if the request asks for one.
pub(crate) struct Content<'a> {
    pub kind: &'static str,
    pub bytes: Bytes,
    /// Whether the address names this very content, so that it need never be asked for again.
    pub forever: bool,
    pub request: &'a HeaderMap,
}

impl Content<'_> {
    pub fn response(self) -> Response {
        let sum = Sha256::digest(&self.bytes);
        let tag = format!("\"{}\"", hexadecimal(&sum[..16]));
        let cache = if self.forever { "public, max-age=31536000, immutable" } else { "no-cache" };
        let asked = |name| self.request.get(name).and_then(|value| value.to_str().ok());
        let mut response = if asked(header::IF_NONE_MATCH).is_some_and(|tags| matches(tags, &tag)) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let length = self.bytes.len();
            // A part only of what the client has the beginning of.
            let same = asked(header::IF_RANGE).is_none_or(|condition| condition == tag);
            match asked(header::RANGE).filter(|_| same).and_then(|text| range(text, length)) {
                Some(Ok((first, last))) => {
                    let mut response = self.bytes.slice(first..=last).into_response();
                    *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                    insert(&mut response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"));
                    response
                }
                Some(Err(())) => {
                    let detail = format!("The file has {length} bytes; the range begins behind them.");
                    let mut response =
                        Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, detail).into_response();
                    insert(&mut response, header::CONTENT_RANGE, &format!("bytes */{length}"));
                    return response;
                }
                None => Body::from(self.bytes).into_response(),
            }
        };
        if response.status() != StatusCode::NOT_MODIFIED {
            insert(&mut response, header::CONTENT_TYPE, self.kind);
        }
        insert(&mut response, header::ETAG, &tag);
        insert(&mut response, header::CACHE_CONTROL, cache);
        insert(&mut response, header::ACCEPT_RANGES, "bytes");
        response
    }
}

/// Sets a header; values that no header can have are left out.
pub(crate) fn insert(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// Makes browsers save what comes under a name, which is plain ASCII.
pub(crate) fn attach(response: &mut Response, inline: bool, name: &str) {
    let how = if inline { "inline" } else { "attachment" };
    insert(response, header::CONTENT_DISPOSITION, &format!("{how}; filename=\"{}\"", plain(name)));
}

/// A name of a file with nothing that a shell, a header or a file system could misunderstand.
pub(crate) fn plain(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = name.chars().take(100).map(keep).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "library".to_owned() } else { name.to_owned() }
}

fn matches(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// First and last byte of a single range; `None` if there is none that can be understood, which means all.
fn range(text: &str, length: usize) -> Option<Result<(usize, usize), ()>> {
    let (unit, range) = text.split_once('=')?;
    let (first, last) = range.trim().split_once('-').filter(|_| unit.eq_ignore_ascii_case("bytes"))?;
    // What is more than can be counted is behind every file.
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().unwrap_or(usize::MAX))
    };
    let range = match (first.is_empty(), last.is_empty()) {
        (true, true) => return None,
        (true, false) => (length.saturating_sub(number(last)?), length.checked_sub(1)),
        (false, true) => (number(first)?, length.checked_sub(1)),
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, length.checked_sub(1).map(|end| last.min(end)))
        }
    };
    Some(match range {
        (first, Some(last)) if first <= last => Ok((first, last)),
        _ => Err(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_a_beginning_an_end_or_both() {
        for (text, expected) in [
            ("bytes=0-9", Some(Ok((0, 9)))),
            ("bytes=90-", Some(Ok((90, 99)))),
            ("bytes=-10", Some(Ok((90, 99)))),
            ("bytes=50-1000", Some(Ok((50, 99)))),
            ("bytes=-1000", Some(Ok((0, 99)))),
            ("bytes=100-", Some(Err(()))),
            ("bytes=-0", Some(Err(()))),
            ("bytes=9-0", None),
            ("bytes=0-1,5-6", None),
            ("bytes=-", None),
            ("lines=0-1", None),
            ("bytes=99999999999999999999-", Some(Err(()))),
            ("bytes=0-99999999999999999999", Some(Ok((0, 99)))),
            ("Bytes=0-9", Some(Ok((0, 9)))),
            ("bytes=+1-9", None),
            ("bytes=1 -9", None),
            ("bytes=-+5", None),
        ] {
            assert_eq!(range(text, 100), expected, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), Some(Err(())));
    }

    #[test]
    fn names_of_downloads_are_plain() {
        assert_eq!(plain("../../etc/passwd"), "etc-passwd");
        assert_eq!(plain("a \"b\"\r\nX: y"), "a--b---X--y");
        assert_eq!(plain("…"), "library");
    }

    #[test]
    fn tags_match_weakly_and_in_lists() {
        assert!(matches("\"x\", W/\"y\"", "\"y\"") && matches("*", "\"y\""));
        assert!(!matches("\"yy\"", "\"y\""));
    }
}
