//! Comments and unknown keys survive any changes, and what comes out says
//! what was meant.

use std::collections::BTreeMap;

use catalog::tracking::{Change, Primary, Status, Time, apply, parse};
use model::yaml::{Limits, Node, parse_structure};
use proptest::prelude::*;

const CLIENTS: [&str; 4] = ["acme-corp", "beta", "no", "007"];
const CONTEXTS: [&str; 3] = ["prod", "staging", "arn:aws:eks:eu:1:cluster/a b"];

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let one = (0..4_usize, 0..5_u32, 0..3_usize, 0..5_u8, 0..4_usize);
    prop::collection::vec(one, 1..12).prop_map(|all| {
        let mut active: BTreeMap<(usize, usize), String> = BTreeMap::new();
        let mut out = Vec::new();
        for (nth, (client, version, context, status, _)) in all.into_iter().enumerate() {
            let version = format!("v1.{version}.0");
            let status = match status {
                0 | 1 => Status::Active,
                2 => Status::Failed,
                3 => Status::RolledBack,
                _ => Status::Removed,
            };
            let place = (client, context);
            let former = active.get(&place).map(|v| v.parse().unwrap());
            match status {
                Status::Active => drop(active.insert(place, version.clone())),
                // A version that failed or went is not active any more.
                _ => {
                    if active.get(&place) == Some(&version) {
                        active.remove(&place);
                    }
                }
            }
            out.push(Change {
                client: CLIENTS[client].parse().unwrap(),
                namespace: format!("sh-{}", CLIENTS[client]).parse().unwrap(),
                version: version.parse().unwrap(),
                context: CONTEXTS[context].parse().unwrap(),
                primary: if context == 0 {
                    Primary::Yes
                } else {
                    Primary::No
                },
                status,
                at: format!("2026-02-01T00:00:{nth:02}Z").parse().unwrap(),
                former,
            });
        }
        out
    })
}

/// A file as people keep it: indentation, quotes, blank lines, comments and
/// keys of their own, by the bits of `style`.
fn file(style: u32) -> String {
    let bit = |n: u32| (style >> n) & 1 == 1;
    let mut lines: Vec<String> = Vec::new();
    let mut add = |wanted: bool, line: &str| {
        if wanted {
            lines.push(line.to_owned());
        }
    };
    let outer = if bit(0) { "  " } else { "" };
    let at = format!("{outer}  {}", if bit(1) { "  " } else { "" });
    add(bit(2), "# c1\n---");
    add(bit(3), "owner: o1 # c2");
    add(bit(4), "clients:  # c3");
    add(!bit(4), "clients:");
    for (n, client) in ["acme-corp", "\"no\"", "gamma"].iter().enumerate() {
        add(bit(5), "\n  # c4\n# c5");
        add(true, &format!("{outer}- name: {client}"));
        add(bit(6), &format!("{outer}  tags: [a, {{b: c}}] # c6"));
        add(bit(7), &format!("{outer}  namespace: sh-old"));
        if n == 2 && bit(8) {
            add(true, &format!("{outer}  packages: [] # c7"));
            continue;
        }
        add(true, &format!("{outer}  packages:"));
        add(bit(9), &format!("{at}# c8"));
        for version in 0..2 {
            add(true, &format!("{at}- version: v1.{version}.0 # c9"));
            add(bit(10), &format!("{at}  note: |\n{at}    # text, t1"));
            add(bit(10), &format!("{at}    more t2"));
            add(bit(11), &format!("{at}  status: 'superseded' # c10"));
            add(bit(12), &format!("{at}  # c11"));
            add(bit(13), &format!("{at}  deployed: 2026-01-15 10:00:00"));
            add(bit(14), &format!("{at}  contexts:\n{at}    # c12"));
            add(
                bit(14),
                &format!("{at}    staging:\n{at}      by: b1 # c13"),
            );
            add(bit(14), &format!("{at}      status: failed"));
            add(bit(15), &format!("{at}  \"odd key\": e1"));
            add(bit(16), &format!("{at}    # c14"));
        }
        add(bit(17), &format!("{outer}  contacts:\n{outer}  - p1"));
    }
    add(bit(18), "\n# c15");
    add(bit(19), "groups:\n  all: [g1]");
    add(bit(20), "# c16");
    let ended = if bit(20) { "" } else { "\n" };
    lines.join("\n") + ended
}

/// The comments, as often as they are there; text that looks like one is there
/// as often, too.
fn comments(text: &str) -> BTreeMap<String, usize> {
    let mut out = BTreeMap::new();
    for line in text.lines() {
        if let Some((_, comment)) = line.split_once('#') {
            *out.entry(comment.to_owned()).or_default() += 1;
        }
    }
    out
}

/// Everything said under keys that are not the schema's.
fn unknown(text: &str) -> Vec<String> {
    fn walk(node: &Node, path: &str, own: bool, out: &mut Vec<String>) {
        const OURS: [&str; 8] = [
            "clients",
            "name",
            "namespace",
            "packages",
            "version",
            "deployed",
            "status",
            "contexts",
        ];
        if let Some(map) = node.as_map() {
            let contexts = path.ends_with("/contexts");
            for (key, value) in map.iter() {
                let own = own || (!contexts && !OURS.contains(&key));
                walk(value, &format!("{path}/{key}"), own, out);
            }
        } else if let Some(items) = node.as_seq() {
            for (n, item) in items.iter().enumerate() {
                walk(item, &format!("{path}/{n}"), own, out);
            }
        } else if own {
            out.push(format!("{path} {:?}", node.as_scalar().unwrap()));
        }
    }
    let mut out = Vec::new();
    for document in parse_structure(text, &Limits::default()).unwrap() {
        walk(&document.node, "", false, &mut out);
    }
    out
}

/// What is known of a version in a context.
type Said = BTreeMap<(String, String, String), Option<(Option<Status>, Option<Time>)>>;

fn says(text: &str) -> Said {
    let view = parse(text).unwrap();
    let mut out = Said::new();
    for client in &view.clients {
        for package in &client.packages {
            for (n, context) in CONTEXTS.iter().enumerate() {
                let primary = if n == 0 { Primary::Yes } else { Primary::No };
                let context = context.parse().unwrap();
                let status = package.status_in(&context, primary);
                let time = package.deployed_in(&context, primary);
                let key = (
                    client.name.to_string(),
                    package.version.to_string(),
                    context.to_string(),
                );
                let said = (status.is_some() || time.is_some()).then_some((status, time));
                assert!(out.insert(key, said).is_none(), "listed twice:\n{text}");
            }
        }
    }
    out
}

/// What a change means, by a plain map.
fn expect(said: &mut Said, change: &Change) {
    let of = |c: &Change, v: &str, x: &str| (c.client.to_string(), v.to_owned(), x.to_owned());
    let version = change.version.to_string();
    for context in CONTEXTS {
        said.entry(of(change, &version, context)).or_default();
    }
    let key = of(change, &version, change.context.as_str());
    if change.status == Status::Active {
        for ((client, _, context), value) in said.iter_mut() {
            if *client == key.0
                && *context == key.2
                && let Some((status @ Some(Status::Active), _)) = value
            {
                *status = Some(Status::Superseded);
            }
        }
    }
    let old = said.get(&key).copied().flatten().and_then(|(_, time)| time);
    let time = match (change.status, old) {
        (Status::Removed, Some(old)) => old,
        _ => change.at,
    };
    said.insert(key, Some((Some(change.status), Some(time))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn r6_comments_and_unknown_keys_survive_any_changes(style in 0..1_u32 << 21, changes in changes()) {
        let mut text = file(style);
        let (kept, own) = (comments(&text), unknown(&text));
        let mut said = says(&text);
        for change in &changes {
            let edited = apply(Some(&text), change);
            let edited = edited.unwrap_or_else(|e| panic!("{e:?}\n{change:?}\n{text}"));
            expect(&mut said, change);
            let now = says(&edited.text);
            for (key, meant) in &said {
                prop_assert_eq!(now.get(key), Some(meant), "{:?}\n{:?}\n{}\n{}", key, change, text, edited.text);
            }
            prop_assert_eq!(now.len(), said.len());
            prop_assert_eq!(comments(&edited.text), kept.clone(), "{}\n{}", text, edited.text);
            prop_assert_eq!(unknown(&edited.text), own.clone(), "{}\n{}", text, edited.text);
            let again = apply(Some(&edited.text), change).unwrap();
            prop_assert_eq!(&again.text, &edited.text);
            text = edited.text;
        }
    }

    /// Lines taken out, doubled or indented otherwise make odd files; they are
    /// edited rightly or refused, and never spoilt.
    #[test]
    fn r6_a_disordered_file_is_edited_rightly_or_refused(
        style in 0..1_u32 << 21,
        cuts in prop::collection::vec((0..60_usize, 0..4_u8), 1..4),
        change in changes(),
    ) {
        let mut lines: Vec<String> = file(style).lines().map(str::to_owned).collect();
        for (at, how) in cuts {
            let at = at % lines.len();
            match how {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[at].clone()),
                2 => lines[at].insert(0, ' '),
                _ => lines[at] = lines[at].trim().to_owned(),
            }
            if lines.is_empty() {
                return Ok(());
            }
        }
        let text = lines.join("\n");
        let Ok(edited) = apply(Some(&text), &change[0]) else {
            return Ok(());
        };
        let view = parse(&edited.text).unwrap();
        let it = &change[0];
        let found = view.packages_of(&it.client).filter(|p| p.version == it.version).last();
        prop_assert_eq!(found.unwrap().status_in(&it.context, it.primary), Some(it.status));
        prop_assert_eq!(comments(&edited.text), comments(&text));
        prop_assert_eq!(unknown(&edited.text), unknown(&text));
    }
}
