//! `checksum.sha256`: one line a file, and the digest that names a package.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use model::digest::{Digest, DigestError};
use model::finding::{Class, Finding};
use model::path::RelPath;
use model::text::escape_bytes;

/// The file's name in a package.
pub const FILE_NAME: &str = "checksum.sha256";

/// The longest list that is read. Six lines need 600 bytes; a mebibyte is far
/// beyond any list and still read in no time.
pub const BYTES_MAX: usize = 1 << 20;

/// How many bad lines are told one by one; a file that is no list at all has
/// as many as it has lines.
pub const FINDINGS_MAX: usize = 20;

/// A package's name everywhere: the SHA-256 of its `checksum.sha256`.
///
/// ```
/// use package::checksums::PackageDigest;
/// let d = PackageDigest::of(b"");
/// assert_eq!(d.to_string().parse::<PackageDigest>(), Ok(d));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageDigest(Digest);

impl PackageDigest {
    /// The digest of a package with this `checksum.sha256`.
    pub fn of(checksum_file: &[u8]) -> Self {
        Self(Digest::of(checksum_file))
    }

    /// The plain digest.
    pub fn digest(self) -> Digest {
        self.0
    }
}

impl fmt::Display for PackageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for PackageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for PackageDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

/// A line: a file and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file, relative to the package, without the leading `./`.
    pub path: RelPath,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The line that says so, from 1; 0 where no file was read.
    pub line: u32,
}

/// What `checksum.sha256` says, in its order.
///
/// ```
/// use package::checksums::Checksums;
/// let list = Checksums::of([("images.txt", &b"x"[..]), ("MANIFEST.json", b"{}")]).unwrap();
/// let text = list.print();
/// assert!(text.lines().next().unwrap().ends_with("  ./MANIFEST.json"));
/// let (again, findings) = Checksums::parse(text.as_bytes());
/// assert!(findings.is_empty());
/// assert_eq!(again.print(), text);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checksums(Vec<Entry>);

impl Checksums {
    /// The list of these files, sorted by path bytes.
    pub fn of<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, model::path::PathError> {
        let mut entries = files
            .into_iter()
            .map(|(path, bytes)| {
                Ok(Entry {
                    path: path.parse()?,
                    digest: Digest::of(bytes),
                    line: 0,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self(entries))
    }

    /// Reads a list, and says everything that is wrong with it: what could be
    /// read, and a finding for each line that could not.
    ///
    /// A line is `<64 lower-case hex><2 spaces>./<path>` and ends in a line
    /// feed; the path has no empty, `.` or `..` component, no backslash and no
    /// control character; no path comes twice. The order is free, as the
    /// specification's own `find` gives none.
    pub fn parse(bytes: &[u8]) -> (Self, Vec<Finding>) {
        let mut list = Self::default();
        let mut findings = Vec::new();
        if bytes.len() > BYTES_MAX {
            let why = format!(
                "limit: it has {} bytes, at most {BYTES_MAX} are read",
                bytes.len()
            );
            return (list, vec![bad(0, why)]);
        }
        if bytes.is_empty() {
            return (list, vec![bad(1, "it is empty")]);
        }
        let mut seen = std::collections::BTreeMap::new();
        for (number, raw) in (1u32..).zip(bytes.split_inclusive(|b| *b == b'\n')) {
            let line = raw.strip_suffix(b"\n");
            if line.is_none() {
                findings.push(bad(number, "it does not end in a line feed"));
            }
            match entry(line.unwrap_or(raw), number) {
                Ok(entry) => {
                    if let Some(first) = seen.insert(entry.path.clone(), number) {
                        let why = format!("{} is on line {first} already", entry.path);
                        findings.push(bad(number, why));
                    } else {
                        list.0.push(entry);
                    }
                }
                Err(why) => findings.push(bad(number, why)),
            }
        }
        if findings.len() > FINDINGS_MAX {
            let rest = findings.len() - FINDINGS_MAX;
            findings.truncate(FINDINGS_MAX);
            findings.push(bad(0, format!("{rest} more lines are wrong")));
        }
        (list, findings)
    }

    /// The file's text: sorted by path bytes, one line a file.
    pub fn print(&self) -> String {
        let mut entries: Vec<&Entry> = self.0.iter().collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let mut out = String::with_capacity(entries.len() * 96);
        for entry in entries {
            let _ = writeln!(out, "{}  ./{}", entry.digest.hex(), entry.path.as_str());
        }
        out
    }

    /// The digest that is given for a file.
    pub fn get(&self, path: &str) -> Option<Digest> {
        self.0
            .iter()
            .find(|entry| entry.path.as_str() == path)
            .map(|entry| entry.digest)
    }

    /// The lines, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }
}

fn bad(line: u32, why: impl Into<String>) -> Finding {
    Finding::error("checksum-syntax", Class::Integrity, why)
        .at(FILE_NAME, line)
        .help("take an undamaged copy of the package, or make the package again")
}

/// One line without its line feed.
fn entry(line: &[u8], number: u32) -> Result<Entry, String> {
    if line.is_empty() {
        return Err("the line is blank".to_owned());
    }
    if line.ends_with(b"\r") {
        return Err("the line ends in CR LF".to_owned());
    }
    if line.starts_with(b"#") {
        return Err("comments are not allowed".to_owned());
    }
    if line.starts_with(b"\\") {
        return Err("escaped names are not allowed".to_owned());
    }
    if line.starts_with(b"SHA256 (") {
        return Err("BSD-style lines are not allowed".to_owned());
    }
    let form = || "it is not '<64 lower-case hex digits><2 spaces>./<path>'".to_owned();
    let (hex, rest) = line.split_at_checked(64).ok_or_else(form)?;
    let hex = std::str::from_utf8(hex).map_err(|_| form())?;
    let digest = Digest::from_hex(hex).map_err(|e| match e {
        DigestError::Digit if hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            "the digest has upper-case digits".to_owned()
        }
        _ => form(),
    })?;
    let name = rest.strip_prefix(b"  ").ok_or_else(form)?;
    let path = path(name).map_err(|why| format!("{}: {why}", escape_bytes(name)))?;
    Ok(Entry {
        path,
        digest,
        line: number,
    })
}

fn path(name: &[u8]) -> Result<RelPath, String> {
    let name = std::str::from_utf8(name).map_err(|_| "the name is not UTF-8".to_owned())?;
    if name.contains('\\') {
        return Err("the name has a backslash".to_owned());
    }
    if name.chars().any(|c| model::text::is_hidden(c) || c == '\t') {
        return Err("the name has a control or invisible character".to_owned());
    }
    let below = name
        .strip_prefix("./")
        .ok_or_else(|| "the path does not begin with './'".to_owned())?;
    if below.is_empty() {
        return Err("the path names no file".to_owned());
    }
    below.parse::<RelPath>().map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn refused(bytes: &[u8]) -> Vec<String> {
        let (_, findings) = Checksums::parse(bytes);
        assert!(!findings.is_empty(), "accepted: {}", escape_bytes(bytes));
        assert!(findings.iter().all(|f| f.class == Class::Integrity));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn v5_any_other_syntax_is_refused_with_its_line() {
        let upper = HEX.to_uppercase();
        for bad in [
            format!("{HEX}  ./a\r\n"),
            format!("{upper}  ./a\n"),
            format!("{HEX} ./a\n"),
            format!("{HEX} *./a\n"),
            format!("SHA256 (./a) = {HEX}\n"),
            format!("# {HEX}  ./a\n"),
            "\n".to_owned(),
            format!(" {HEX}  ./a\n"),
            format!("{HEX}  ./a"),
            format!("\\{HEX}  ./a\\nb\n"),
            format!("{HEX}   ./a\n"),
            format!("{}  ./a\n", &HEX[1..]),
            String::new(),
        ] {
            let texts = refused(bad.as_bytes());
            assert!(texts[0].starts_with("checksum.sha256:1: "), "{texts:?}");
        }
        let twice = format!("{HEX}  ./a\n{HEX}  ./a\n");
        assert_eq!(
            refused(twice.as_bytes()),
            ["checksum.sha256:2: a is on line 1 already"]
        );
        assert!(refused(&vec![b'\n'; BYTES_MAX + 1])[0].contains("limit: "));
    }

    #[test]
    fn v5_every_bad_line_is_told_at_once() {
        let text = format!("x\n{HEX}  ./a\ny\n");
        let texts = refused(text.as_bytes());
        assert_eq!(texts.len(), 2);
        assert!(texts[1].starts_with("checksum.sha256:3: "));
        assert_eq!(refused(&b"\n".repeat(1000)).len(), FINDINGS_MAX + 1);
    }

    #[test]
    fn v5_the_order_of_lines_is_free() {
        let text = format!("{HEX}  ./b\n{HEX}  ./a\n");
        let (list, findings) = Checksums::parse(text.as_bytes());
        assert!(findings.is_empty());
        assert_eq!(
            list.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(),
            ["b", "a"]
        );
    }

    #[test]
    fn v6_paths_that_leave_or_hide_are_refused_and_escaped() {
        for name in [
            "/etc/passwd",
            "../x",
            "./../x",
            "./a/../../x",
            "././x",
            "./a//b",
            "./a/",
            "./",
            "-",
            "x",
            "./a\0b",
            "./a\\b",
            "./a\x1b[2Jb",
            "./a\rb",
            "./a\tb",
            "./a\u{202e}b",
        ] {
            let texts = refused(format!("{HEX}  {name}\n").as_bytes());
            assert!(texts[0].starts_with("checksum.sha256:1: "), "{texts:?}");
            assert!(!texts[0].contains(|c: char| c.is_control()), "{texts:?}");
        }
        let mut bytes = format!("{HEX}  ./a").into_bytes();
        bytes.extend(b"\xff\n");
        assert!(refused(&bytes)[0].contains(r"./a\xff: the name is not UTF-8"));
    }

    proptest! {
        #[test]
        fn parse_of_print_is_identity(
            files in prop::collection::btree_map("[a-z]{1,8}(/[a-z.]{0,4}[a-z])?", prop::collection::vec(any::<u8>(), 0..20), 1..8)
        ) {
            let list = Checksums::of(files.iter().map(|(p, b)| (p.as_str(), b.as_slice()))).unwrap();
            let (again, findings) = Checksums::parse(list.print().as_bytes());
            prop_assert!(findings.is_empty());
            prop_assert_eq!(again.print(), list.print());
            for (path, bytes) in &files {
                prop_assert_eq!(again.get(path), Some(Digest::of(bytes)));
            }
        }

        #[test]
        fn parse_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Checksums::parse(&bytes);
        }
    }
}
