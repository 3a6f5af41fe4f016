//! Names by the rules of Kubernetes.

/// The longest name of an object (RFC 1123 subdomain).
pub(crate) const SUBDOMAIN_MAX: usize = 253;

/// The longest DNS label, and the longest name part of a label's key.
pub(crate) const LABEL_MAX: usize = 63;

/// Whether a text is a DNS label of RFC 1123: lower-case letters, digits and
/// `-`, a letter or digit at both ends.
pub(crate) fn is_label(text: &str) -> bool {
    text.len() <= LABEL_MAX && is_label_of_any_length(text)
}

fn is_label_of_any_length(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(word)
        && bytes.last().copied().is_some_and(word)
        && bytes.iter().all(|b| word(*b) || *b == b'-')
}

/// Whether a text is a DNS subdomain: labels joined by `.`. As in Kubernetes,
/// only the whole is limited in length.
pub(crate) fn is_subdomain(text: &str) -> bool {
    text.len() <= SUBDOMAIN_MAX && text.split('.').all(is_label_of_any_length)
}

/// Whether a text is a label of RFC 1035: as [`is_label`], and a letter first.
pub(crate) fn is_letter_label(text: &str) -> bool {
    is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// Whether a text may be a name where Kubernetes takes any that fits into a
/// path: no `/` and no `%`, not `.` or `..`.
pub(crate) fn is_path_segment(text: &str) -> bool {
    !matches!(text, "" | "." | "..") && !text.contains(['/', '%'])
}

/// Whether a text is the key of a Secret or `ConfigMap`.
pub(crate) fn is_data_key(text: &str) -> bool {
    (1..=SUBDOMAIN_MAX).contains(&text.len())
        && !matches!(text, "." | "..")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Letters, digits, `-`, `_` and `.`, a letter or digit at both ends, at most
/// [`LABEL_MAX`]: the name part of a label's key, and a label's value.
fn is_qualified(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.len() <= LABEL_MAX
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

/// Whether a text is the key of a label or annotation: a name, and a DNS
/// subdomain and `/` before it if it has a prefix.
pub(crate) fn is_label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => is_subdomain(prefix) && is_qualified(name),
        None => is_qualified(text),
    }
}

/// Whether a text is the value of a label.
pub(crate) fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_qualified(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_kubernetes_takes() {
        for good in ["a", "a-b", "0", &"a".repeat(63)] {
            assert!(is_label(good) && is_subdomain(good), "{good}");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a_b",
            "ä",
            "а",
            "a b",
            &"a".repeat(64),
            "a.b",
        ] {
            assert!(!is_label(bad), "{bad}");
        }
        assert!(is_subdomain("a.b-c.d"));
        assert!(!is_subdomain("a..b") && !is_subdomain(".a") && !is_subdomain("a."));
        assert!(!is_subdomain(&"a".repeat(254)));
        assert!(is_letter_label("web") && !is_letter_label("0web"));
        assert!(is_path_segment("system:node") && !is_path_segment("a/b"));
        assert!(!is_path_segment("..") && !is_path_segment("a%2e"));
    }

    #[test]
    fn keys_and_values_are_what_kubernetes_takes() {
        assert!(is_data_key("redis-password") && is_data_key(".env") && is_data_key("A_b.c"));
        assert!(
            !is_data_key("") && !is_data_key("..") && !is_data_key("a/b") && !is_data_key("a b")
        );
        assert!(is_label_key("app.kubernetes.io/name") && is_label_key("Name_x"));
        assert!(
            !is_label_key("a/b/c")
                && !is_label_key("/a")
                && !is_label_key("a/")
                && !is_label_key("A/b")
        );
        assert!(is_label_value("") && is_label_value("v1.2_3") && !is_label_value("-a"));
    }
}
