//! Many writers at once.

use std::fs;

use catalog::index;
use catalog::tracking::{Status, doubts};
use model::version::PackageName;

use crate::ground::{command, names, root, text};

const WRITERS: usize = 8;
const UPDATES: usize = 25;

#[test]
fn r2_eight_writers_of_twenty_five_updates_each_keep_all_two_hundred() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::create_dir(dir.join("config")).unwrap();
    let updates = UPDATES.to_string();
    let writers: Vec<_> = (0..WRITERS)
        .map(|n| {
            command(&[], dir, &["writer", &n.to_string(), &updates])
                .spawn()
                .unwrap()
        })
        .collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    let view = index::read(&root(dir)).unwrap().unwrap();
    let mut kept = 0;
    let mut packages: Vec<PackageName> = Vec::new();
    for client in &view.clients {
        for (n, package) in client.packages.iter().enumerate() {
            assert_eq!(package.version.to_string(), format!("v0.{n}.0"));
            let last = n + 1 == UPDATES;
            let status = if last {
                Status::Active
            } else {
                Status::Superseded
            };
            assert_eq!(package.status, Some(status), "{}", text(dir));
            packages.push(PackageName {
                client: client.name.clone(),
                version: package.version.clone(),
            });
            kept += 1;
        }
    }
    assert_eq!(kept, WRITERS * UPDATES);
    assert_eq!(doubts(&view, &packages), []);
    assert_eq!(names(&dir.join("config")), ["clients.yaml"]);
}
