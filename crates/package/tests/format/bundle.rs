//! A package as one run of bytes, and what is no such thing.

use std::process::Command;

use package::bundle::{BYTES_MAX, BundleError, pack, unpack};
use package::open::{BashSyntax, OpenOptions, open};
use package::sealed::FILES;

use crate::fixture::package;

const NAME: &str = "acme-corp-v1.2.3";
const BLOCK: usize = 512;

/// Where each file's header is, and how many bytes the file has.
fn headers(bundle: &[u8]) -> Vec<(usize, usize)> {
    let mut at = 0;
    let mut headers = Vec::new();
    while bundle[at] != 0 {
        let digits = std::str::from_utf8(&bundle[at + 124..at + 135]).unwrap();
        let size = usize::from_str_radix(digits, 8).unwrap();
        headers.push((at, size));
        at += BLOCK + size.next_multiple_of(BLOCK);
    }
    headers
}

/// Writes into a header and corrects its sum, as `tar` would.
fn rewrite(bundle: &mut [u8], header: usize, at: usize, text: &[u8]) {
    let block = &mut bundle[header..header + BLOCK];
    block[at..at + text.len()].copy_from_slice(text);
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn what_is_packed_is_the_same_package_again() {
    let package = package();
    let bundle = pack(&package);
    assert_eq!(bundle, pack(&package));
    let tree = unpack(NAME, &bundle).unwrap();
    assert_eq!(tree, package.tree());
    let report = open(&tree, &OpenOptions::default()).finish(&BashSyntax::Absent);
    assert_eq!(report.findings, []);
    assert_eq!(report.package.unwrap().digest(), package.digest());
}

#[test]
fn another_name_is_found_when_it_is_opened() {
    let tree = unpack("bigcorp-v1.2.3", &pack(&package())).unwrap();
    let report = open(&tree, &OpenOptions::default()).finish(&BashSyntax::Absent);
    assert!(!report.passed());
}

#[test]
fn tar_takes_it_apart() {
    let package = package();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bundle.tar");
    std::fs::write(&file, pack(&package)).unwrap();
    let tar = Command::new("tar")
        .args(["-xf", "bundle.tar"])
        .current_dir(directory.path())
        .status()
        .unwrap();
    assert!(tar.success());
    for path in FILES {
        let bytes = std::fs::read(directory.path().join(path)).unwrap();
        assert_eq!(Some(bytes.as_slice()), package.bytes(path), "{path}");
    }
}

#[test]
fn no_byte_of_a_header_or_a_padding_may_be_another_one() {
    let bundle = pack(&package());
    let mut content = vec![false; bundle.len()];
    let headers = headers(&bundle);
    assert_eq!(headers.len(), FILES.len());
    for (header, size) in headers {
        content[header + BLOCK..header + BLOCK + size].fill(true);
    }
    for at in (0..bundle.len()).filter(|at| !content[*at]) {
        let mut broken = bundle.clone();
        broken[at] ^= 1;
        assert!(unpack(NAME, &broken).is_err(), "byte {at}");
    }
}

#[test]
fn what_is_cut_short_or_too_long_is_refused() {
    let bundle = pack(&package());
    for length in (0..bundle.len()).step_by(97) {
        assert!(unpack(NAME, &bundle[..length]).is_err(), "{length}");
    }
    let mut long = bundle.clone();
    long.push(0);
    assert_eq!(unpack(NAME, &long), Err(BundleError::End));
    let huge = vec![0; BYTES_MAX + 1];
    assert_eq!(unpack(NAME, &huge), Err(BundleError::Large(BYTES_MAX + 1)));
}

#[test]
fn hostile_headers_are_refused() {
    let bundle = pack(&package());
    let (first, _) = headers(&bundle)[0];
    let refused = |at: usize, text: &[u8]| {
        let mut broken = bundle.clone();
        rewrite(&mut broken, first, at, text);
        unpack(NAME, &broken).unwrap_err()
    };
    for (at, text) in [
        (0, &b"../MANIFEST.json\0"[..]),
        (0, b"/etc/passwd\0"),
        (0, b"manifests/zz.yaml\0"),
        (100, b"0004755"),
        (156, b"1"),
        (156, b"2"),
        (156, b"5"),
        (157, b"/etc/passwd"),
        (156, b"x"),
        (345, b".."),
    ] {
        assert_eq!(refused(at, text), BundleError::Header("MANIFEST.json"));
    }
    // The largest size that fits, a negative one, one in base 256, no digits.
    assert_eq!(
        refused(124, b"77777777777"),
        BundleError::Cut("MANIFEST.json")
    );
    for size in [
        &b"-0000000001"[..],
        b"\x80\0\0\0\0\0\0\0\0\0\x01",
        b"           ",
        b"00000000009",
    ] {
        assert_eq!(refused(124, size), BundleError::Header("MANIFEST.json"));
    }
}

#[test]
fn a_file_twice_or_in_another_order_is_refused() {
    let bundle = pack(&package());
    let headers: Vec<usize> = headers(&bundle).into_iter().map(|(at, _)| at).collect();
    let twice: Vec<u8> = [&bundle[..headers[1]], &bundle[..]].concat();
    assert!(unpack(NAME, &twice).is_err());
    let swapped: Vec<u8> = [
        &bundle[headers[1]..headers[2]],
        &bundle[..headers[1]],
        &bundle[headers[2]..],
    ]
    .concat();
    assert!(unpack(NAME, &swapped).is_err());
    assert!(unpack(NAME, &bundle[headers[1]..]).is_err());
}
