//! As much of HTTP/1.1 as the servers beside our tests need: whole messages,
//! connections that stay open, nothing else.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long whoever is asked may keep silent.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A request, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `HEAD` …
    pub method: String,
    /// Path and query.
    pub target: String,
    /// As they came.
    pub headers: Vec<(String, String)>,
    /// All of it.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// `Content-Length` is added when it is missing.
    pub headers: Vec<(String, String)>,
    /// Not sent to a `HEAD`.
    pub body: Vec<u8>,
}

/// What is done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is answered.
    Answer(Reply),
    /// The connection is closed without an answer.
    Drop,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The path without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The values of a parameter of the query, decoded.
    pub fn query(&self, name: &str) -> Vec<String> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        form_values(query, name)
    }

    /// The values of a field of a form that is the body, decoded.
    pub fn form(&self, name: &str) -> Vec<String> {
        form_values(&String::from_utf8_lossy(&self.body), name)
    }

    /// Sends it over a connection of its own and reads the answer.
    pub fn send(&self, to: SocketAddr) -> io::Result<Reply> {
        let mut stream = TcpStream::connect_timeout(&to, ANSWER_LIMIT)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        // The old version: the answer comes in one piece and ends with the
        // connection.
        let mut head = format!("{} {} HTTP/1.0\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            let is_ours = ["connection", "content-length", "transfer-encoding"]
                .iter()
                .any(|ours| ours.eq_ignore_ascii_case(name));
            if !is_ours {
                let _ = write!(head, "{name}: {value}\r\n");
            }
        }
        if self.header("host").is_none() {
            let _ = write!(head, "Host: {to}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\n\r\n", self.body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        let mut reader = BufReader::new(stream);
        let (start, headers) = read_head(&mut reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = start
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .ok_or(io::ErrorKind::InvalidData)?;
        let mut body = Vec::new();
        reader.read_to_end(&mut body)?;
        Ok(Reply {
            status,
            headers,
            body,
        })
    }
}

impl Reply {
    /// A status alone.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn form_values(form: &str, name: &str) -> Vec<String> {
    form.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(n, value)| (decode(n), decode(value)))
        .filter(|(n, _)| n == name)
        .map(|(_, value)| value)
        .collect()
}

fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        match b {
            b'+' => out.push(b' '),
            b'%' => {
                let digits: Vec<u8> = bytes.by_ref().take(2).collect();
                let digits = String::from_utf8_lossy(&digits).into_owned();
                out.extend(u8::from_str_radix(&digits, 16));
            }
            b => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A server within the test's own process, gone when dropped.
///
/// ```
/// use testkit::http::{Action, Reply, Request, Server};
/// let server = Server::start(|_| Action::Answer(Reply::status(204)))?;
/// assert_eq!(Request::new("GET", "/x").send(server.address())?.status, 204);
/// assert_eq!(server.seen()[0].target, "/x");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Vec<Request>>,
    open: Mutex<Vec<TcpStream>>,
    over: AtomicBool,
}

impl Server {
    /// Starts one on a free port of loopback; every connection has a thread.
    pub fn start(handler: impl Fn(&Request) -> Action + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let handler = Arc::new(handler);
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                if of_thread.over.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(copy) = stream.try_clone() {
                    lock(&of_thread.open).push(copy);
                }
                let (shared, handler) = (Arc::clone(&of_thread), Arc::clone(&handler));
                thread::spawn(move || {
                    // A client that goes away is no failure of the server.
                    let _ = serve(&stream, &shared, &*handler);
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                });
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Host and port, as they stand in image references.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// All requests until now, in the order in which they came.
    pub fn seen(&self) -> Vec<Request> {
        lock(&self.shared.seen).clone()
    }

    /// Forgets the requests until now.
    pub fn forget(&self) {
        lock(&self.shared.seen).clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        for stream in lock(&self.shared.open).drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(
    stream: &TcpStream,
    shared: &Shared,
    handler: &dyn Fn(&Request) -> Action,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some((start, headers)) = read_head(&mut reader)? {
        let mut words = start.split(' ');
        let (method, target) = (words.next(), words.next());
        let (Some(method), Some(target)) = (method, target) else {
            return Ok(());
        };
        if !target.starts_with('/') {
            let reply = Reply::status(400);
            return writer.write_all(&encode(&reply, false));
        }
        let length = header(&headers, "content-length")
            .and_then(|l| l.parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let request = Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
            body,
        };
        lock(&shared.seen).push(request.clone());
        match handler(&request) {
            Action::Answer(reply) => {
                writer.write_all(&encode(&reply, request.method == "HEAD"))?;
            }
            Action::Drop => return Ok(()),
        }
        if start.ends_with("HTTP/1.0") {
            return Ok(());
        }
    }
    Ok(())
}

fn encode(reply: &Reply, is_head: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} -\r\n", reply.status);
    for (name, value) in &reply.headers {
        if !name.eq_ignore_ascii_case("connection") {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    if reply.header("content-length").is_none() {
        let _ = write!(head, "Content-Length: {}\r\n", reply.body.len());
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    if !is_head {
        bytes.extend_from_slice(&reply.body);
    }
    bytes
}

type Head = (String, Vec<(String, String)>);

/// The first line and the headers; `None` when the other side is done.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let start = line.trim_end().to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => return Ok(Some((start, headers))),
        }
    }
}
