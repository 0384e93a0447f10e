//! The addresses by which the server is known.

use super::site::Site;
use crate::WebError;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use std::net::IpAddr;

impl Site {
    /// The same behind a proxy, where people find it at `origin`, such as `https://library.example.org`.
    ///
    /// # Errors
    /// When it isn't a scheme and a host, with or without a port.
    pub fn known_as(mut self, origin: &str) -> Result<Self, WebError> {
        let origin = origin.trim_end_matches('/');
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        if !host.is_some_and(is_plain) {
            let message = "give scheme and host alone, as https://library.example.org".to_owned();
            return Err(WebError::Setting { name: "origin", value: origin.to_owned(), message });
        }
        self.origin = Some(origin.to_owned());
        Ok(self)
    }

    /// What the addresses that a client can use begin with.
    pub(crate) fn origin(&self, headers: &HeaderMap) -> String {
        if let Some(origin) = &self.origin {
            return origin.clone();
        }
        let named =
            headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_plain(host));
        let own = || self.address.map_or_else(|| "127.0.0.1".to_owned(), |address| address.to_string());
        format!("http://{}", named.map_or_else(own, str::to_owned))
    }

    /// Whether a request means this server. One that listens on this computer alone has no other names than this
    /// computer's: a page from elsewhere, whose host's name was made to lead here, must not read what is served.
    pub(crate) fn is_meant(&self, request: &Request) -> bool {
        if !self.address.is_some_and(|address| is_loopback(address.ip())) {
            return true;
        }
        let is_own = |named: &str| {
            let named = host(named);
            let known = self.origin.as_ref().and_then(|origin| origin.split_once("://"));
            named.eq_ignore_ascii_case("localhost")
                || named.parse().is_ok_and(is_loopback)
                // Proxies name the port, another one, or none.
                || known.is_some_and(|(_, known)| host(known).eq_ignore_ascii_case(named))
        };
        // Only programs leave the host out; browsers never do.
        let mut hosts = request.headers().get_all(header::HOST).iter();
        request.uri().authority().is_none_or(|authority| is_own(authority.as_str()))
            && hosts.all(|host| host.to_str().is_ok_and(is_own))
    }
}

/// Whether an address is this computer's own, also where version 6 writes one of version 4 (`::ffff:127.0.0.1`).
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether a host with or without a port has no character that could mean something elsewhere.
fn is_plain(host: &str) -> bool {
    !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "[]:.-_".contains(c))
}

/// A host without its port, an address of version 6 without its brackets.
fn host(named: &str) -> &str {
    match named.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or(address),
        None => named.split(':').next().unwrap_or(named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_what_stands_before_the_port_and_may_be_this_computer() {
        for (named, expected) in [
            ("localhost:8080", "localhost"),
            ("localhost", "localhost"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]:8080", "::1"),
            ("evil.example:80", "evil.example"),
            ("", ""),
        ] {
            assert_eq!(host(named), expected);
        }
        for (address, is_own) in [("127.8.0.1", true), ("::ffff:127.0.0.1", true), ("::ffff:10.0.0.1", false)]
        {
            assert_eq!(is_loopback(address.parse().unwrap()), is_own, "{address}");
        }
        assert!(is_plain("[::1]:8080") && !is_plain("a'b") && !is_plain("example.org/path"));
    }
}
