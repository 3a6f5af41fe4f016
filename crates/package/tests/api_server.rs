//! `schema::check` and a real API server agree on what is refused.
//!
//! Good objects of many kinds are broken one place at a time, and each broken
//! one is given to both: to the server by dry run with strict field
//! validation. The server also holds rules that no schema does; where one of
//! those asks for a field it is listed, in the server's words, in
//! `api_server/required.txt` (written anew with
//! `CONSIGN_WRITE_REQUIRED=1` and `--ignored`, for another release of Kubernetes).

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "how often both agree is worth knowing")]

#[path = "api_server/breaks.rs"]
mod breaks;
#[path = "api_server/judge.rs"]
mod judge;

use std::collections::{BTreeMap, BTreeSet};

use breaks::Broken;
use judge::{Judge, Verdict};
use model::object::Object;
use package::schema::{Release, check};
use testkit::apiserver::ApiServer;

const GOOD: &str = include_str!("api_server/good.yaml");
const CUSTOM: &str = include_str!("api_server/custom.yaml");
const REQUIRED: &str = include_str!("api_server/required.txt");

/// Where the two differ on purpose: what the difference is told as begins with
/// the first text and holds the second.
const DIFFERENCES: [(&str, &str, &str); 6] = [
    (
        "v1 Pod ",
        "resourceFieldRef.resource: some text",
        "names of huge pages are allowed too, so that it is no list of values",
    ),
    (
        "v1 PersistentVolumeClaim ",
        "spec.dataSource",
        "the server drops an incomplete source without a word",
    ),
    (
        "v1 LimitRange ",
        "metadata.name: required",
        "this kind's own rules forget the name, and nothing can be applied without",
    ),
    (
        "authentication.k8s.io/v1 TokenReview ",
        "metadata.name: required",
        "it is never stored, and so never applied",
    ),
    (
        "apiextensions.k8s.io/v1 CustomResourceDefinition ",
        "properties.spec.properties.a.",
        "a default is held to the schema it stands in",
    ),
    (
        "example.com/v1 Widget ",
        "spec.time: an empty list",
        "the server takes an empty list for a time, and would store it",
    ),
];

/// How many of the broken objects are tried: every one, or one of so many,
/// chosen by a fixed seed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    All,
    OneOf(u64),
}

#[test]
fn the_check_and_the_server_agree() {
    compare(Share::OneOf(6));
}

#[test]
#[ignore = "a minute: every broken object, not one of six"]
fn the_check_and_the_server_agree_on_all() {
    compare(Share::All);
}

fn compare(share: Share) {
    let server = ApiServer::shared().unwrap();
    let mut judge = Judge::new(&server);
    let mut tally = Tally::new(judge.release(), share);
    for object in breaks::objects(GOOD) {
        tally.object(&mut judge, &[], &object);
    }
    let (definitions, resources): (Vec<_>, Vec<_>) = breaks::objects(CUSTOM)
        .into_iter()
        .partition(|object| object.kind() == "CustomResourceDefinition");
    for definition in &definitions {
        judge.create(definition);
    }
    for object in resources {
        tally.object(&mut judge, &definitions, &object);
    }
    tally.close();
}

struct Tally {
    release: Release,
    share: Share,
    random: u64,
    /// How often what was done had which outcome.
    counts: BTreeMap<(&'static str, &'static str), usize>,
    /// What rules beyond schemas ask for.
    required: BTreeSet<String>,
    /// Where the two differ.
    apart: Vec<String>,
}

impl Tally {
    fn new(release: Release, share: Share) -> Self {
        Self {
            release,
            share,
            random: 20_261_123,
            counts: BTreeMap::new(),
            required: BTreeSet::new(),
            apart: Vec::new(),
        }
    }

    fn object(&mut self, judge: &mut Judge, definitions: &[Object], object: &Object) {
        let (ours, theirs) = (self.refused(definitions, object), judge.ask(object));
        if theirs != Verdict::Taken || ours.is_some() {
            self.apart
                .push(format!("{object} is good, but {theirs:?}, {ours:?}"));
            return;
        }
        for broken in breaks::all(object) {
            if self.is_tried() {
                self.broken(judge, definitions, &broken);
            }
        }
    }

    /// Whether the next one is tried.
    fn is_tried(&mut self) -> bool {
        // The generator of Knuth's MMIX; its upper bits are the good ones.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        match self.share {
            Share::All => true,
            Share::OneOf(n) => (self.random >> 33).is_multiple_of(n),
        }
    }

    fn broken(&mut self, judge: &mut Judge, definitions: &[Object], broken: &Broken) {
        let ours = self.refused(definitions, &broken.object);
        let theirs = judge.ask(&broken.object);
        let outcome = match (ours, theirs) {
            (None, Verdict::Taken) => "both take it",
            (Some(_), Verdict::Schema(_) | Verdict::Required(_) | Verdict::Rule(_)) => {
                "both refuse it"
            }
            (None, Verdict::Required(field)) => {
                let kind = format!("{} {}", broken.object.api_version(), broken.object.kind());
                self.required.insert(format!("{kind}: {field}"));
                "a rule beyond schemas asks for a field"
            }
            (None, Verdict::Rule(_)) => "a rule beyond schemas refuses it",
            (Some(ours), Verdict::Taken) => {
                self.differ(format!("{broken}: only we refuse it: {ours}"))
            }
            (None, Verdict::Schema(why)) => {
                self.differ(format!("{broken}: only the server refuses it: {why}"))
            }
        };
        *self.counts.entry((broken.how, outcome)).or_default() += 1;
    }

    fn differ(&mut self, difference: String) -> &'static str {
        let known = DIFFERENCES
            .iter()
            .any(|(kind, what, _)| difference.starts_with(kind) && difference.contains(what));
        if known {
            return "a listed difference";
        }
        self.apart.push(difference);
        "a difference"
    }

    /// What we say, if we refuse it.
    fn refused(&self, definitions: &[Object], object: &Object) -> Option<String> {
        let mut objects = definitions.to_vec();
        objects.push(object.clone());
        let findings = check(self.release, &objects);
        let mut errors = findings
            .into_iter()
            .filter(model::finding::Finding::is_error);
        errors.next().map(|finding| finding.message)
    }

    fn close(self) {
        println!("Kubernetes {}:", self.release);
        let mut sums: BTreeMap<&str, usize> = BTreeMap::new();
        for ((how, outcome), count) in &self.counts {
            println!("{count:6}  {how}: {outcome}");
            *sums.entry(*outcome).or_default() += count;
        }
        for (outcome, sum) in &sums {
            println!("{sum:6}  in all: {outcome}");
        }
        let listed: BTreeSet<String> = REQUIRED.lines().map(str::to_owned).collect();
        if std::env::var_os("CONSIGN_WRITE_REQUIRED").is_some() {
            let lines: Vec<_> = self.required.iter().cloned().collect();
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api_server/required.txt");
            std::fs::write(path, lines.join("\n") + "\n").unwrap();
        } else {
            let new: Vec<_> = self.required.difference(&listed).collect();
            assert!(new.is_empty(), "rules that are not listed: {new:#?}");
            let gone: Vec<_> = listed.difference(&self.required).collect();
            assert!(
                self.share != Share::All || gone.is_empty(),
                "listed rules that are none: {gone:#?}"
            );
        }
        let apart = self.apart;
        assert!(
            apart.is_empty(),
            "{} differ:\n{}",
            apart.len(),
            apart.join("\n")
        );
        let refused = sums.get("both refuse it").copied().unwrap_or_default();
        let taken = sums.get("both take it").copied().unwrap_or_default();
        assert!(
            refused >= 400 && taken >= 100,
            "{refused} and {taken} are too few"
        );
    }
}
