//! The proxy before a real API server does what it says, and nothing else.

#![expect(clippy::unwrap_used, reason = "what cannot be run fails the test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Pid;
use serde_json::{Value, json};
use testkit::api_proxy::{ApiFault, ApiProxy, Seen, Victim, among};
use testkit::apiserver::{ApiServer, POWERLESS_TOKEN};
use testkit::tools::{self, Tool};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn before(
    server: &ApiServer,
    faults: impl Fn(&Seen, u64) -> ApiFault + Send + Sync + 'static,
) -> ApiProxy {
    let token = Some(server.token().to_owned());
    ApiProxy::before(server.address(), server.authorities(), token, faults).unwrap()
}

/// A plain client's connection.
struct Plain(BufReader<TcpStream>);

impl Plain {
    fn to(proxy: &ApiProxy) -> Self {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Self(BufReader::new(stream))
    }

    fn send(&mut self, method: &str, target: &str, headers: &str, body: &str) {
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\
             Content-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        );
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
    }

    /// Up to the end of a line; `None` when the connection is closed.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
            Err(error) => panic!("{error}"),
        }
    }

    /// The status and whether the body is chunked or how long it is.
    fn head(&mut self) -> Option<(u16, Option<usize>)> {
        let status = self.line()?.split(' ').nth(1)?.parse().unwrap();
        let mut length = None;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                return Some((status, length));
            }
            if let Some(text) = line.strip_prefix("content-length: ") {
                length = Some(text.parse().unwrap());
            }
        }
    }

    fn chunk(&mut self) -> Vec<u8> {
        let size = usize::from_str_radix(&self.line().unwrap(), 16).unwrap();
        let mut chunk = vec![0; size];
        self.0.read_exact(&mut chunk).unwrap();
        self.line();
        chunk
    }

    fn answer(&mut self) -> Option<(u16, Value)> {
        let (status, length) = self.head()?;
        let mut body = Vec::new();
        match length {
            Some(length) => {
                body.resize(length, 0);
                self.0.read_exact(&mut body).unwrap();
            }
            None => loop {
                let chunk = self.chunk();
                if chunk.is_empty() {
                    break;
                }
                body.extend(chunk);
            },
        }
        Some((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    fn ask(&mut self, method: &str, target: &str, body: &str) -> Option<(u16, Value)> {
        self.send(method, target, "", body);
        self.answer()
    }
}

fn map(name: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "b"},
    })
    .to_string()
}

fn exists(server: &ApiServer, name: &str) -> bool {
    let answer = server
        .connect()
        .unwrap()
        .get(&format!("{MAPS}/{name}"))
        .unwrap();
    match answer.status {
        200 => true,
        404 => false,
        other => panic!("{other}: {}", answer.body),
    }
}

#[test]
fn what_passes_is_what_the_server_said() {
    let server = ApiServer::shared().unwrap();
    let proxy = before(&server, |_, _| ApiFault::None);
    let mut client = Plain::to(&proxy);
    let (status, made) = client.ask("POST", MAPS, &map("passed")).unwrap();
    assert_eq!(status, 201, "{made}");
    // Small with a length, large in chunks, one that is not there.
    for path in [
        format!("{MAPS}/passed"),
        "/openapi/v2".to_owned(),
        "/apis".to_owned(),
        format!("{MAPS}/absent"),
    ] {
        let direct = server.connect().unwrap().get(&path).unwrap();
        let (status, body) = client.ask("GET", &path, "").unwrap();
        assert_eq!(status, direct.status);
        let direct: Value = serde_json::from_str(&direct.body).unwrap();
        assert!(body == direct, "{path} differs");
    }
    let seen = proxy.seen();
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].path, MAPS);
    assert_eq!(seen[0].body, map("passed").as_bytes());
    assert_eq!(seen[0].status, Some(201));
    assert_eq!(seen[4].status, Some(404));
    assert_eq!(seen[4].ordinal, 4);
    assert_eq!(proxy.writes(), seen[..1]);
    assert_eq!(proxy.peak_connections(), 1);
    let _other = Plain::to(&proxy).ask("GET", "/version", "").unwrap();
    assert_eq!(proxy.peak_connections(), 2);
    proxy.forget();
    assert!(proxy.seen().is_empty());
}

#[test]
fn who_says_who_he_is_remains_it() {
    let server = ApiServer::shared().unwrap();
    let proxy = before(&server, |_, _| ApiFault::None);
    let mut client = Plain::to(&proxy);
    let authorization = format!("Authorization: Bearer {POWERLESS_TOKEN}\r\n");
    client.send("GET", MAPS, &authorization, "");
    assert_eq!(client.answer().unwrap().0, 403);
    client.send("GET", MAPS, "", "");
    assert_eq!(client.answer().unwrap().0, 200);
}

#[test]
fn a_body_in_chunks_arrives() {
    let server = ApiServer::shared().unwrap();
    let proxy = before(&server, |_, _| ApiFault::None);
    let mut client = Plain::to(&proxy);
    let body = map("chunked");
    let (first, second) = body.split_at(20);
    let request = format!(
        "POST {MAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    );
    client.0.get_mut().write_all(request.as_bytes()).unwrap();
    assert_eq!(client.line().unwrap(), "HTTP/1.1 100 Continue");
    client.line();
    for part in [first, second, ""] {
        let chunk = format!("{:x}\r\n{part}\r\n", part.len());
        client.0.get_mut().write_all(chunk.as_bytes()).unwrap();
    }
    assert_eq!(client.answer().unwrap().0, 201);
    assert!(exists(&server, "chunked"));
}

#[test]
fn dropped_before_it_never_happened_and_after_it_did() {
    let server = ApiServer::shared().unwrap();
    let proxy = before(
        &server,
        among(Seen::is_write, |n| match n {
            0 => ApiFault::DropBefore,
            1 => ApiFault::DropAfter,
            _ => ApiFault::None,
        }),
    );
    let mut client = Plain::to(&proxy);
    client.ask("GET", "/version", "").unwrap();
    assert_eq!(client.ask("POST", MAPS, &map("before")), None);
    assert!(!exists(&server, "before"));
    assert_eq!(Plain::to(&proxy).ask("POST", MAPS, &map("after")), None);
    assert!(exists(&server, "after"));
    let again = Plain::to(&proxy).ask("POST", MAPS, &map("after")).unwrap();
    assert_eq!(again.0, 409);
    let statuses: Vec<_> = proxy.writes().iter().map(|w| w.status).collect();
    assert_eq!(statuses, [None, Some(201), Some(409)]);
}

#[test]
fn delayed_and_answered() {
    const DELAY: Duration = Duration::from_millis(300);
    let server = ApiServer::shared().unwrap();
    let proxy = before(&server, |_, n| match n {
        0 => ApiFault::Delay(DELAY),
        _ => ApiFault::status(503, "ServiceUnavailable", "busy"),
    });
    let mut client = Plain::to(&proxy);
    let started = Instant::now();
    assert_eq!(client.ask("POST", MAPS, &map("late")).unwrap().0, 201);
    assert!(started.elapsed() >= DELAY);
    let (status, body) = client.ask("POST", MAPS, &map("refused")).unwrap();
    assert_eq!((status, &body["message"]), (503, &json!("busy")));
    assert!(!exists(&server, "refused"));
    // The connection went on, and other faults can follow.
    proxy.inject(|_, _| ApiFault::None);
    assert_eq!(client.ask("POST", MAPS, &map("refused")).unwrap().0, 201);
    assert_eq!(proxy.peak_connections(), 1);
}

#[test]
fn killed_when_it_is_done_and_before_it_is_known() {
    let server = ApiServer::shared().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let (victim, called) = (Victim::default(), Arc::clone(&done));
    let of_fault = victim.clone();
    let proxy = before(
        &server,
        among(Seen::is_write, move |n| {
            let called = Arc::clone(&called);
            match n {
                0 => ApiFault::CallAfter(Arc::new(move || called.store(true, Ordering::SeqCst))),
                _ => ApiFault::KillAfter(of_fault.clone()),
            }
        }),
    );
    let answer = Plain::to(&proxy).ask("POST", MAPS, &map("called")).unwrap();
    assert_eq!(answer.0, 201);
    assert!(done.load(Ordering::SeqCst));

    let dir = tempfile::tempdir().unwrap();
    let mut kubectl = Command::new(tools::path(Tool::Kubectl).unwrap());
    kubectl
        .arg("--kubeconfig")
        .arg(proxy.kubeconfig(dir.path()).unwrap())
        .args(["create", "configmap", "killed"])
        .env("HOME", dir.path())
        .stdout(Stdio::piped());
    let child = kubectl.spawn().unwrap();
    victim.set(Some(Pid::from_child(&child)));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), None, "a signal ends it");
    assert!(output.stdout.is_empty());
    assert!(exists(&server, "killed"));
}

#[test]
fn a_watch_streams_and_ends_with_its_client() {
    let server = ApiServer::shared().unwrap();
    let proxy = before(&server, |_, _| ApiFault::None);
    let mut watcher = Plain::to(&proxy);
    let target = format!("{MAPS}?watch=true&fieldSelector=metadata.name=watched");
    watcher.send("GET", &target, "", "");
    assert_eq!(watcher.head(), Some((200, None)));
    let mut direct = server.connect().unwrap();
    for value in ["one", "two"] {
        let body = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "watched"}, "data": {"is": value},
        })
        .to_string();
        let target = format!("{MAPS}/watched?fieldManager=test");
        let answer = direct.ask(
            "PATCH",
            &target,
            "application/apply-patch+yaml",
            body.as_bytes(),
        );
        assert!(answer.unwrap().status < 300);
        let event: Value = serde_json::from_slice(&watcher.chunk()).unwrap();
        assert_eq!(event["object"]["data"]["is"], value);
    }
    drop(watcher);
    // Seen gone though the server says nothing: the peak is of one at a time.
    std::thread::sleep(Duration::from_millis(300));
    proxy.forget();
    assert_eq!(proxy.peak_connections(), 0);
}

#[test]
fn dropping_it_ends_its_connections() {
    let server = ApiServer::shared().unwrap();
    let proxy = before(&server, |_, _| ApiFault::None);
    let mut watcher = Plain::to(&proxy);
    watcher.send("GET", &format!("{MAPS}?watch=1"), "", "");
    assert!(watcher.head().is_some());
    let mut idle = Plain::to(&proxy);
    idle.ask("GET", "/version", "").unwrap();
    let address = proxy.address();
    drop(proxy);
    assert_eq!(idle.line(), None);
    let mut rest = Vec::new();
    let _ = watcher.0.read_to_end(&mut rest);
    assert!(TcpStream::connect(address).is_err());
}

/// Sixteen connections at once, as a deploy has them: hundreds a second.
#[test]
fn many_at_once_are_quick() {
    const CLIENTS: usize = 16;
    const EACH: usize = 25;
    let server = ApiServer::shared().unwrap();
    let proxy = before(&server, |_, _| ApiFault::None);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let proxy = &proxy;
            scope.spawn(move || {
                let mut connection = Plain::to(proxy);
                for n in 0..EACH {
                    let body = map(&format!("many-{client}-{n}"));
                    assert_eq!(connection.ask("POST", MAPS, &body).unwrap().0, 201);
                }
            });
        }
    });
    let took = started.elapsed();
    assert_eq!(proxy.writes().len(), CLIENTS * EACH);
    assert!(proxy.writes().iter().all(|w| w.status == Some(201)));
    assert_eq!(proxy.peak_connections(), CLIENTS);
    assert!(took < Duration::from_secs(20), "{took:?}");
}
