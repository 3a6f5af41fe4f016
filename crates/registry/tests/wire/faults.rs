//! What networks and busy servers do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use registry::{RegistryError, findings};
use testkit::http::{Action, Reply, Request, Server};
use testkit::proxy::{Fault, Proxy};
use testkit::registry::{Kind, Registry};

use super::{resolve, resolve_all, settings};

/// A registry with one image behind a proxy that does this to the first
/// requests, by their number.
fn behind(fault: impl Fn(usize) -> Fault + Send + Sync + 'static) -> (Registry, Proxy, String) {
    let registry = Registry::open().unwrap();
    registry.push("app", "v1", Kind::OciIndex, "x").unwrap();
    let nth = AtomicUsize::new(0);
    let fault = move |_: &Request| fault(nth.fetch_add(1, Ordering::SeqCst));
    let proxy = Proxy::before(registry.address(), fault).unwrap();
    let text = format!("{}/app:v1", proxy.host());
    (registry, proxy, text)
}

#[test]
fn too_many_requests_then_fine() {
    let (_registry, proxy, text) = behind(|nth| match nth {
        0 => Fault::Answer(Reply::status(429).with("Retry-After", "0")),
        1 => Fault::Answer(Reply::status(429)),
        _ => Fault::None,
    });
    resolve(settings(), &text).unwrap();
    assert_eq!(proxy.seen().len(), 3);
}

#[test]
fn too_many_requests_for_ever() {
    let (_registry, proxy, text) = behind(|_| Fault::Answer(Reply::status(429)));
    let error = resolve(settings(), &text).unwrap_err();
    assert_eq!(error.code(), "registry-too-many-requests");
    assert_eq!(proxy.seen().len(), 5);
}

#[test]
fn a_wait_past_the_deadline_is_not_begun() {
    let (_registry, proxy, text) =
        behind(|_| Fault::Answer(Reply::status(429).with("Retry-After", "86400")));
    let error = resolve(settings(), &text).unwrap_err();
    assert!(error.to_string().contains("86400"), "{error}");
    assert_eq!(proxy.seen().len(), 1);
}

#[test]
fn unavailable_for_ever_and_then_left_alone() {
    let (_registry, proxy, _) = behind(|_| {
        Fault::Answer(
            Reply::status(503)
                .body("<html>")
                .with("Content-Type", "text/html"),
        )
    });
    let host = proxy.host();
    let answers = resolve_all(settings(), (0..30).map(|n| format!("{host}/app{n}:v1")));
    assert_eq!(answers.len(), 30);
    for answer in answers.values() {
        assert!(
            matches!(
                answer,
                Err(RegistryError::Unavailable {
                    status: 503,
                    attempts: 5,
                    ..
                })
            ),
            "{answer:?}"
        );
    }
    assert_eq!(proxy.seen().len(), 5, "one image asks for all");
    let findings = findings("cannot resolve", &answers);
    assert_eq!(findings.len(), 1);
    assert!(
        findings[0].message.contains("and 25 more"),
        "{}",
        findings[0].message
    );
    assert_eq!(findings[0].class, model::finding::Class::Remote);
}

#[test]
fn unavailable_then_fine() {
    for status in [408, 500, 502, 503, 504] {
        let (_registry, proxy, text) = behind(move |nth| match nth {
            0 | 1 => Fault::Answer(Reply::status(status)),
            _ => Fault::None,
        });
        resolve(settings(), &text).unwrap();
        assert_eq!(proxy.seen().len(), 3);
    }
}

#[test]
fn dropped_then_fine_and_dropped_for_ever() {
    let (_registry, proxy, text) = behind(|nth| if nth < 2 { Fault::Drop } else { Fault::None });
    resolve(settings(), &text).unwrap();
    assert!(proxy.seen().len() >= 3);

    let (_registry, _proxy, text) = behind(|_| Fault::Drop);
    let error = resolve(settings(), &text).unwrap_err();
    assert_eq!(error.code(), "registry-network");
}

#[test]
fn slow_once_then_fine_and_slow_for_ever() {
    let slow = Duration::from_secs(30);
    let limits = |deadline| {
        let mut settings = settings();
        settings.limits.request = Duration::from_millis(300);
        settings.limits.deadline = deadline;
        settings
    };
    let (_registry, proxy, text) = behind(move |nth| {
        if nth == 0 {
            Fault::Delay(slow)
        } else {
            Fault::None
        }
    });
    resolve(limits(Duration::from_secs(60)), &text).unwrap();
    assert_eq!(proxy.seen().len(), 2);

    let (_registry, _proxy, text) = behind(move |_| Fault::Delay(slow));
    let error = resolve(limits(Duration::from_secs(60)), &text).unwrap_err();
    assert!(
        matches!(&error, RegistryError::Timeout { after, .. } if *after == Duration::from_millis(300)),
        "{error:?}"
    );

    // The deadline is for all attempts together.
    let (_registry, _proxy, text) = behind(move |_| Fault::Delay(slow));
    let mut one = limits(Duration::from_millis(200));
    one.limits.request = slow;
    let error = resolve(one, &text).unwrap_err();
    assert!(
        matches!(&error, RegistryError::Timeout { after, .. } if *after == Duration::from_millis(200)),
        "{error:?}"
    );
}

#[test]
fn nobody_there() {
    let address = testkit::process::free_address().unwrap();
    let error = resolve(settings(), &format!("{address}/app:v1")).unwrap_err();
    assert_eq!(error.code(), "registry-network");
    assert!(error.to_string().contains("refused"), "{error}");
}

#[test]
fn not_found_is_final() {
    let (_registry, proxy, text) = behind(|_| Fault::None);
    let error = resolve(settings(), &text.replace(":v1", ":v2")).unwrap_err();
    assert_eq!(error.code(), "image-not-found");
    assert!(error.to_string().contains("app:v2"), "{error}");
    assert_eq!(proxy.seen().len(), 1);
}

/// What a registry says is cut, and kept as it is: who prints it escapes it.
#[test]
fn x1_a_registrys_words_are_data() {
    let words = format!("\u{1b}[2J\u{202e}{}", "x".repeat(100_000));
    let body = serde_json::json!({"errors": [{"code": "DENIED", "message": words}]}).to_string();
    let server = Server::start(move |request| {
        Action::Answer(match request.method.as_str() {
            "HEAD" => Reply::status(405),
            _ => Reply::status(403).body(body.clone()),
        })
    })
    .unwrap();
    let error = resolve(settings(), &format!("{}/app:v1", server.host())).unwrap_err();
    assert_eq!(error.code(), "registry-denied");
    let text = error.to_string();
    assert!(
        text.contains("\u{1b}[2J\u{202e}xxx") && text.chars().count() < 400,
        "{text}"
    );
    assert!(model::text::escape(&text).contains(r"\x1b[2J\u{202e}xxx"));
}

#[test]
fn p10_an_endless_answer_is_cut_off() {
    let server = Server::start(|request| {
        Action::Answer(match request.method.as_str() {
            "HEAD" => Reply::status(405),
            _ => Reply::status(200)
                .with("Content-Type", Kind::OciIndex.media_type())
                .body(vec![b' '; 5 << 20]),
        })
    })
    .unwrap();
    let error = resolve(settings(), &format!("{}/app:v1", server.host())).unwrap_err();
    assert!(
        error.to_string().contains("larger than 4194304 bytes"),
        "{error}"
    );
}
