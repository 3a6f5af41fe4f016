//! What a client's build may read.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use model::digest::Digest;
use model::files::{Area, AreaLimits, FileCause, Kind, Root};
use model::finding::{Class, Finding};

use crate::ground::{path, root, write};

fn hosting() -> tempfile::TempDir {
    let t = tempfile::tempdir().unwrap();
    for file in [
        "k8s/clients/acme/kustomization.yaml",
        "k8s/clients/acme-two/secret.yaml",
        "k8s/clients/bigcorp/secret.yaml",
        "k8s/base/web.yaml",
        "packages/acme-v1.0.0/images.txt",
        "config/clients.yaml",
    ] {
        write(t.path(), file, file);
    }
    t
}

fn area<'r>(root: &'r Root, own: &str) -> Area<'r> {
    let denied = ["k8s/clients", "packages", "archive", "config"];
    Area::new(root, denied.map(path).into(), path(own))
}

fn link(dir: &Path, target: &str, at: &str) {
    symlink(target, dir.join(at)).unwrap();
}

#[test]
fn g16_a_client_reads_itself_and_what_is_shared() {
    let t = hosting();
    let r = root(t.path());
    let a = area(&r, "k8s/clients/acme");
    for fine in ["k8s/clients/acme/kustomization.yaml", "k8s/base/web.yaml"] {
        assert_eq!(&*a.read(&path(fine)).unwrap(), fine.as_bytes());
        assert_eq!(a.kind(&path(fine)).unwrap(), Some(Kind::File));
    }
    for refused in [
        "k8s/clients",
        "k8s/clients/acme-two/secret.yaml",
        "k8s/clients/bigcorp/secret.yaml",
        "k8s/clients/bigcorp/none.yaml",
        "packages/acme-v1.0.0/images.txt",
        "config/clients.yaml",
        "archive/none",
    ] {
        let real = refused.to_owned();
        for e in [
            a.read(&path(refused)).unwrap_err(),
            a.kind(&path(refused)).unwrap_err(),
            a.real(&path(refused)).unwrap_err(),
        ] {
            assert_eq!(e.cause(), &FileCause::Outside { real: real.clone() });
            assert_eq!(e.path(), refused);
            assert_eq!(Finding::from(e).class, Class::Policy);
        }
    }
    assert_eq!(a.kind(&path("k8s/none")).unwrap(), None);
}

#[test]
fn g16_a_directory_of_its_own_is_no_way_into_what_is_denied() {
    let t = hosting();
    let r = root(t.path());
    let a = area(&r, "");
    assert!(a.read(&path("k8s/base/web.yaml")).is_ok());
    assert!(a.read(&path("config/clients.yaml")).is_err());
}

#[test]
fn g16_links_are_followed_inside_and_refused_outside() {
    let t = hosting();
    let own = "k8s/clients/acme";
    link(t.path(), "../../base", "k8s/clients/acme/shared");
    link(t.path(), "../bigcorp", "k8s/clients/acme/neighbour");
    link(t.path(), "../../../../etc", "k8s/clients/acme/up");
    link(t.path(), "/etc/hostname", "k8s/clients/acme/abs");
    link(
        t.path(),
        "../clients/bigcorp/secret.yaml",
        "k8s/base/trap.yaml",
    );
    let r = root(t.path());
    let a = area(&r, own);
    let shared = path("k8s/clients/acme/shared/web.yaml");
    assert_eq!(&*a.read(&shared).unwrap(), b"k8s/base/web.yaml");
    assert_eq!(a.real(&shared).unwrap(), path("k8s/base/web.yaml"));
    assert_eq!(a.kind(&shared).unwrap(), Some(Kind::File));
    for (asked, real) in [
        (
            "k8s/clients/acme/neighbour/secret.yaml",
            "k8s/clients/bigcorp",
        ),
        ("k8s/base/trap.yaml", "k8s/clients/bigcorp/secret.yaml"),
        ("k8s/clients/acme/abs", "/etc/hostname"),
        ("k8s/clients/acme/up/x", "etc"),
    ] {
        for e in [
            a.read(&path(asked)).unwrap_err(),
            a.kind(&path(asked)).unwrap_err(),
            a.real(&path(asked)).unwrap_err(),
        ] {
            let text = e.to_string();
            assert!(text.contains(asked) && text.contains(real), "{text}");
            assert_eq!(Finding::from(e).class, Class::Policy);
        }
    }
    // Another client may read what it owns by the very same link.
    let b = area(&r, "k8s/clients/bigcorp");
    assert!(b.read(&path("k8s/base/trap.yaml")).is_ok());
}

#[test]
fn g16_a_hard_link_is_read_only_if_all_its_names_are_inside() {
    let t = hosting();
    let outside = tempfile::tempdir_in(t.path().parent().unwrap()).unwrap();
    write(outside.path(), "elsewhere", "x");
    let hard = |from: &Path, to: &str| std::fs::hard_link(from, t.path().join(to)).unwrap();
    hard(
        &t.path().join("k8s/base/web.yaml"),
        "k8s/clients/acme/same.yaml",
    );
    hard(
        &t.path().join("k8s/clients/bigcorp/secret.yaml"),
        "k8s/clients/acme/theirs.yaml",
    );
    hard(&outside.path().join("elsewhere"), "k8s/base/elsewhere.yaml");
    let r = root(t.path());
    let a = area(&r, "k8s/clients/acme");
    assert!(a.read(&path("k8s/clients/acme/same.yaml")).is_ok());
    assert!(a.read(&path("k8s/base/web.yaml")).is_ok());
    let e = a.read(&path("k8s/clients/acme/theirs.yaml")).unwrap_err();
    let other = Some("k8s/clients/bigcorp/secret.yaml".to_owned());
    assert_eq!(e.cause(), &FileCause::HardLink { other });
    let e = a.read(&path("k8s/base/elsewhere.yaml")).unwrap_err();
    assert_eq!(e.cause(), &FileCause::HardLink { other: None });
    assert_eq!(Finding::from(e).class, Class::Policy);
}

#[test]
fn every_read_is_recorded_once_under_its_real_path() {
    let t = hosting();
    link(t.path(), "../../base", "k8s/clients/acme/shared");
    let r = root(t.path());
    let a = area(&r, "k8s/clients/acme");
    a.read(&path("k8s/clients/acme/shared/web.yaml")).unwrap();
    // What is in memory is what the build sees, whatever happens on the disk.
    write(t.path(), "k8s/base/web.yaml", "changed");
    assert_eq!(
        &*a.read(&path("k8s/base/web.yaml")).unwrap(),
        b"k8s/base/web.yaml"
    );
    let again = a.read(&path("k8s/clients/acme/shared/web.yaml")).unwrap();
    assert_eq!(&*again, b"k8s/base/web.yaml");
    let reads = a.reads();
    assert_eq!(
        reads.keys().collect::<Vec<_>>(),
        [&path("k8s/base/web.yaml")]
    );
    let read = &reads[&path("k8s/base/web.yaml")];
    assert_eq!(read.digest, Digest::of(b"k8s/base/web.yaml"));
    let links = a.links();
    assert_eq!(links[&path("k8s/clients/acme/shared")], b"../../base");
    assert_eq!(links.len(), 1);
}

#[test]
fn g20_a_build_reads_no_more_than_its_limits() {
    let t = tempfile::tempdir().unwrap();
    for i in 0..4 {
        write(t.path(), &format!("f{i}"), "12345678");
    }
    let r = root(t.path());
    let with = |file_bytes, total_bytes, files| {
        let limits = AreaLimits {
            file_bytes,
            total_bytes,
            files,
        };
        let a = Area::with_limits(&r, vec![], path(""), limits);
        let all: Result<Vec<_>, _> = (0..4).map(|i| a.read(&path(&format!("f{i}")))).collect();
        all.map_err(|e| {
            (
                e.path().to_owned(),
                e.cause().clone(),
                Finding::from(e).class,
            )
        })
    };
    assert!(with(8, 32, 4).is_ok());
    let (size, max) = (8, 7);
    let large = FileCause::Large { size, max };
    assert_eq!(with(7, 32, 4), Err(("f0".into(), large, Class::Usage)));
    let (what, max) = ("bytes in one build", 31);
    let many = FileCause::Many { what, max };
    assert_eq!(with(8, 31, 4), Err(("f3".into(), many, Class::Usage)));
    let (what, max) = ("files in one build", 3);
    let many = FileCause::Many { what, max };
    assert_eq!(with(8, 32, 3), Err(("f3".into(), many, Class::Usage)));
}

#[test]
fn a_link_swapped_in_while_reading_never_leads_out() {
    let t = hosting();
    let r = root(t.path());
    let stop = AtomicBool::new(false);
    let (file, dir) = (
        t.path().join("k8s/base/web.yaml"),
        t.path().join("k8s/clients/acme/sub"),
    );
    std::fs::create_dir(&dir).unwrap();
    write(&dir, "secret.yaml", "fine");
    std::thread::scope(|s| {
        s.spawn(|| {
            let new = t.path().join("new");
            let kept = t.path().join("kept");
            while !stop.load(Ordering::Relaxed) {
                symlink("../clients/bigcorp/secret.yaml", &new).unwrap();
                std::fs::rename(&new, &file).unwrap();
                std::fs::write(&new, "fine").unwrap();
                std::fs::rename(&new, &file).unwrap();
                std::fs::rename(&dir, &kept).unwrap();
                symlink("../bigcorp", &dir).unwrap();
                std::fs::remove_file(&dir).unwrap();
                std::fs::rename(&kept, &dir).unwrap();
            }
        });
        for _ in 0..5_000 {
            let a = area(&r, "k8s/clients/acme");
            for asked in ["k8s/base/web.yaml", "k8s/clients/acme/sub/secret.yaml"] {
                if let Ok(bytes) = a.read(&path(asked)) {
                    assert_ne!(&*bytes, b"k8s/clients/bigcorp/secret.yaml");
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}
