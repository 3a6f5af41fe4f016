//! Faults between a client and a real server.
//!
//! A [`Proxy`] stands on loopback in front of a server, passes every request
//! on, and does to some of them what networks and busy servers do.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::http::{Action, Reply, Request, Server};

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is passed on after a while.
    Delay(Duration),
    /// It is answered without the server.
    Answer(Reply),
    /// The connection is closed without an answer.
    Drop,
    /// It is answered by the server, without this header.
    Without(&'static str),
}

/// Stands before a server; gone when dropped.
#[derive(Debug)]
pub struct Proxy {
    server: Server,
}

impl Proxy {
    /// In front of the server at `upstream`; `fault` is asked for each
    /// request.
    pub fn before(
        upstream: SocketAddr,
        fault: impl Fn(&Request) -> Fault + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let pass = move |request: &Request| match request.send(upstream) {
            Ok(reply) => reply,
            Err(e) => Reply::status(502).body(e.to_string()),
        };
        let server = Server::start(move |request| match fault(request) {
            Fault::None => Action::Answer(pass(request)),
            Fault::Delay(time) => {
                thread::sleep(time);
                Action::Answer(pass(request))
            }
            Fault::Answer(reply) => Action::Answer(reply),
            Fault::Drop => Action::Drop,
            Fault::Without(name) => {
                let mut reply = pass(request);
                reply.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
                Action::Answer(reply)
            }
        })?;
        Ok(Self { server })
    }

    /// Where it listens, as it stands in image references.
    pub fn host(&self) -> String {
        self.server.host()
    }

    /// All requests until now.
    pub fn seen(&self) -> Vec<Request> {
        self.server.seen()
    }

    /// Forgets the requests until now.
    pub fn forget(&self) {
        self.server.forget();
    }
}
