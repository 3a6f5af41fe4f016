//! Faults between a client and a real API server, and a record of what the
//! client asked.
//!
//! An [`ApiProxy`] listens on loopback without TLS, so that a kubeconfig needs
//! no more than its address, and passes requests on over TLS. Answers are
//! passed on byte by byte as they come: watches and logs stream.

mod wire;

mod seen;

mod fault;

mod upstream;

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use self::fault::{ApiFault, Victim, among};
pub use self::seen::Seen;
use self::upstream::{Server, Upstream, Wait};
use self::wire::Head;

/// How much of a request's body is kept.
const BODY_KEPT: usize = 1 << 20;

/// The API server takes 3 MiB.
const BODY_LIMIT: usize = 16 << 20;

type Faults = dyn Fn(&Seen, u64) -> ApiFault + Send + Sync;

/// Stands before an API server; gone when dropped.
#[derive(Debug)]
pub struct ApiProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    server: Server,
    token: Option<String>,
    faults: Mutex<Arc<Faults>>,
    record: Mutex<Record>,
    clients: Mutex<Clients>,
    over: AtomicBool,
}

#[derive(Debug, Default)]
struct Record {
    seen: Vec<Seen>,
    /// How often it was forgotten: an answer may come after that.
    age: u64,
}

#[derive(Debug, Default)]
struct Clients {
    open: HashMap<u64, TcpStream>,
    next: u64,
    peak: usize,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

impl ApiProxy {
    /// In front of the server at `upstream`, whose certificate `authorities`
    /// (PEM) vouch for. Requests without `Authorization` get this token: clients
    /// send none where there is no TLS. `faults` is asked for each request,
    /// with its ordinal.
    pub fn before(
        upstream: SocketAddr,
        authorities: &[u8],
        token: Option<String>,
        faults: impl Fn(&Seen, u64) -> ApiFault + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            server: Server::new(upstream, authorities)?,
            token,
            faults: Mutex::new(Arc::new(faults)),
            record: Mutex::default(),
            clients: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let of_thread = Arc::clone(&shared);
        let listener = thread::spawn(move || {
            for client in listener.incoming() {
                if of_thread.over.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(client) = client {
                    Arc::clone(&of_thread).enter(client);
                }
            }
        });
        Ok(Self {
            address,
            shared,
            listener: Some(listener),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes a kubeconfig into a directory, with one context, `test`, and no
    /// credentials.
    pub fn kubeconfig(&self, dir: &Path) -> io::Result<PathBuf> {
        let address = self.address;
        let path = dir.join(format!("kubeconfig-{}", address.port()));
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters:\n- name: test\n  cluster:\n    server: http://{address}\n\
             users:\n- name: test\n  user: {{}}\n\
             contexts:\n- name: test\n  context:\n    cluster: test\n    user: test\n"
        );
        fs::write(&path, text)?;
        Ok(path)
    }

    /// Other faults from the next request on.
    pub fn inject(&self, faults: impl Fn(&Seen, u64) -> ApiFault + Send + Sync + 'static) {
        *lock(&self.shared.faults) = Arc::new(faults);
    }

    /// All requests until now, in the order in which they came.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.record).seen.clone()
    }

    /// Those of them that are writes.
    pub fn writes(&self) -> Vec<Seen> {
        let record = lock(&self.shared.record);
        let writes = record.seen.iter().filter(|seen| seen.is_write());
        writes.cloned().collect()
    }

    /// The largest number of clients' connections that were open at once, idle
    /// ones included.
    pub fn peak_connections(&self) -> usize {
        lock(&self.shared.clients).peak
    }

    /// Forgets the requests until now and the peak; ordinals begin anew.
    pub fn forget(&self) {
        let mut record = lock(&self.shared.record);
        record.seen.clear();
        record.age += 1;
        let mut clients = lock(&self.shared.clients);
        clients.peak = clients.open.len();
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let (Ok(_), Some(listener)) = (woken, self.listener.take()) {
            let _ = listener.join();
        }
        for client in lock(&self.shared.clients).open.values() {
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    /// Serves a client in a thread of its own.
    fn enter(self: Arc<Self>, client: TcpStream) {
        let Ok(copy) = client.try_clone() else { return };
        let id = {
            let mut clients = lock(&self.clients);
            clients.next += 1;
            let id = clients.next;
            clients.open.insert(id, copy);
            clients.peak = clients.peak.max(clients.open.len());
            id
        };
        thread::spawn(move || {
            // A client or a server that goes away is no failure of ours.
            let _ = self.serve(&client);
            lock(&self.clients).open.remove(&id);
            let _ = client.shutdown(Shutdown::Both);
        });
    }

    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut read = Vec::new();
        let mut upstream = None;
        while let Some((head, body)) = next_request(client, &mut read)? {
            let (seen, age) = self.note(&head, &body)?;
            let faults = Arc::clone(&*lock(&self.faults));
            match faults(&seen, seen.ordinal) {
                ApiFault::DropBefore => return Ok(()),
                ApiFault::Answer(status, headers, body) => {
                    self.answered(&seen, age, status);
                    let answer = encode_answer(status, &headers, &body);
                    (&*client).write_all(&answer)?;
                }
                fault => {
                    if let ApiFault::Delay(time) = fault {
                        thread::sleep(time);
                    }
                    if upstream.as_ref().is_none_or(Upstream::is_stale) {
                        upstream = Some(self.server.connect()?);
                    }
                    let Some(upstream) = &mut upstream else {
                        continue;
                    };
                    upstream.send(&self.encode_request(&head, &body))?;
                    let wait = if seen.is_stream() {
                        Wait::While(client)
                    } else {
                        Wait::ToTheEnd
                    };
                    let answer = upstream.head(wait)?;
                    self.answered(&seen, age, answer.status()?);
                    match fault {
                        ApiFault::DropAfter => return Ok(()),
                        ApiFault::CallAfter(call) => call(),
                        ApiFault::KillAfter(victim) => victim.kill(),
                        _ => {}
                    }
                    let body = answer.answer_body(&seen.method)?;
                    upstream.pass(&answer, body, &mut &*client, wait)?;
                    if answer.is_last() || body == wire::Body::UntilClose {
                        return Ok(());
                    }
                }
            }
            if head.is_last() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn note(&self, head: &Head, body: &[u8]) -> io::Result<(Seen, u64)> {
        let mut words = head.start.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut record = lock(&self.record);
        let seen = Seen {
            ordinal: record.seen.len() as u64,
            at: Instant::now(),
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            body: body[..body.len().min(BODY_KEPT)].to_vec(),
            status: None,
        };
        record.seen.push(seen.clone());
        Ok((seen, record.age))
    }

    fn answered(&self, seen: &Seen, age: u64, status: u16) {
        let mut record = lock(&self.record);
        if record.age != age {
            return;
        }
        let noted = usize::try_from(seen.ordinal).map(|n| record.seen.get_mut(n));
        if let Ok(Some(noted)) = noted {
            noted.status = Some(status);
        }
    }

    fn encode_request(&self, head: &Head, body: &[u8]) -> Vec<u8> {
        const OURS: [&str; 4] = [
            "connection",
            "content-length",
            "transfer-encoding",
            "expect",
        ];
        let mut text = format!("{}\r\n", head.start);
        for (name, value) in &head.headers {
            if !OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        if let (None, Some(token)) = (head.header("authorization"), &self.token) {
            let _ = write!(text, "Authorization: Bearer {token}\r\n");
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n", body.len());
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }
}

/// Reads a whole request; `None` when the client is done. What was read
/// beyond it stays in `read`.
fn next_request(client: &TcpStream, read: &mut Vec<u8>) -> io::Result<Option<(Head, Vec<u8>)>> {
    let mut buffer = vec![0; 16 << 10];
    let mut more = |read: &mut Vec<u8>| {
        let count = (&mut &*client).read(&mut buffer)?;
        read.extend_from_slice(&buffer[..count]);
        io::Result::Ok(count)
    };
    let head = loop {
        if let Some(head) = Head::parse(read)? {
            break head;
        }
        if more(read)? == 0 {
            return Ok(None);
        }
    };
    read.drain(..head.length);
    if head.header("expect").is_some() {
        (&mut &*client).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let (mut left, mut body) = (head.request_body()?, Vec::new());
    loop {
        let taken = left.take(read, |data| body.extend_from_slice(data))?;
        read.drain(..taken);
        if left.is_done() {
            return Ok(Some((head, body)));
        }
        if body.len() > BODY_LIMIT || more(read)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn encode_answer(status: u16, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} -\r\n");
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = write!(text, "Content-Length: {}\r\n\r\n", body.len());
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
