//! What a client asked.

use std::time::Instant;

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its place among all requests, from 0.
    pub ordinal: u64,
    /// When it was read whole.
    pub at: Instant,
    /// `GET`, `PATCH` …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What stands behind the question mark, as it came; else empty.
    pub query: String,
    /// The first MiB of it.
    pub body: Vec<u8>,
    /// The status of the server's answer, or of the fault's; `None` while
    /// there is none and where the request was dropped before the server.
    pub status: Option<u16>,
}

impl Seen {
    /// The value of a parameter of the query, as it stands there.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(n, _)| *n == name)
            .map(|(_, value)| value)
    }

    /// Whether it asks the server to change something: any method but `GET`,
    /// without `dryRun=All`, reviews of access aside.
    pub fn is_write(&self) -> bool {
        let last = self.path.rsplit('/').next().unwrap_or_default();
        let is_review = last.ends_with("accessreviews") || last == "selfsubjectrulesreviews";
        self.method != "GET" && self.parameter("dryRun") != Some("All") && !is_review
    }

    /// Whether its answer goes on until the client leaves.
    pub(super) fn is_stream(&self) -> bool {
        ["watch", "follow"]
            .iter()
            .any(|name| matches!(self.parameter(name), Some("true" | "1")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_changes_something() {
        let is_write = |method: &str, target: &str| {
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            Seen {
                ordinal: 0,
                at: Instant::now(),
                method: method.to_owned(),
                path: path.to_owned(),
                query: query.to_owned(),
                body: Vec::new(),
                status: None,
            }
            .is_write()
        };
        let object = "/api/v1/namespaces/x/configmaps/y";
        assert!(is_write("PATCH", &format!("{object}?fieldManager=consign")));
        assert!(is_write("DELETE", object));
        assert!(!is_write("GET", object));
        assert!(!is_write(
            "PATCH",
            &format!("{object}?dryRun=All&force=true")
        ));
        let reviews = "/apis/authorization.k8s.io/v1";
        assert!(!is_write(
            "POST",
            &format!("{reviews}/selfsubjectaccessreviews")
        ));
        assert!(!is_write(
            "POST",
            &format!("{reviews}/selfsubjectrulesreviews")
        ));
    }
}
