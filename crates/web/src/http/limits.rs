use std::time::Duration;

/// What a client can ask of the server at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Time in which a request's head must arrive, and that an idle connection stays open.
    pub header: Duration,
    /// Time in which an answer must begin.
    pub request: Duration,
    /// Time that a client may take nothing of an answer.
    pub stall: Duration,
    /// What a client must take in every `stall` that it is waited for \[bytes/s\].
    pub pace: u64,
    /// Time that running downloads have after the server was told to stop.
    pub grace: Duration,
    /// Archives and lists of sums that are made at once.
    pub archives: usize,
    /// Connections at once; more wait.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(15),
            request: Duration::from_secs(20),
            stall: Duration::from_secs(60),
            pace: 10_000,
            grace: Duration::from_secs(600),
            archives: 16,
            connections: 1024,
        }
    }
}

/// Samples of a page or an answer at most.
pub const MAX_PAGE: usize = 200;
/// Samples that are compared at most.
pub const MAX_COMPARED: usize = 4;
/// Bytes of a request's head at most.
pub(crate) const MAX_HEAD: usize = 64 * 1024;
