//! Text that looks like a value that must not be shipped.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How often base64 is looked into: a key in base64, in a kubeconfig in
/// base64, in a Secret.
const NESTING: u32 = 3;

/// The shortest run of base64 worth decoding: the 27 bytes of the shortest
/// private-key marker take 36 characters.
const RUN_MIN: usize = 36;

/// The longest label of a private-key marker before its last two words
/// (`-----BEGIN OPENSSH PRIVATE KEY-----`).
const LABEL_MAX: usize = 40;

/// What a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sensitive {
    /// A token; the name says of what, never which.
    Token(&'static str),
    /// A private key.
    PrivateKey,
}

/// What the worst thing in a text is, plain or in base64.
pub(crate) fn look(text: &str) -> Option<Sensitive> {
    look_at(text.as_bytes(), NESTING)
}

fn look_at(bytes: &[u8], nesting: u32) -> Option<Sensitive> {
    if has_private_key(bytes) {
        return Some(Sensitive::PrivateKey);
    }
    let mut worst = token(bytes).map(Sensitive::Token);
    if nesting > 0 && bytes.len() >= RUN_MIN {
        for decoded in decoded(bytes) {
            worst = worst.max(look_at(&decoded, nesting - 1));
            if worst == Some(Sensitive::PrivateKey) {
                break;
            }
        }
    }
    worst
}

/// Whether a marker `-----BEGIN … PRIVATE KEY` (RFC 7468, and the forms of
/// RFC 4880 and RFC 4716) is there.
fn has_private_key(bytes: &[u8]) -> bool {
    const END: &[u8] = b"PRIVATE KEY";
    const BEGIN: &[u8] = b"BEGIN ";
    positions(bytes, END).any(|at| {
        let label = &bytes[at.saturating_sub(LABEL_MAX + BEGIN.len() + 2)..at];
        let Some(begin) = positions(label, BEGIN).last() else {
            return false;
        };
        let dashes = &label[..begin];
        label[begin + BEGIN.len()..]
            .iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b' ')
            && (dashes.ends_with(b"-") || dashes.ends_with(b"- "))
    })
}

/// Where a needle begins, leftmost first.
fn positions<'a>(bytes: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    let first = needle.first().copied();
    bytes
        .iter()
        .enumerate()
        .filter(move |(_, b)| Some(**b) == first)
        .map(|(at, _)| at)
        .filter(move |at| bytes[*at..].starts_with(needle))
}

/// What may follow a token's prefix.
#[derive(Clone, Copy)]
enum Tail {
    /// `A-Z0-9`.
    Upper,
    /// `A-Za-z0-9`.
    Word,
    /// `A-Za-z0-9_-`.
    Url,
}

/// Prefix, least number of characters after it, which ones, and whose it is.
/// Source: the issuers' documentation of their token forms.
const TOKENS: [(&str, usize, Tail, &str); 22] = [
    ("AKIA", 16, Tail::Upper, "an AWS access key"),
    ("ASIA", 16, Tail::Upper, "an AWS access key"),
    ("ghp_", 30, Tail::Word, "a GitHub token"),
    ("gho_", 30, Tail::Word, "a GitHub token"),
    ("ghu_", 30, Tail::Word, "a GitHub token"),
    ("ghs_", 30, Tail::Word, "a GitHub token"),
    ("ghr_", 30, Tail::Word, "a GitHub token"),
    ("github_pat_", 22, Tail::Url, "a GitHub token"),
    ("glpat-", 20, Tail::Url, "a GitLab token"),
    ("xoxb-", 20, Tail::Url, "a Slack token"),
    ("xoxp-", 20, Tail::Url, "a Slack token"),
    ("xoxa-", 20, Tail::Url, "a Slack token"),
    ("xoxs-", 20, Tail::Url, "a Slack token"),
    ("hvs.", 20, Tail::Url, "a Vault token"),
    ("hvb.", 20, Tail::Url, "a Vault token"),
    ("AIza", 35, Tail::Url, "a Google API key"),
    ("npm_", 36, Tail::Word, "an npm token"),
    ("dckr_pat_", 20, Tail::Url, "a Docker token"),
    ("sk_live_", 16, Tail::Word, "a Stripe key"),
    ("rk_live_", 16, Tail::Word, "a Stripe key"),
    ("sk-ant-", 20, Tail::Url, "an Anthropic key"),
    ("AGE-SECRET-KEY-1", 20, Tail::Upper, "an age key"),
];

/// The first thing that looks like a token.
fn token(bytes: &[u8]) -> Option<&'static str> {
    let starts = |at: usize| {
        at.checked_sub(1)
            .and_then(|before| bytes.get(before))
            .is_none_or(|b| !b.is_ascii_alphanumeric())
    };
    // No later start in a run of token characters can be a JWT when the first
    // is none, so that each run is measured once.
    let mut measured = 0;
    for (at, byte) in bytes.iter().enumerate() {
        // What any of them begins with; most words are passed by here.
        if !matches!(
            byte,
            b'A' | b'd' | b'e' | b'g' | b'h' | b'n' | b'r' | b's' | b'x'
        ) || !starts(at)
        {
            continue;
        }
        let rest = &bytes[at..];
        for (prefix, least, tail, whose) in TOKENS {
            if let Some(tail_bytes) = rest.strip_prefix(prefix.as_bytes())
                && run(tail_bytes.get(..least).unwrap_or(tail_bytes), tail) >= least
            {
                return Some(whose);
            }
        }
        if at >= measured && rest.starts_with(b"eyJ") {
            let header = run(rest, Tail::Url);
            if is_jwt(rest, header) {
                return Some("a JSON web token");
            }
            measured = at + header;
        }
    }
    positions(bytes, b"://")
        .any(|at| has_password(&bytes[at + 3..]))
        .then_some("a password in a URL")
}

/// How many of the first bytes may be in a tail.
fn run(bytes: &[u8], tail: Tail) -> usize {
    bytes
        .iter()
        .take_while(|b| match tail {
            Tail::Upper => b.is_ascii_uppercase() || b.is_ascii_digit(),
            Tail::Word => b.is_ascii_alphanumeric(),
            Tail::Url => b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'),
        })
        .count()
}

/// Header and claims of a JWT are JSON objects in base64, which begin with
/// `eyJ` (RFC 7519). `header` is how long the first of them is.
fn is_jwt(bytes: &[u8], header: usize) -> bool {
    const LEAST: usize = 10;
    let Some(claims) = bytes[header..].strip_prefix(b".") else {
        return false;
    };
    let length = run(claims, Tail::Url);
    header >= LEAST
        && claims.starts_with(b"eyJ")
        && length >= LEAST
        && claims.get(length) == Some(&b'.')
}

/// Whether what follows `scheme://` is `user:password@host`, with a password
/// that is not filled in from a variable.
fn has_password(rest: &[u8]) -> bool {
    let end = rest
        .iter()
        .position(|b| b.is_ascii_whitespace() || matches!(b, b'/' | b'?' | b'#' | b'"' | b'\''))
        .unwrap_or(rest.len());
    let Some(at) = rest[..end].iter().rposition(|b| *b == b'@') else {
        return false;
    };
    let user = &rest[..at];
    user.iter()
        .position(|b| *b == b':')
        .map(|colon| &user[colon + 1..])
        .is_some_and(|password| {
            !password.is_empty()
                && !password
                    .iter()
                    .any(|b| matches!(b, b'$' | b'<' | b'{' | b'%' | b'*'))
        })
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// What the runs of base64 in a text hold. A run may begin within a group of
/// four when other text of the same letters stands before it, and may be
/// wrapped over lines.
fn decoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut wrapped = Vec::new();
    let mut lines = 0;
    for line in bytes.split(|b| *b == b'\n') {
        let trimmed = line.trim_ascii();
        let content = trimmed
            .iter()
            .rposition(|b| *b != b'=')
            .map_or(&trimmed[..0], |last| &trimmed[..=last]);
        if !content.is_empty() && content.iter().copied().all(is_base64) {
            wrapped.extend_from_slice(content);
            lines += 1;
        } else {
            if lines > 1 {
                decode_run(&wrapped, &mut out);
            }
            wrapped.clear();
            lines = 0;
        }
        for run in line.split(|b| !is_base64(*b)) {
            decode_run(run, &mut out);
        }
    }
    if lines > 1 {
        decode_run(&wrapped, &mut out);
    }
    out
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

fn decode_run(run: &[u8], out: &mut Vec<Vec<u8>>) {
    if run.len() < RUN_MIN {
        return;
    }
    let run: Vec<u8> = run
        .iter()
        .map(|b| match b {
            b'-' => b'+',
            b'_' => b'/',
            b => *b,
        })
        .collect();
    for start in 0..4 {
        let whole = run.len() - start;
        // One character more than whole groups holds no byte.
        let end = if whole % 4 == 1 {
            run.len() - 1
        } else {
            run.len()
        };
        if let Ok(bytes) = STANDARD.decode(&run[start..end]) {
            out.push(bytes);
        }
    }
}

/// How many characters are looked at together: fewer do not tell a value from
/// a name.
const RANDOM_WINDOW: usize = 20;

/// So many words in a window are no name: text drawn at random has eleven on
/// average, names have five.
const RANDOM_WORDS: usize = 8;

/// The least length of hexadecimal text that is no name.
const HEX_MIN: usize = 32;

/// Whether a text that should be a name looks drawn at random: many
/// hexadecimal digits, or capitals and small letters together that fall into
/// very short words when read as `camelCase2` is.
pub(crate) fn is_random(text: &str) -> bool {
    text.as_bytes()
        .split(|b| !b.is_ascii_alphanumeric())
        .any(|run| {
            is_hex(run)
                || run
                    .windows(RANDOM_WINDOW)
                    .any(|window| has_both_cases(window) && words(window) >= RANDOM_WORDS)
        })
}

fn has_both_cases(run: &[u8]) -> bool {
    run.iter().any(u8::is_ascii_uppercase) && run.iter().any(u8::is_ascii_lowercase)
}

fn is_hex(run: &[u8]) -> bool {
    run.len() >= HEX_MIN
        && run.iter().all(u8::is_ascii_hexdigit)
        && run.iter().any(u8::is_ascii_digit)
}

/// How many words there are: a word is digits, or capitals, or lower-case
/// letters with at most one capital before them.
fn words(run: &[u8]) -> usize {
    let mut count = usize::from(!run.is_empty());
    for (at, pair) in run.windows(2).enumerate() {
        let (left, right) = (pair[0], pair[1]);
        let begins = if right.is_ascii_lowercase() {
            // The last of several capitals begins the word.
            left.is_ascii_digit()
                || (left.is_ascii_uppercase() && at > 0 && run[at - 1].is_ascii_uppercase())
        } else if right.is_ascii_uppercase() {
            !left.is_ascii_uppercase()
        } else {
            !left.is_ascii_digit()
        };
        count += usize::from(begins);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD as PLAIN, URL_SAFE_NO_PAD};

    fn pem(label: &str) -> String {
        format!("-----BEGIN {label}-----\nMIIBOgIBAAJBAKj34GkxFhD90vcN\n-----END {label}-----\n")
    }

    #[test]
    fn private_keys_are_seen_plain() {
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
        ] {
            let text = format!("before\n{}after", pem(label));
            assert_eq!(look(&text), Some(Sensitive::PrivateKey), "{label}");
        }
        assert_eq!(
            look("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"),
            Some(Sensitive::PrivateKey)
        );
        assert_eq!(
            look("{\"key\":\"-----BEGIN PRIVATE KEY-----\\nMII\"}"),
            Some(Sensitive::PrivateKey)
        );
    }

    #[test]
    fn private_keys_are_seen_in_base64() {
        let key = pem("RSA PRIVATE KEY");
        let bundle = format!("{}{key}", pem("CERTIFICATE").repeat(5));
        for text in [&key, &bundle] {
            let once = PLAIN.encode(text);
            let twice = PLAIN.encode(&once);
            let thrice = PLAIN.encode(format!("client-key-data: {twice}\n"));
            let wrapped: Vec<&str> = once
                .as_bytes()
                .chunks(64)
                .map(|c| std::str::from_utf8(c).unwrap())
                .collect();
            for seen in [
                once.clone(),
                twice,
                thrice,
                URL_SAFE_NO_PAD.encode(text),
                wrapped.join("\n"),
                format!("a:\n    {}\nb", wrapped.join("\n    ")),
                format!("client-key-data: {once}"),
                format!("key{once}"),
            ] {
                assert_eq!(look(&seen), Some(Sensitive::PrivateKey), "{seen}");
            }
        }
    }

    #[test]
    fn certificates_and_talk_of_keys_are_public() {
        for text in [
            pem("CERTIFICATE"),
            PLAIN.encode(pem("CERTIFICATE")),
            pem("PUBLIC KEY"),
            "mount the PRIVATE KEY below /etc/tls".to_owned(),
            "BEGIN reading; the PRIVATE KEY".to_owned(),
            "x".repeat(10_000),
            String::new(),
        ] {
            assert_eq!(look(&text), None, "{text}");
        }
    }

    #[test]
    fn no_prefix_is_passed_by() {
        for (prefix, least, tail, whose) in TOKENS {
            let tail = match tail {
                Tail::Upper => "A7",
                Tail::Word | Tail::Url => "a7",
            };
            let text = format!("x {prefix}{}", tail.repeat(least));
            assert_eq!(look(&text), Some(Sensitive::Token(whose)), "{prefix}");
        }
    }

    /// Were each start measured to the end of its run, this would not end.
    #[test]
    fn long_runs_are_measured_once() {
        for part in ["eyJ-", "ghp_", "://"] {
            assert_eq!(look(&part.repeat(1 << 18)), None, "{part}");
        }
    }

    #[test]
    fn tokens_are_seen() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl";
        for (text, whose) in [
            ("AKIAIOSFODNN7EXAMPLE".to_owned(), "an AWS access key"),
            ("key=AKIAIOSFODNN7EXAMPLE;".to_owned(), "an AWS access key"),
            (format!("ghp_{}", "a1".repeat(18)), "a GitHub token"),
            (format!("Bearer {jwt}"), "a JSON web token"),
            (
                PLAIN.encode(format!("some text and {jwt}")),
                "a JSON web token",
            ),
            (
                "postgres://app:hunter2@db/app".to_owned(),
                "a password in a URL",
            ),
            ("hvs.CAESIJlWh0hYzPkRZf8pQ9".to_owned(), "a Vault token"),
            (format!("eyJ-eyJ- {jwt}"), "a JSON web token"),
        ] {
            assert_eq!(look(&text), Some(Sensitive::Token(whose)), "{text}");
        }
        for text in [
            "AKIA",
            "xAKIAIOSFODNN7EXAMPLE",
            "ghp_short",
            "eyJhbGciOiJIUzI1NiJ9",
            "postgres://app:$(DB_PASSWORD)@db/app",
            "postgres://app:${PASS}@db/app",
            "https://example.com/a:b@c",
            "nginx:1.29@sha256:abc",
        ] {
            assert_eq!(look(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_not_random_and_random_is_no_name() {
        for name in [
            "redis-password",
            "awsSecretAccessKeyV2Production",
            "AzureStorageAccountKey2024Backup",
            "SERVICE_ACCOUNT_KEY_FILE_PATH_2",
            "ge-secrets-5h2b7kmf7g",
            "application-production.properties",
            "dbUserKeyPathInitDataBaseName",
            "My-App-Key-V1-Prod-A1-B2-C3",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "kv2prod1eu1team3app4db5",
            "id_ed25519",
        ] {
            assert!(!is_random(name), "{name}");
        }
        for text in [
            "9f86d081884c7d659a2feaa0c55ad015",
            "wJalrXUtnFEMI7K7MDENGbPxRfiCY",
            "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
            "dGhpcyBpcyBhIHZhbHVlIHRoYXQ",
            "Zx8Qp2Lk9Vb4Nm7Wc1Rt5Ys3",
        ] {
            assert!(is_random(text), "{text}");
        }
    }
}
