//! What the tests stand on.

use catalog::tracking::{Change, Primary, Status, Time, apply};
use model::finding::Finding;

/// The specification's example, with the indentation that its text has lost.
pub const EXAMPLE: &str = "# config/clients.yaml
clients:
  - name: acme-corp
    namespace: sh-acme-corp
    packages:
      - version: v1.0.0
        deployed: 2026-01-15T10:00:00Z
        status: superseded
      - version: v1.1.0
        deployed: 2026-01-20T14:30:00Z
        status: superseded
      - version: v1.2.3
        deployed: 2026-01-29T10:15:30Z
        status: active
";

/// A change of acme-corp in its primary context, `prod`.
pub fn change(version: &str, status: Status, at: &str) -> Change {
    Change {
        client: "acme-corp".parse().unwrap(),
        namespace: "sh-acme-corp".parse().unwrap(),
        version: version.parse().unwrap(),
        context: "prod".parse().unwrap(),
        primary: Primary::Yes,
        status,
        at: time(at),
        former: None,
    }
}

/// A version became active after another.
pub fn deploy(version: &str, at: &str, former: &str) -> Change {
    let former = Some(former.parse().unwrap());
    Change {
        former,
        ..change(version, Status::Active, at)
    }
}

/// The same in another context.
pub fn elsewhere(change: Change, context: &str) -> Change {
    Change {
        context: context.parse().unwrap(),
        primary: Primary::No,
        ..change
    }
}

pub fn time(text: &str) -> Time {
    text.parse().unwrap()
}

/// The text after a change that has no notes.
#[track_caller]
pub fn after(text: &str, change: &Change) -> String {
    let edited = apply(Some(text), change).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
    assert_eq!(edited.notes, []);
    edited.text
}

/// The findings' places and words.
pub fn said(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|f| format!("{} {f}", f.code)).collect()
}
