//! Whether what is ready stays so.

use std::time::Duration;

use rollout::ready::{AFTER_RESTART, Observed, Rules, Settling, WITHOUT_PROBE};
use serde_json::{Value, json};

use crate::objects::{NEW, crashing, pod, unready, with};

const STARTED: &str = "2026-03-01T10:00:06Z";

fn bare(restarts: i64) -> Value {
    with(
        pod("once", "", NEW),
        &[("/status/containerStatuses/0/restartCount", json!(restarts))],
    )
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn rules(since: &str) -> Rules {
    Rules {
        since: Some(since.parse().unwrap()),
        ..Rules::default()
    }
}

#[test]
fn d14_a_container_without_a_probe_is_looked_at_twice() {
    let mut settling = Settling::new(&rules(STARTED));
    let first = bare(0);
    assert_eq!(
        settling.remaining(&Observed::of(&first), seconds(1)),
        WITHOUT_PROBE
    );
    assert_eq!(
        settling.remaining(&Observed::of(&first), seconds(2)),
        seconds(1)
    );
    // It had ended meanwhile: all over again, and longer.
    let again = bare(1);
    assert_eq!(
        settling.remaining(&Observed::of(&again), seconds(3)),
        AFTER_RESTART
    );
    assert_eq!(
        settling.remaining(&Observed::of(&again), seconds(12)),
        seconds(1)
    );
    assert_eq!(
        settling.remaining(&Observed::of(&again), seconds(13)),
        Duration::ZERO
    );
}

#[test]
fn what_was_not_ready_in_between_starts_anew() {
    let mut settling = Settling::new(&rules(STARTED));
    let ready = bare(0);
    let not = unready(bare(0), 0, json!({"running": {"startedAt": STARTED}}));
    assert_eq!(
        settling.remaining(&Observed::of(&ready), seconds(0)),
        WITHOUT_PROBE
    );
    settling.remaining(&Observed::of(&not), seconds(1));
    assert_eq!(
        settling.remaining(&Observed::of(&ready), seconds(5)),
        WITHOUT_PROBE
    );
    // What is not ready is no business of this.
    let down = crashing(bare(2), 2);
    assert_eq!(
        settling.remaining(&Observed::of(&down), seconds(6)),
        Duration::ZERO
    );
}

#[test]
fn a_probe_is_proof_enough() {
    for probe in ["readinessProbe", "startupProbe"] {
        let probed = with(
            bare(1),
            &[(&format!("/spec/containers/0/{probe}"), json!({}))],
        );
        let mut settling = Settling::new(&rules(STARTED));
        assert_eq!(
            settling.remaining(&Observed::of(&probed), seconds(0)),
            Duration::ZERO
        );
    }
    let alive = with(bare(0), &[("/spec/containers/0/livenessProbe", json!({}))]);
    let mut settling = Settling::new(&rules(STARTED));
    assert_eq!(
        settling.remaining(&Observed::of(&alive), seconds(0)),
        WITHOUT_PROBE
    );
}

#[test]
fn what_ran_long_before_the_run_costs_no_time() {
    for (since, expected) in [
        ("2026-03-01T10:00:17Z", Duration::ZERO),
        ("2026-03-01T10:00:16Z", AFTER_RESTART),
    ] {
        let mut settling = Settling::new(&rules(since));
        let observed = bare(3);
        assert_eq!(
            settling.remaining(&Observed::of(&observed), seconds(0)),
            expected
        );
    }
}
