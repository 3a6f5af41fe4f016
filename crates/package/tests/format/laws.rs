//! The laws: verification accepts what sealing makes, and no byte of it may
//! be another one.

use std::sync::{Arc, LazyLock};

use model::files::{Content, FileTree, TreeEntry};
use model::finding::Class;
use model::yaml::Node;
use package::open::{BashSyntax, OpenOptions, open};
use package::report::Report;
use package::seal::seal;
use package::sealed::{FILES, Package};
use proptest::prelude::*;

use crate::fixture::{draft, package};

static PACKAGE: LazyLock<Package> = LazyLock::new(package);

fn verify(tree: &FileTree) -> Report {
    open(tree, &OpenOptions::default()).finish(&BashSyntax::Valid)
}

/// The package with one byte of one file changed.
fn with_byte(path: &str, at: usize, flip: u8) -> FileTree {
    let tree = PACKAGE.tree();
    let entries = tree.iter().cloned().map(|mut entry: TreeEntry| {
        if entry.path == path {
            let mut bytes = entry.bytes().unwrap().to_vec();
            bytes[at] ^= flip;
            entry.content = Content::Bytes(Arc::from(bytes));
        }
        entry
    });
    FileTree::new(tree.name.clone(), entries.collect())
}

#[test]
fn v3_no_byte_of_the_checksums_may_be_another_one() {
    let path = "checksum.sha256";
    for at in 0..PACKAGE.bytes(path).unwrap().len() {
        for flip in [0x01, 0x20, 0x80] {
            assert!(
                !verify(&with_byte(path, at, flip)).passed(),
                "byte {at}, flip {flip}"
            );
        }
    }
}

#[test]
fn g13_the_script_holds_nothing_of_any_client() {
    let mut other = draft();
    other.name = "bigcorp-v2.0.0".parse().unwrap();
    other.namespace = "sh-bigcorp".parse().unwrap();
    other.objects.clear();
    other.images.clear();
    other.secrets_ref = "# Secrets Reference for bigcorp v2.0.0\n".to_owned();
    let other = seal(other, &OpenOptions::default()).unwrap();
    assert_eq!(other.bytes("deploy.sh"), PACKAGE.bytes("deploy.sh"));
}

#[test]
fn g22_the_same_draft_gives_the_same_bytes() {
    let again = package();
    assert_eq!(again.digest(), PACKAGE.digest());
    for path in FILES {
        assert_eq!(again.bytes(path), PACKAGE.bytes(path));
    }
}

#[test]
fn what_would_not_verify_is_not_sealed() {
    let breaks: [fn(&mut package::seal::Draft); 5] = [
        |d| "yesterday".clone_into(&mut d.created),
        |d| d.secrets_ref.push_str("PASSWORD=hunter2\n"),
        |d| drop(d.images.pop_first()),
        |d| d.objects.push(d.objects[0].clone()),
        |d| d.source.push('\u{202e}'),
    ];
    for break_it in breaks {
        let mut broken = draft();
        break_it(&mut broken);
        assert!(seal(broken, &OpenOptions::default()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn v3_no_byte_of_any_file_may_be_another_one(
        file in 0..FILES.len(), at in any::<prop::sample::Index>(), flip in 1u8..
    ) {
        let path = FILES[file];
        let at = at.index(PACKAGE.bytes(path).unwrap().len());
        let report = verify(&with_byte(path, at, flip));
        prop_assert!(!report.passed());
        prop_assert!(report.package.is_none());
    }

    #[test]
    fn verify_accepts_what_seal_makes(
        client in "[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?",
        version in "v(0|[1-9][0-9]{0,3})\\.(0|[1-9][0-9]{0,3})\\.(0|[1-9][0-9]{0,3})(-(rc|beta)[1-9])?",
        values in prop::collection::btree_map("[A-Za-z_][A-Za-z0-9_.-]{0,20}", text(), 0..6),
        source in "[a-z/]{1,30}",
        tool in "consign [0-9]\\.[0-9]\\.[0-9]",
    ) {
        let mut draft = draft();
        draft.secrets_ref = format!("# Secrets Reference for {client} {version}\n");
        draft.name = format!("{client}-{version}").parse().unwrap();
        (draft.source, draft.created_by) = (source, tool);
        let data = draft.objects[1].node.get_mut("data").unwrap().as_map_mut().unwrap();
        for (key, value) in &values {
            data.set(key, Node::str(value));
        }
        match seal(draft, &OpenOptions::default()) {
            Ok(package) => {
                let report = verify(&package.tree());
                prop_assert!(report.passed(), "{:#?}", report.findings);
                prop_assert_eq!(report.package.unwrap().digest(), package.digest());
                let data = package.objects[1].node.get("data").unwrap();
                for (key, value) in &values {
                    prop_assert_eq!(data.get(key).and_then(Node::as_str), Some(value.as_str()));
                }
            }
            // Refused for a reason that is told, and only for one of these.
            Err(findings) => for finding in findings.iter().filter(|f| f.is_error()) {
                prop_assert!(
                    ["hidden-character", "private-key", "objects-yaml", "object-ambiguous"].contains(&finding.code),
                    "{finding:?}"
                );
                prop_assert_eq!(finding.class, Class::Policy);
            }
        }
    }
}

/// Text that YAML has trouble with.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,40}",
        "[ -~\n]{0,60}",
        "[a-z \n\t:#'\"-]{0,120}",
        "\\PC{0,30}",
        prop::sample::select(vec![
            "yes",
            "on",
            "0644",
            "09",
            "1_000",
            "12:30:45",
            "y",
            "~",
            ".inf",
            "1e3",
            "null",
            "",
            "-",
            "?",
            "true",
            "2020-01-01",
            "0x1F",
            "0o17",
            "<<",
            "=",
            "!!str x",
            "&a",
            "*a",
            "---",
            "...",
            "# x",
            "@x",
            "`x",
            "|",
            ">",
        ])
        .prop_map(str::to_owned),
    ]
}
