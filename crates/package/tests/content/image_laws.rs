//! Laws of pinning, of images.lock and of images.txt.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use model::digest::Digest;
use model::image::ImageRef;
use package::images::{ImageLock, ImageRules, Locked, Maker, compare, find, list, pin};
use proptest::prelude::*;

use crate::objects::{emitted, image, objects};

fn any_name() -> impl Strategy<Value = String> {
    "([a-z0-9]{1,6}\\.io/)?[a-z0-9]{1,5}(/[a-z0-9]{1,4})?(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,6})?"
        .prop_filter("a reference", |s| s.parse::<ImageRef>().is_ok())
}

fn any_digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

/// An object with these images, each in one of the places that hold some.
fn object_with(images: &[(String, u8)]) -> String {
    let mut out = "apiVersion: argoproj.io/v1\nkind: Rollout\nmetadata: {name: r}\nspec:\n  template:\n    spec:\n".to_owned();
    for (list, wanted) in [
        ("containers", 0),
        ("initContainers", 1),
        ("ephemeralContainers", 2),
    ] {
        let items: Vec<String> = images
            .iter()
            .filter(|(_, place)| place % 5 == wanted)
            .map(|(i, _)| format!("{{name: c, image: \"{i}\"}}"))
            .collect();
        let _ = writeln!(out, "      {list}: [{}]", items.join(", "));
    }
    let items: Vec<String> = images
        .iter()
        .filter(|(_, place)| place % 5 == 3)
        .map(|(i, _)| format!("{{name: v, image: {{reference: \"{i}\"}}}}"))
        .collect();
    let _ = writeln!(out, "      volumes: [{}]\n  podTemplate:", items.join(", "));
    for (index, (i, _)) in images
        .iter()
        .filter(|(_, place)| place % 5 == 4)
        .enumerate()
    {
        let _ = writeln!(out, "    field{index}: {{image: \"{i}\"}}");
    }
    out.push_str("    end: true\n");
    // A pod spec needs a container to be one.
    out.replace(
        "containers: []",
        "containers: [{name: first, image: first}]",
    )
}

proptest! {
    #[test]
    fn the_set_in_the_emitted_objects_is_the_returned_set(
        images in prop::collection::vec((any_name(), any::<u8>()), 0..8),
        digests in prop::collection::vec(any_digest(), 9),
    ) {
        let text = object_with(&images);
        let objects = objects(&text);
        let found = find(&objects, &ImageRules::default());
        prop_assert_eq!(&found.findings, &Vec::new());
        for (name, _) in &images {
            prop_assert!(found.set().contains(&image(name)), "{} in {}", name, text);
        }
        let mut lock = ImageLock::default();
        for (one, digest) in found.set().iter().zip(&digests) {
            lock.insert(one, Locked { digest: *digest, media_type: "a/b".to_owned() });
        }
        let pinned = pin(objects, &ImageRules::default(), &lock).unwrap();
        let text = emitted(&pinned.objects);
        let read = crate::objects::objects(&text);
        let again = find(&read, &ImageRules::default());
        prop_assert_eq!(&again.findings, &Vec::new());
        prop_assert_eq!(again.set(), pinned.images.clone());
        let listed = list::parse(&list::print(&pinned.images), Maker::Consign).unwrap();
        prop_assert_eq!(&listed, &pinned.images);
        prop_assert_eq!(compare(&read, &listed, Maker::Consign), Vec::new());
        // Pinning again changes nothing.
        let twice = pin(read.clone(), &ImageRules::default(), &lock).unwrap();
        prop_assert_eq!(emitted(&twice.objects), text);
    }

    #[test]
    fn a_lock_reads_what_it_prints(entries in prop::collection::btree_map(any_name(), any_digest(), 0..8)) {
        let mut lock = ImageLock::default();
        for (name, digest) in entries {
            let media_type = "application/vnd.docker.distribution.manifest.list.v2+json".to_owned();
            lock.insert(&image(&name), Locked { digest, media_type });
        }
        let text = lock.print();
        prop_assert_eq!(ImageLock::parse(&text, "images.lock"), Ok(lock), "{}", text);
    }

    #[test]
    fn a_changed_line_of_images_txt_is_never_the_same_list(
        images in prop::collection::btree_map(any_name(), any_digest(), 1..5),
        at in any::<prop::sample::Index>(),
        byte in 0x20u8..0x7f,
    ) {
        let set: BTreeSet<ImageRef> = images.iter().map(|(n, d)| image(n).pinned(*d)).collect();
        let text = list::print(&set);
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        if let Ok(read) = list::parse(&changed, Maker::Consign) {
            prop_assert_ne!(read, set);
        }
    }
}
