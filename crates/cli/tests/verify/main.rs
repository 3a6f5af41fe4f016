//! Damaged packages at the binary: exit code and words.

#![expect(clippy::unwrap_used, reason = "what cannot be run fails the test")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use testkit::consign::{Hosting, Ran, make_writable};

const NAME: &str = "test-client-v1.0.0";

const FILES: [&str; 6] = [
    "MANIFEST.json",
    "checksum.sha256",
    "deploy.sh",
    "images.txt",
    "manifests/all.yaml",
    "secrets.env.enc",
];

/// A package that may be damaged.
struct Package(Hosting);

impl Package {
    fn made() -> Self {
        let hosting = Hosting::example(env!("CARGO_BIN_EXE_consign"));
        hosting.package("test-client", "v1.0.0").exits(0);
        make_writable(&hosting.path(&format!("packages/{NAME}")));
        let package = Self(hosting);
        package.verify().exits(0);
        package
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path(&format!("packages/{NAME}")).join(file)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    fn write(&self, file: &str, bytes: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path(file), bytes).unwrap();
        self
    }

    /// Writes the checksums anew, as one would who wants the damage unseen.
    fn seal(&self) -> &Self {
        let out = Command::new("sha256sum")
            .args(
                FILES
                    .iter()
                    .filter(|f| **f != "checksum.sha256")
                    .map(|f| format!("./{f}")),
            )
            .current_dir(self.path("."))
            .output()
            .unwrap();
        assert!(out.status.success());
        self.write("checksum.sha256", out.stdout)
    }

    fn verify(&self) -> Ran {
        self.0.verify(NAME)
    }
}

#[test]
fn v1_every_extra_file_is_told_in_order() {
    let package = Package::made();
    for extra in [".hidden", "checksum.sha256.bak", "manifests/zz.yaml"] {
        package.write(extra, "");
    }
    fs::create_dir(package.path("empty")).unwrap();
    let ran = package.verify().exits(3);
    let told: Vec<&str> = ran
        .stdout
        .lines()
        .filter_map(|l| l.split_once("unexpected: ").map(|(_, name)| name))
        .collect();
    assert_eq!(told.len(), 4, "{}", ran.stdout);
    for (told, name) in told.iter().zip([
        ".hidden",
        "checksum.sha256.bak",
        "empty",
        "manifests/zz.yaml",
    ]) {
        assert!(told.starts_with(name), "{}", ran.stdout);
    }
}

#[test]
fn v2_each_missing_file_is_told() {
    for file in FILES {
        let package = Package::made();
        fs::remove_file(package.path(file)).unwrap();
        package
            .verify()
            .exits(3)
            .says(&format!("[FAIL] {file} missing"));
    }
}

#[test]
fn v3_a_flipped_bit_in_each_file() {
    for file in FILES.into_iter().filter(|f| *f != "checksum.sha256") {
        let package = Package::made();
        let mut bytes = fs::read(package.path(file)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        package.write(file, bytes);
        package
            .verify()
            .exits(3)
            .says("[FAIL] Checksum verification failed\n")
            .says(&format!("\n./{file}: FAILED\n"));
    }
}

#[test]
fn v4_a_changed_file_without_its_line() {
    let package = Package::made();
    let list = package.read("checksum.sha256");
    let lines: String = list
        .split_inclusive('\n')
        .filter(|l| !l.ends_with("./deploy.sh\n"))
        .collect();
    package.write("checksum.sha256", lines);
    package.verify().exits(3).says("unlisted: deploy.sh");
}

#[test]
fn v5_checksums_of_any_other_form() {
    let package = Package::made();
    let good = package.read("checksum.sha256");
    let first = good.lines().next().unwrap();
    for (bad, line) in [
        (good.replace('\n', "\r\n"), 1),
        (
            good.replacen(&first[..64], &first[..64].to_uppercase(), 1),
            1,
        ),
        (good.replacen("  ./", " ./", 1), 1),
        (good.replacen("  ./", " *./", 1), 1),
        (format!("# a comment\n{good}"), 1),
        (format!("\n{good}"), 1),
        (format!(" {good}"), 1),
        (format!("\\{good}"), 1),
        (good.trim_end().to_owned(), 5),
        (format!("{good}{first}\n"), 6),
        (
            format!("SHA256 (./deploy.sh) = {}\n{good}", &first[..64]),
            1,
        ),
    ] {
        package.write("checksum.sha256", &bad);
        package
            .verify()
            .exits(3)
            .says(&format!("checksum.sha256:{line}: "));
    }
    let mut turned: Vec<&str> = good.lines().collect();
    turned.reverse();
    package.write("checksum.sha256", turned.join("\n") + "\n");
    package.verify().exits(0);
}

#[test]
fn v6_paths_that_lead_elsewhere() {
    let package = Package::made();
    let good = package.read("checksum.sha256");
    for path in [
        "/etc/passwd",
        "./../x",
        "././x",
        "./a//b",
        "-",
        "./a\\b",
        "./a\u{1b}[2Jb",
        "./a\0b",
    ] {
        package.write(
            "checksum.sha256",
            format!("{good}{}  {path}\n", "0".repeat(64)),
        );
        package
            .verify()
            .exits(3)
            .says("checksum.sha256:6: ")
            .never_says("\u{1b}")
            .never_says("\0");
    }
}

#[test]
fn v7_only_regular_files() {
    let package = Package::made();
    let images = package.path("images.txt");
    let kept = fs::read(&images).unwrap();
    fs::remove_file(&images).unwrap();
    symlink("MANIFEST.json", &images).unwrap();
    package.verify().exits(3).says("not a regular file");
    fs::remove_file(&images).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&images)
            .status()
            .unwrap()
            .success()
    );
    package.verify().exits(3).says("not a regular file");
    fs::remove_file(&images).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(&images).unwrap();
    package.verify().exits(3).says("not a regular file");
    drop(socket);
    fs::remove_file(&images).unwrap();
    fs::create_dir(&images).unwrap();
    package.verify().exits(3).says("not a regular file");
    fs::remove_dir(&images).unwrap();
    fs::write(package.0.path("outside"), kept).unwrap();
    fs::hard_link(package.0.path("outside"), &images).unwrap();
    package.verify().exits(0).says("[WARN]");
}

#[test]
fn v8_modes() {
    let package = Package::made();
    let set = |file: &str, mode| {
        fs::set_permissions(package.path(file), fs::Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o4644, 0o2644, 0o1644, 0o646] {
        set("images.txt", mode);
        package.verify().exits(3).says("mode: ");
    }
    for mode in [0o664, 0o755] {
        set("images.txt", mode);
        package.verify().exits(0).says("[WARN]");
    }
    set("images.txt", 0o644);
    set("deploy.sh", 0o644);
    package.verify().exits(3).says("mode: ");
}

#[test]
fn v9_another_name() {
    let package = Package::made();
    let renamed = package.0.path("packages/test-client-v9.9.9");
    fs::rename(package.0.path(&format!("packages/{NAME}")), &renamed).unwrap();
    package
        .0
        .verify("test-client-v9.9.9")
        .exits(3)
        .says("name mismatch");
}

#[test]
fn v10_manifests_that_are_no_manifests() {
    let package = Package::made();
    let good = package.read("MANIFEST.json");
    let with = |field: &str| good.replacen('{', &format!("{{{field},"), 1).into_bytes();
    for bad in [
        with("\"client\": \"test-client\""),
        format!("{good}x").into_bytes(),
        format!("\u{feff}{good}").into_bytes(),
        with("\"n\": NaN"),
        with("\"n\": 1e400"),
        with("\"s\": \"\\ud800\""),
        with(&format!("\"d\": {}{}", "[".repeat(5000), "]".repeat(5000))),
        b"{\"client\": \"\xff\"}".to_vec(),
        good.replace("\"test-client\"", "7").into_bytes(),
    ] {
        package.write("MANIFEST.json", bad).seal();
        package.verify().exits(3).says("[FAIL] MANIFEST.json");
    }
}

#[test]
fn v11_images_that_disagree() {
    let package = Package::made();
    let good = package.read("images.txt");
    package
        .write(
            "images.txt",
            format!("{good}zz.example/x@sha256:{}\n", "0".repeat(64)),
        )
        .seal();
    package.verify().exits(3);
    package.write("images.txt", good).seal();
    package.verify().exits(0);
    package.write("images.txt", "").seal();
    package.verify().exits(3);
}

#[test]
fn v12_objects_that_readers_read_differently() {
    let package = Package::made();
    let good = package.read("manifests/all.yaml");
    let object =
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  namespace: sh-test-client\n";
    for more in [
        "...\n".to_owned(),
        format!("...\n---\n{object}"),
        format!("---\n{object}kind: ConfigMap\n"),
        format!("---\n{object}data: !!map {{}}\n"),
        format!("---\n{object}data: &a {{}}\n"),
        "---\napiVersion: v1\nmetadata:\n  name: x\n".to_owned(),
    ] {
        package
            .write("manifests/all.yaml", format!("{good}{more}"))
            .seal();
        package.verify().exits(3).says("manifests/all.yaml:");
    }
}

#[test]
fn v13_secret_values_are_never_shown() {
    let package = Package::made();
    let good = package.read("secrets.env.enc");
    let line = good.lines().count() + 1;
    for bad in ["DB_PASSWORD=hunter2-canary", "VAULT_DB=hunter2 canary!"] {
        package
            .write("secrets.env.enc", format!("{good}{bad}\n"))
            .seal();
        package
            .verify()
            .exits(5)
            .says(&format!("secrets.env.enc:{line}"))
            .never_says("hunter2");
    }
}

#[test]
fn v16_a_terabyte_is_not_read() {
    let package = Package::made();
    fs::OpenOptions::new()
        .write(true)
        .open(package.path("images.txt"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let ran: Ran = Command::new("prlimit")
        .arg("--as=1073741824")
        .arg(env!("CARGO_BIN_EXE_consign"))
        .arg(OsStr::new("verify"))
        .arg(package.path("").as_os_str())
        .output()
        .unwrap()
        .into();
    ran.exits(3).says("limit: ");
}
