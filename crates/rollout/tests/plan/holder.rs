use jiff::Timestamp;
use proptest::prelude::*;
use rollout::holder::{Holder, Standing, standing};
use serde_json::{Value, json};

fn holder(user: &str, host: &str, boot: &str) -> Holder {
    Holder {
        user: user.to_owned(),
        host: host.to_owned(),
        pid: 7,
        started: 8,
        boot: boot.to_owned(),
        pid_namespace: "pid:[1]".to_owned(),
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_000_000).unwrap()
}

fn judged(lease: &Value) -> Standing {
    standing(lease, &holder("a", "b", "boot"), now(), |_| false)
}

proptest! {
    #[test]
    fn whatever_a_user_is_called_its_line_is_read_back(user in ".*", host in ".*", boot in ".*[0-9].*", pid: u32, started: u64) {
        let written = Holder { pid, started, ..holder(&user, &host, &boot) };
        let line = written.to_string();
        prop_assert!(line.is_ascii() && !line.contains('\n'), "{}", line);
        let read: Holder = line.parse().unwrap();
        prop_assert_eq!((read.pid, read.started), (pid, started));
        prop_assert!(read.shares_processes_with(&written));
        prop_assert_eq!(read.to_string(), line);
    }

    #[test]
    fn no_line_makes_it_panic(line in ".*") {
        let _ = line.parse::<Holder>();
    }
}

#[test]
fn lines_that_are_not_ours_are_nobody_that_we_know() {
    let good = holder("ann", "ci", "b").to_string();
    assert!(good.parse::<Holder>().is_ok());
    for line in [
        String::new(),
        good.replace('@', " "),
        good.replace(" pid 7", " pid -7"),
        good.replace(" pid 7", " pid 4294967296"),
        good.replace(" pid 7", " pid"),
        good.replace("started 8", "started 8.5"),
        good.replace(" pids ", "  pids "),
        format!("{good} more"),
        format!(" {good}"),
        "kube-controller-manager_1a2b".to_owned(),
    ] {
        assert!(line.parse::<Holder>().is_err(), "{line:?}");
    }
}

#[test]
fn a_process_of_another_boot_or_another_world_of_pids_is_never_declared_dead() {
    let me = holder("a", "b", "boot");
    let dead = |by: &Holder| {
        let lease = json!({"spec": {"holderIdentity": by.to_string(), "leaseDurationSeconds": 60, "renewTime": now().to_string()}});
        matches!(
            standing(&lease, &me, now(), |_| true),
            Standing::Orphaned { .. }
        )
    };
    assert!(dead(&me));
    assert!(dead(&holder("someone", "else", "boot")));
    assert!(!dead(&holder("a", "b", "another")));
    assert!(!dead(&Holder {
        pid_namespace: "pid:[2]".to_owned(),
        ..me.clone()
    }));
}

#[test]
fn leases_of_any_shape_are_judged() {
    let by = |value: Value| json!({"spec": {"holderIdentity": value, "leaseDurationSeconds": 60, "renewTime": now().to_string()}});
    for lease in [
        json!(null),
        json!({}),
        json!({"spec": []}),
        by(json!("")),
        by(json!(null)),
        by(json!(7)),
        by(json!({"a": 1})),
    ] {
        assert_eq!(judged(&lease), Standing::Free, "{lease}");
    }
    // Somebody has it, and nothing else can be told: it is watched.
    let with = |renewed: Value, ttl: Value| json!({"spec": {"holderIdentity": "x", "leaseDurationSeconds": ttl, "renewTime": renewed}});
    for (renewed, ttl) in [
        (json!(null), json!(60)),
        (json!("yesterday"), json!(60)),
        (json!(7), json!(60)),
        (json!("0000-01-01T00:00:00Z"), json!(60)),
        (json!("9999-12-30T00:00:00Z"), json!(60)),
        (json!("9999-12-30T00:00:00Z"), json!(i64::MIN)),
        (json!("1970-01-01T00:00:00Z"), json!(i64::MIN)),
        (json!("1970-01-01T00:00:00Z"), json!("60")),
        (json!("1970-01-01T00:00:00Z"), json!(null)),
        (json!("1970-01-01T00:00:00Z"), json!(-1)),
        (json!("1970-01-01T00:00:00Z"), json!(60.5)),
    ] {
        let lease = with(renewed, ttl);
        assert!(
            matches!(judged(&lease), Standing::Overdue { .. }),
            "{lease}: {:?}",
            judged(&lease)
        );
    }
}
