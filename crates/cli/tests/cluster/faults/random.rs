//! Faults of all kinds at random, on a larger client: a few rounds with every
//! run of the tests, a thousand in a bench. `CONSIGN_FAULT_SEED` repeats the
//! faults of a run that failed.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use testkit::api_proxy::{ApiFault, Seen, Victim};
use testkit::consign::Ran;

use super::scene::{LeaseIs, Scene, V1, V2};
use super::trouble::{broken, later};

/// Rounds, unless `CONSIGN_FAULT_ROUNDS` says otherwise.
const ROUNDS: u64 = 6;

/// More objects, of three kinds, of each so many.
const MORE: usize = 8;

/// Steele, Lea and Flood's `SplitMix64`.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// A number of the environment.
fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("it is a number"))
}

fn larger(name: &str) -> Scene {
    let mut text = String::new();
    let mut names = Vec::new();
    for n in 0..MORE {
        for (kind, version, spec) in [
            ("ConfigMap", "v1", format!("data: {{n: \"{n}\"}}\n")),
            (
                "Service",
                "v1",
                "spec: {selector: {app: web}, ports: [{port: 80}]}\n".to_owned(),
            ),
            (
                "Role",
                "rbac.authorization.k8s.io/v1",
                "rules: [{apiGroups: [\"\"], resources: [pods], verbs: [get]}]\n".to_owned(),
            ),
        ] {
            let name = format!("more-{n}");
            let _ = write!(
                text,
                "---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}}}\n{spec}"
            );
            if kind != "Role" {
                names.push(format!("{kind}/{name}"));
            }
        }
    }
    Scene::with_more(name, 0, &[("more.yaml", &text, &names)])
}

/// Faults of one round: one request in so many has one.
fn faults(
    mut chance: Chance,
    victim: Victim,
) -> impl Fn(&Seen, u64) -> ApiFault + Send + Sync + 'static {
    let one_in = 2 + chance.below(30);
    let killed = (chance.below(3) == 0).then(|| chance.below(120));
    // The server is away for so many requests.
    let away = (chance.below(4) == 0).then(|| {
        let from = chance.below(120);
        from..from + chance.below(60)
    });
    let chance = Mutex::new(chance);
    move |_, ordinal| {
        if Some(ordinal) == killed {
            return ApiFault::KillAfter(victim.clone());
        }
        if away.as_ref().is_some_and(|away| away.contains(&ordinal)) {
            return ApiFault::DropBefore;
        }
        let mut chance = chance.lock().expect("no thread panics here");
        if chance.below(one_in) != 0 {
            return ApiFault::None;
        }
        match chance.below(7) {
            0 => ApiFault::Delay(Duration::from_millis(chance.below(300))),
            1 => later(429),
            2 => later(503),
            3 => broken(500),
            4 => broken(503),
            5 => ApiFault::DropBefore,
            _ => ApiFault::DropAfter,
        }
    }
}

/// A seed that no earlier run of the tests had.
fn clock() -> u64 {
    let since = UNIX_EPOCH.elapsed().expect("it is after 1970");
    since.as_secs() ^ u64::from(since.subsec_nanos())
}

/// What a run that was interrupted said of the objects that differ between the
/// versions, if it came so far: applied, not applied, or not known.
fn is_true_of_objects(scene: &Scene, ran: &Ran, before: &str, to: &str, context: &str) -> bool {
    let named = |what: &str, object: &str| {
        ran.stderr
            .lines()
            .chain(ran.stdout.lines())
            .filter_map(|l| l.split_once(&format!("] {what}: ")))
            .any(|(_, list)| list.split(", ").any(|o| o == object))
    };
    let space = &scene.stage.namespace;
    let text = scene.stage.get("configmap/settings")["data"]["text"]
        .as_str()
        .map(str::to_owned);
    let mut told = 0;
    for (object, live) in [
        (format!("Deployment {space}/web"), scene.version()),
        (format!("ConfigMap {space}/settings"), text),
    ] {
        let live = live.as_deref();
        let claims = ["Applied", "Not applied", "Not known"].map(|what| named(what, &object));
        let holds = match claims {
            [false, false, false] => continue,
            [true, false, false] => live == Some(to),
            [false, true, false] => live == Some(before),
            [false, false, true] => [Some(before), Some(to)].contains(&live),
            _ => false,
        };
        told += 1;
        assert!(holds, "{object} is {live:?}, said {claims:?}: {context}");
    }
    told == 2
}

/// What a run said is true.
#[track_caller]
fn is_true(scene: &Scene, ran: &Ran, before: &str, to: &str, context: &str) {
    let context = format!("{context}: {}: {}\n{}", ran.code, ran.stdout, ran.stderr);
    match ran.code {
        // It says which records it could not write any more.
        0 if ran.stderr.contains("Older release records not updated") => {
            assert_eq!(scene.version().as_deref(), Some(to), "{context}");
            let outcomes = scene.outcomes();
            let newest = outcomes.last().expect("there are records");
            assert_eq!(
                (newest.1.as_str(), newest.2.as_str()),
                (to, "active"),
                "{context}"
            );
        }
        0 => scene.is_good(to, LeaseIs::Any, &context),
        // Nothing of the package was applied.
        6 | 9 => assert_eq!(scene.version().as_deref(), Some(before), "{context}"),
        10 => {
            assert_eq!(scene.version().as_deref(), Some(before), "{context}");
            let outcomes = scene.outcomes();
            let newest = outcomes.last().expect("there are records");
            assert_eq!(
                (newest.1.as_str(), newest.2.as_str()),
                (before, "active"),
                "{context}"
            );
        }
        11 => {
            for words in [
                format!("Rollout of {to} failed, and no earlier version was put back"),
                format!("Putting {before} back failed too"),
                format!("--to {before}"),
            ] {
                assert!(ran.stderr.contains(&words), "{words:?} in {context}");
            }
            let outcomes = scene.outcomes();
            let newest = outcomes.last().expect("there are records");
            assert_ne!(
                (newest.1.as_str(), newest.2.as_str()),
                (to, "active"),
                "{context}"
            );
        }
        12 => {
            let words = "Interrupted after the first change to the cluster";
            assert!(ran.stderr.contains(words), "{context}");
            let told = is_true_of_objects(scene, ran, before, to, &context)
                || [
                    "Release record ",
                    &format!("Putting {before} back was interrupted"),
                ]
                .iter()
                .any(|words| ran.stderr.contains(words));
            assert!(told, "nothing is told of how far it got: {context}");
        }
        // A kill may come when all is done.
        137 if ran.stdout.contains("Deployment complete!") => {
            scene.is_good(to, LeaseIs::Any, &context);
        }
        137 => {}
        other => panic!("{other} is no promised end: {context}"),
    }
}

#[test]
fn d9_random_faults_leave_nothing_wedged() {
    let scene = larger("d9-random");
    let seed = setting("CONSIGN_FAULT_SEED", clock());
    println!("to do the same again: CONSIGN_FAULT_SEED={seed}");
    scene.well(&scene.deploy(V2)).exits(0);
    scene.well(&scene.deploy(V1)).exits(0);
    let mut at = V1;
    let mut ends = std::collections::BTreeMap::<i32, u64>::new();
    for round in 0..setting("CONSIGN_FAULT_ROUNDS", ROUNDS) {
        let mut chance = Chance(seed.wrapping_mul(1_000_003).wrapping_add(round));
        let to = if at == V1 { V2 } else { V1 };
        let arguments = if chance.below(2) == 0 {
            scene.deploy(to)
        } else {
            scene.rollback(&["--to", to])
        };
        let next = [V1, V2][usize::try_from(chance.below(2)).expect("it is small")];
        let by_rollback = chance.below(2) == 0;
        let victim = Victim::default();
        let ran = scene.with_faults(&arguments, &victim, faults(chance, victim.clone()));
        let context = format!("seed {seed}, round {round}, {arguments:?}");
        *ends.entry(ran.code).or_default() += 1;
        is_true(&scene, &ran, at, to, &context);
        let arguments = if by_rollback {
            scene.rollback(&["--to", next])
        } else {
            scene.deploy(next)
        };
        let after = scene.well(&arguments);
        assert_eq!(
            after.code, 0,
            "{context}, which ended with {}\n{}\n{}\nthen {arguments:?}\n{}\n{}",
            ran.code, ran.stdout, ran.stderr, after.stdout, after.stderr
        );
        let lease = if after.stdout.contains("already active") {
            LeaseIs::Any
        } else {
            LeaseIs::Free
        };
        scene.is_good(next, lease, &format!("{context}, then {arguments:?}"));
        at = next;
    }
    println!("ends of the runs with faults: {ends:?}");
}
