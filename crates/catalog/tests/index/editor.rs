//! An editor saves the file while it is being updated.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use catalog::tracking::FILE;

use crate::ground::{NEW, OLD, answer, ground, names, text, trace};

/// Saves the file in another way while an update waits before the flush of its
/// own; what the update answered.
fn update_while(dir: &Path, save: impl FnOnce() + Send) -> String {
    std::thread::scope(|s| {
        s.spawn(move || {
            let begun = Instant::now();
            let config = dir.join("config");
            while !names(&config).iter().any(|n| n.starts_with(".tmp-")) {
                assert!(begun.elapsed() < Duration::from_secs(20), "no update began");
                std::thread::sleep(Duration::from_millis(1));
            }
            save();
        });
        let wait = "fsync:delay_enter=700000:when=1";
        answer(&trace(dir, &[wait], &["update"]).0)
    })
}

#[test]
fn r3_an_edit_made_meanwhile_is_kept_and_the_update_applied_to_it() {
    let dir = ground();
    let dir = dir.path();
    let edited = OLD.replace("# ours", "# ours, and reviewed by me");
    // As vim does it: a new file in place of the old.
    let said = update_while(dir, || {
        fs::write(dir.join("config/4913"), &edited).unwrap();
        fs::rename(dir.join("config/4913"), dir.join(FILE)).unwrap();
    });
    assert_eq!(said, "Ok(Yes)");
    assert_eq!(
        text(dir),
        NEW.replace("# ours", "# ours, and reviewed by me")
    );
    // As others do it: the same file, written anew.
    fs::write(dir.join(FILE), OLD).unwrap();
    let said = update_while(dir, || fs::write(dir.join(FILE), &edited).unwrap());
    assert_eq!(said, "Ok(Yes)");
    assert_eq!(
        text(dir),
        NEW.replace("# ours", "# ours, and reviewed by me")
    );
    assert_eq!(names(&dir.join("config")), ["clients.yaml"]);
}

#[test]
fn r3_where_the_update_does_not_fit_any_more_both_are_shown() {
    let dir = ground();
    let dir = dir.path();
    let broken = OLD.replace("  - name: acme-corp", "  - name: [acme-corp");
    let said = update_while(dir, || fs::write(dir.join(FILE), &broken).unwrap());
    assert!(
        said.starts_with("Err([\"Conflict clients-changed config/clients.yaml was changed by someone else meanwhile: it was sha256:"),
        "{said}"
    );
    assert!(
        said.contains("; line 3 was `  - name: acme-corp` and is `  - name: [acme-corp`"),
        "{said}"
    );
    assert!(
        said.contains("Integrity clients-unreadable config/clients.yaml:"),
        "{said}"
    );
    assert_eq!(text(dir), broken);
}

#[test]
fn r3_a_file_made_or_removed_meanwhile_counts_as_changed() {
    let dir = ground();
    let dir = dir.path();
    fs::remove_file(dir.join(FILE)).unwrap();
    let said = update_while(dir, || fs::write(dir.join(FILE), OLD).unwrap());
    assert_eq!(said, "Ok(Yes)");
    assert_eq!(text(dir), NEW);
    fs::write(dir.join(FILE), OLD).unwrap();
    let said = update_while(dir, || fs::remove_file(dir.join(FILE)).unwrap());
    assert_eq!(said, "Ok(Yes)");
    assert!(text(dir).starts_with("clients:\n"), "{}", text(dir));
    // A link put there meanwhile is not replaced.
    fs::write(dir.join(FILE), OLD).unwrap();
    let said = update_while(dir, || {
        fs::remove_file(dir.join(FILE)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.join(FILE)).unwrap();
    });
    assert!(said.contains("Integrity"), "{said}");
    assert!(fs::symlink_metadata(dir.join(FILE)).unwrap().is_symlink());
    assert!(fs::metadata("/etc/passwd").unwrap().size() > 0);
}
