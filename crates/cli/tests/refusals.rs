//! What packaging refuses, at the binary: exit code, words, and nothing left.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use testkit::consign::{Hosting, Ran};

const DIGEST: &str = "sha256:5616878291a2eed594aee8db4dade5878cf7edcb475e59193904b198d9b830de";

fn example() -> Hosting {
    Hosting::example(env!("CARGO_BIN_EXE_consign"))
}

/// A root whose client `acme` has this kustomization and these files.
fn client(kustomization: &str, files: &[(&str, &str)]) -> Hosting {
    let hosting = Hosting::empty(env!("CARGO_BIN_EXE_consign"));
    hosting.write("k8s/clients/acme/kustomization.yaml", kustomization);
    for (path, text) in files {
        hosting.write(&format!("k8s/clients/acme/{path}"), text);
    }
    hosting
}

/// A root whose client has these objects.
fn objects(text: &str) -> Hosting {
    client("resources: [all.yaml]\n", &[("all.yaml", text)])
}

fn package(hosting: &Hosting) -> Ran {
    hosting.run([
        "package",
        "--client",
        "acme",
        "--version",
        "v1.0.0",
        "--offline",
    ])
}

/// Refused with this code and all of these words, and nothing is left.
#[track_caller]
fn refused(hosting: &Hosting, code: i32, words: &[&str]) -> Ran {
    let mut ran = package(hosting).exits(code);
    for word in words {
        ran = ran.says(word);
    }
    assert!(ran.stderr.contains("[ERROR] "), "{}", ran.stderr);
    let left: Vec<_> = fs::read_dir(hosting.path("packages"))
        .into_iter()
        .flatten()
        .collect();
    assert!(left.is_empty(), "{left:?}");
    ran
}

fn config_map(data: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: sh-acme}}\ndata:\n  {data}\n"
    )
}

fn pod(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: sh-acme}}\nspec:\n{spec}")
}

#[test]
fn g7_an_existing_version_is_never_overwritten() {
    let hosting = example();
    hosting.package("acme-corp", "v1.2.3").exits(0);
    let before = hosting.read("packages/acme-corp-v1.2.3/checksum.sha256");
    hosting
        .package("acme-corp", "v1.2.3")
        .exits(6)
        .says("acme-corp-v1.2.3 already exists");
    let again = [
        "package",
        "--client",
        "acme-corp",
        "--version",
        "v1.2.3",
        "--if-exists",
        "verify",
        "--created",
    ];
    hosting
        .run(again.iter().chain(&["2026-01-29T09:15:30Z"]))
        .exits(0)
        .says("same bytes");
    hosting
        .run(again.iter().chain(&["2026-01-29T09:15:31Z"]))
        .exits(6)
        .says("already exists with other bytes");
    assert_eq!(
        hosting.read("packages/acme-corp-v1.2.3/checksum.sha256"),
        before
    );
}

#[test]
fn g8_a_taken_path_is_not_replaced() {
    for kind in ["empty directory", "file", "dangling link"] {
        let hosting = example();
        let path = hosting.path("packages/acme-corp-v1.2.3");
        fs::create_dir(hosting.path("packages")).unwrap();
        match kind {
            "file" => fs::write(&path, "mine").unwrap(),
            "dangling link" => symlink("nowhere", &path).unwrap(),
            _ => fs::create_dir(&path).unwrap(),
        }
        let before = fs::symlink_metadata(&path).unwrap().file_type();
        hosting
            .package("acme-corp", "v1.2.3")
            .exits(6)
            .says("already exists");
        assert_eq!(
            fs::symlink_metadata(&path).unwrap().file_type(),
            before,
            "{kind}"
        );
    }
}

#[test]
fn g10_client_names_out_of_grammar() {
    let hosting = example();
    let long = "a".repeat(300);
    for name in [
        "../../etc",
        ".",
        "..",
        "a/b",
        "a\\b",
        "",
        &long,
        "a.",
        ".a",
        "Acme",
        "\u{430}cme",
        "a\nb",
        "a-",
        "a_b",
    ] {
        let ran = hosting
            .run([
                "package",
                &format!("--client={name}"),
                "--version",
                "v1.0.0",
            ])
            .exits(2)
            .says("Invalid client name");
        assert!(!ran.stderr.contains("a\nb"));
    }
    hosting
        .run(["package", "--client", "-acme", "--version", "v1.0.0"])
        .exits(2);
    assert!(!hosting.path("packages").exists());
    let longest = "a".repeat(53);
    hosting
        .package(&longest, "v1.0.0")
        .exits(2)
        .says("Client directory not found");
    hosting
        .package(&format!("{longest}a"), "v1.0.0")
        .exits(2)
        .says("at most 53");
}

#[test]
fn g11_versions_that_are_no_versions() {
    let hosting = example();
    for version in [
        "1.2.3",
        "v1.2",
        "latest",
        "vv1.2.3",
        "v01.1.1",
        "v1.2.3+meta",
        "v1.2.3-",
        "v1.2.3-01",
        "v9999999999999999999999.0.0",
        "v1.2.3/../../x",
        "",
        "v1.2.3\n",
    ] {
        hosting
            .run([
                "package",
                "--client",
                "acme-corp",
                &format!("--version={version}"),
            ])
            .exits(2)
            .says("Invalid version format");
    }
}

#[test]
fn g10_g11_both_wrong_names_are_told_at_once() {
    example()
        .run([
            "package",
            "--client",
            "A",
            "--client",
            "b/",
            "--version",
            "1.0",
        ])
        .exits(2)
        .says("Invalid version format: 1.0")
        .says("Invalid client name: A")
        .says("Invalid client name: b/");
}

#[test]
fn g12_a_lower_version_is_allowed_and_told() {
    let hosting = example();
    hosting.package("test-client", "v2.0.0").exits(0);
    hosting
        .package("test-client", "v1.9.1")
        .exits(0)
        .says("[INFO] v1.9.1 is older than the newest package of test-client, v2.0.0");
}

#[test]
fn the_specifications_words_for_a_missing_client() {
    let hosting = example();
    hosting
        .package("nobody", "v1.0.0")
        .exits(2)
        .says("[ERROR] Client directory not found: ")
        .says("/k8s/clients/nobody\n")
        .says("[ERROR] Create client first with: create-client.sh --name nobody --type <type>");
}

#[test]
fn g14_namespaces_of_others() {
    let in_system = config_map("a: b").replace("sh-acme", "kube-system");
    refused(&objects(&in_system), 5, &["ConfigMap", "kube-system"]);
    let of_another = config_map("a: b").replace("sh-acme", "sh-other");
    refused(&objects(&of_another), 5, &["sh-other"]);
    let no_label = config_map("a: b").replace("sh-acme", "-acme");
    refused(&objects(&no_label), 2, &["ConfigMap", "namespace -acme"]);
}

#[test]
fn g15_cluster_scoped_kinds_even_inside_lists() {
    let binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: all}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\n";
    let ran = refused(&objects(binding), 5, &["ClusterRoleBinding"]);
    assert!(
        ran.stderr.contains("k8s/clients/acme/all.yaml:2: "),
        "{}",
        ran.stderr
    );
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: rbac.authorization.k8s.io/v1\n  kind: ClusterRoleBinding\n  metadata: {name: all}\n  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: x}\n";
    refused(&objects(list), 5, &["ClusterRoleBinding"]);
    let hosting = objects(
        "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: acme}\nvalue: 1\n",
    );
    refused(&hosting, 5, &["PriorityClass"]);
    hosting.write(
        "consign.yaml",
        "policy: {cluster-kinds: [PriorityClass.scheduling.k8s.io]}\n",
    );
    package(&hosting).exits(0);
}

#[test]
fn g16_nothing_outside_is_read() {
    let neighbour = client("resources: [../other]\n", &[]);
    neighbour.write("k8s/clients/other/kustomization.yaml", "resources: []\n");
    refused(
        &neighbour,
        5,
        &["outside what this client may read", "k8s/clients/other"],
    );

    let absolute = client("resources: [/etc/passwd]\n", &[]);
    refused(
        &absolute,
        5,
        &["/etc/passwd", "outside what this client may read"],
    )
    .never_says("root:x:0");

    let linked = client("configMapGenerator: [{name: c, files: [secret]}]\n", &[]);
    symlink("/etc/passwd", linked.path("k8s/clients/acme/secret")).unwrap();
    refused(&linked, 5, &["outside what this client may read"]).never_says("root:x:0");

    let hard = client("configMapGenerator: [{name: c, files: [secret]}]\n", &[]);
    hard.write("config/secret", "s3cr3t");
    fs::hard_link(
        hard.path("config/secret"),
        hard.path("k8s/clients/acme/secret"),
    )
    .unwrap();
    refused(&hard, 5, &["outside what this client may read"]).never_says("s3cr3t");
}

#[test]
fn g17_g18_remote_sources_helm_and_functions_by_name() {
    for (text, word) in [
        (
            "resources: [\"https://example.com/x.yaml\"]\n",
            "https://example.com",
        ),
        ("resources: [\"git@github.com:a/b.git\"]\n", "github.com"),
        ("resources: [\"github.com/a/b?ref=v1\"]\n", "github.com"),
        ("helmCharts: [{name: x}]\n", "helmCharts"),
        ("helmGlobals: {chartHome: x}\n", "helmGlobals"),
        ("generators: [g.yaml]\n", "generators"),
        ("transformers: [t.yaml]\n", "transformers"),
        ("replacements: [{path: r.yaml}]\n", "replacements"),
    ] {
        refused(&client(text, &[]), 5, &[word]);
    }
}

#[test]
fn g19_names_that_look_like_options_reach_no_program() {
    let hosting = client(
        "namePrefix: --kubeconfig=x\nresources: [c.yaml]\n",
        &[("c.yaml", &config_map("a: b"))],
    );
    refused(
        &hosting,
        2,
        &["ConfigMap sh-acme/--kubeconfig=xc", "the name"],
    );
}

#[test]
fn g20_g27_bombs_end_at_a_limit() {
    use std::fmt::Write as _;
    let mut laughs = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for n in 1..9 {
        let before = n - 1;
        let _ = writeln!(
            laughs,
            "a{n}: &a{n} [{}]",
            vec![format!("*a{before}"); 9].join(",")
        );
    }
    refused(
        &objects(&format!("{}{laughs}", config_map("a: b"))),
        2,
        &["limit exceeded"],
    );
    let deep = format!("kind: x\na: {}", "[".repeat(20_000));
    refused(&objects(&deep), 2, &["limit exceeded"]);
    refused(
        &objects("a: &a [*a]\nkind: x\n"),
        2,
        &["it would never end"],
    );
    let hosting = objects("");
    let file = fs::File::create(hosting.path("k8s/clients/acme/all.yaml")).unwrap();
    file.set_len(100 << 20).unwrap();
    refused(&hosting, 2, &["limit"]);
}

#[test]
fn g23_images_that_float_or_are_malformed() {
    let image = |image: &str| {
        objects(&pod(&format!(
            "  containers: [{{name: a, image: \"{image}\"}}]\n"
        )))
    };
    for floating in ["nginx:1.29", "nginx:latest", "nginx"] {
        refused(
            &image(floating),
            5,
            &["Image digest not resolved", floating, "consign lock"],
        );
    }
    let short = format!("nginx@{}", &DIGEST[..DIGEST.len() - 1]);
    let upper = format!("nginx@sha256:{}", DIGEST[7..].to_uppercase());
    let other = format!("nginx@sha512:{0}{0}", &DIGEST[7..]);
    for malformed in [short.as_str(), &upper, &other, "Nginx:1", "a b"] {
        refused(&image(malformed), 5, &["container a"]);
    }
    package(&image(&format!("nginx:1.29@{DIGEST}"))).exits(0);
    for place in [
        "  initContainers: [{name: i, image: busybox}]\n  containers: []\n",
        "  ephemeralContainers: [{name: e, image: busybox}]\n  containers: []\n",
        "  volumes: [{name: v, image: {reference: busybox}}]\n  containers: []\n",
    ] {
        refused(&objects(&pod(place)), 5, &["busybox"]);
    }
}

#[test]
fn g23_every_floating_image_is_told_at_once() {
    refused(
        &objects(&pod(
            "  containers: [{name: a, image: one:1}, {name: b, image: two:2}]\n",
        )),
        5,
        &["one:1", "two:2"],
    );
}

#[test]
fn g25_the_same_object_twice() {
    let text = format!("{0}---\n{0}", config_map("a: b"));
    refused(&objects(&text), 2, &["already registered id", "c.sh-acme"]);
    let keys = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: sh-acme}\ndata: {a: b, a: c}\n";
    refused(&objects(keys), 2, &["a"]);
}

#[test]
fn g26_scalars_that_readers_disagree_about_are_quoted() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: sh-acme}\ndata:\n  a: \"yes\"\n  b: \"on\"\n  c: \"0644\"\n  d: \"09\"\n  e: \"1_000\"\n  f: \"12:30:45\"\n  y: \"~\"\n  h: \".inf\"\n  i: \"1e3\"\n";
    let hosting = objects(text);
    package(&hosting).exits(0);
    let all = hosting.read("packages/acme-v1.0.0/manifests/all.yaml");
    for quoted in [
        "\"yes\"",
        "\"on\"",
        "\"0644\"",
        "\"09\"",
        "\"1_000\"",
        "\"12:30:45\"",
        "\"~\"",
        "\".inf\"",
        "\"1e3\"",
        "\"y\":",
    ] {
        assert!(all.contains(quoted), "{quoted} in {all}");
    }
    hosting.verify("acme-v1.0.0").exits(0);
}

#[test]
fn g28_secret_values_are_refused_and_never_shown() {
    const CANARY: &str = "canary-5a1f0c";
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: sh-acme}}\nstringData: {{password: {CANARY}}}\n"
    );
    refused(&objects(&secret), 5, &["Secret sh-acme/s", "password"]).never_says(CANARY);
    let generated = client(
        &format!(
            "namespace: sh-acme\nsecretGenerator: [{{name: s, literals: [password={CANARY}]}}]\n"
        ),
        &[],
    );
    refused(&generated, 5, &["Secret", "password"]).never_says(CANARY);
    let key = config_map(&format!(
        "key: |\n    -----BEGIN EC PRIVATE KEY-----\n    {CANARY}\n    -----END EC PRIVATE KEY-----"
    ));
    refused(&objects(&key), 5, &["ConfigMap sh-acme/c", "key"]).never_says(CANARY);
    let token = config_map("id: AKIAIOSFODNN7EXAMPLE");
    package(&objects(&token))
        .exits(0)
        .says("[WARN]")
        .never_says("AKIAIOSFODNN7EXAMPLE");
}

#[test]
fn g29_what_only_a_server_writes() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: sh-acme\n  uid: u\n  resourceVersion: \"1\"\n  annotations: {kubectl.kubernetes.io/last-applied-configuration: x}\n";
    refused(
        &objects(text),
        5,
        &["uid", "resourceVersion", "last-applied-configuration"],
    );
}

#[test]
fn g30_text_that_hides_itself() {
    let text = config_map("a: \"x\\u202Ey\"");
    let ran = refused(&objects(&text), 5, &["ConfigMap"]);
    assert!(!ran.stderr.contains('\u{202e}') && !ran.stdout.contains('\u{202e}'));
}

#[test]
fn g31_outside_git_is_fine_and_a_clean_tree_can_be_required() {
    let hosting = objects(&config_map("a: b"));
    hosting.write("consign.yaml", "policy: {require-clean: true}\n");
    refused(&hosting, 5, &["require-clean"]);
    hosting.write("consign.yaml", "");
    package(&hosting).exits(0);
    assert!(
        hosting
            .read("packages/acme-v1.0.0/MANIFEST.json")
            .contains("\"git\": null")
    );
}

#[test]
fn a_client_without_objects_makes_no_package() {
    refused(&client("resources: []\n", &[]), 2, &["builds no objects"]);
}

#[test]
fn g31_a_changed_file_is_named_where_a_clean_tree_is_required() {
    let hosting = objects(&config_map("a: b"));
    hosting.write("consign.yaml", "policy: {require-clean: true}\n");
    let git = |arguments: &[&str]| {
        let status = Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(arguments)
            .current_dir(hosting.path(""))
            .stdout(Stdio::null())
            .status()
            .expect("git is there");
        assert!(status.success(), "{arguments:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "all"]);
    hosting.write("k8s/clients/acme/all.yaml", config_map("a: changed"));
    refused(
        &hosting,
        5,
        &["require-clean", "k8s/clients/acme/all.yaml differs"],
    );
    git(&["commit", "-q", "-a", "-m", "changed"]);
    package(&hosting).exits(0);
    let manifest = hosting.read("packages/acme-v1.0.0/MANIFEST.json");
    assert!(manifest.contains("\"dirty\": false"), "{manifest}");
}

#[test]
fn g34_names_that_differ_in_case_only() {
    let hosting = example();
    hosting.package("test-client", "v1.0.0-RC1").exits(0);
    hosting
        .package("test-client", "v1.0.0-rc1")
        .exits(2)
        .says("v1.0.0-RC1");
    assert!(!hosting.path("packages/test-client-v1.0.0-rc1").exists());
}

#[test]
fn u1_everything_wrong_is_told_at_once() {
    let text = format!(
        "{}---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: sh-acme}}\nstringData: {{k: v}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: w, namespace: sh-acme}}\nspec: {{prots: []}}\n---\n{}",
        config_map("a: b").replace("sh-acme", "sh-other"),
        pod("  containers: [{name: a, image: nginx}]\n"),
    );
    let ran = package(&objects(&text)).exits(2);
    for word in ["sh-other", "Secret", "prots", "nginx"] {
        assert!(ran.stderr.contains(word), "{word}\n{}", ran.stderr);
    }
}
