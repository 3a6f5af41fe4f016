//! Killed or asked to end at every call that changes a file.

use std::fs;

use crate::stage::{
    CHANGING, NAME, changing_calls, check_whole_or_absent, hosting, making, names, reference,
    remove, trace,
};

#[test]
fn g1_killed_at_any_call_there_is_a_whole_package_or_none() {
    let whole = reference();
    let hosting = hosting();
    let calls = changing_calls(&hosting);
    // Six files and three directories are made, written, flushed and moved.
    assert!(calls.len() > 30, "{}", calls.len());
    let mut left = 0;
    for call in calls {
        // Each run makes the packages directory as well.
        fs::remove_dir_all(hosting.path("packages")).expect("it was made");
        let inject = format!("{}:signal=KILL:when={}", call.name, call.nth);
        let after = format!("{inject} at {}", call.text);
        let (ran, _) = trace(&hosting, CHANGING, &[&inject], &making());
        assert_eq!(ran.code, 128 + 9, "{after}");
        let there = check_whole_or_absent(&hosting, &whole, &after);
        left += names(&hosting.path("packages"))
            .iter()
            .filter(|n| n.starts_with(".tmp-"))
            .count();
        // The next run makes it, or finds it made, and removes what is left.
        hosting.run(making()).exits(if there { 6 } else { 0 });
        assert_eq!(names(&hosting.path("packages")), [NAME], "after {after}");
        check_whole_or_absent(&hosting, &whole, &after);
    }
    assert!(left > 20, "hardly any kill fell into publishing: {left}");
    hosting.verify(NAME).exits(0);
}

#[test]
fn g32_ended_at_any_call_it_cleans_up_first() {
    let whole = reference();
    let hosting = hosting();
    for (i, call) in changing_calls(&hosting).into_iter().enumerate() {
        remove(&hosting, NAME);
        let signal = ["TERM", "INT", "HUP"][i % 3];
        let inject = format!("{}:signal={signal}:when={}", call.name, call.nth);
        let (ran, _) = trace(&hosting, CHANGING, &[&inject], &making());
        let after = format!("{inject} at {}", call.text);
        // It may be done before it hears of the signal.
        let number = [15, 2, 1][i % 3];
        assert!(
            ran.code == 128 + number || ran.code == 0,
            "{} {after}",
            ran.code
        );
        let there = check_whole_or_absent(&hosting, &whole, &after);
        assert!(there || ran.code != 0, "{after}");
        let left = names(&hosting.path("packages"));
        assert!(left.iter().all(|n| n == NAME), "{left:?} after {after}");
    }
}
