//! The order of keys: go-yaml v2's, in which numbers within keys count.

use std::cmp::Ordering;

use super::super::node::Entry;

/// Entries by their keys. Not the standard library's sort: the order is not
/// one for keys whose numbers overflow, and that sort may then panic.
pub(super) fn sorted(entries: &[Entry]) -> Vec<&Entry> {
    let mut items: Vec<&Entry> = entries.iter().collect();
    let in_order = items
        .windows(2)
        .all(|pair| !less(&pair[1].key, &pair[0].key));
    if in_order {
        return items;
    }
    let mut spare = items.clone();
    let mut width = 1;
    while width < items.len() {
        for start in (0..items.len()).step_by(width * 2) {
            let middle = (start + width).min(items.len());
            let end = (start + width * 2).min(items.len());
            merge(
                &items[start..middle],
                &items[middle..end],
                &mut spare[start..end],
            );
        }
        std::mem::swap(&mut items, &mut spare);
        width *= 2;
    }
    items
}

fn merge<'a>(left: &[&'a Entry], right: &[&'a Entry], into: &mut [&'a Entry]) {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    for slot in into {
        let from_right = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => less(&b.key, &a.key),
            (None, _) => true,
            (_, None) => false,
        };
        let next = if from_right {
            right.next()
        } else {
            left.next()
        };
        if let Some(next) = next {
            *slot = next;
        }
    }
}

fn less(a: &str, b: &str) -> bool {
    natural(a, b) == Ordering::Less
}

/// Letters come after everything else, runs of digits compare as numbers.
pub(super) fn natural(a: &str, b: &str) -> Ordering {
    let common = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    let mut at = common;
    while !a.is_char_boundary(at) || !b.is_char_boundary(at) {
        at -= 1;
    }
    let (Some(x), Some(y)) = (a[at..].chars().next(), b[at..].chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (is_letter(x), is_letter(y)) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // A zero behind another digit of the same number counts as one.
    let within = (x == '0' || y == '0')
        && a[..at]
            .bytes()
            .rev()
            .take_while(u8::is_ascii_digit)
            .any(|digit| digit != b'0');
    let start = i64::from(within);
    let (number_a, length_a) = digits(&a[at..], start);
    let (number_b, length_b) = digits(&b[at..], start);
    number_a
        .cmp(&number_b)
        .then(length_a.cmp(&length_b))
        .then(x.cmp(&y))
}

fn digits(text: &str, start: i64) -> (i64, usize) {
    let run = text.bytes().take_while(u8::is_ascii_digit);
    run.fold((start, 0), |(number, length), digit| {
        let number = number
            .wrapping_mul(10)
            .wrapping_add(i64::from(digit - b'0'));
        (number, length + 1)
    })
}

/// Go's `unicode.IsLetter`, but for combining vowels of some scripts.
fn is_letter(c: char) -> bool {
    c.is_alphabetic() && !c.is_numeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Node;

    #[test]
    fn numbers_count_and_letters_come_last() {
        let keys = [
            "key10", "key2", "a-b", "Key3", "_a", "10", "2", "key1", "a", "ab", "1",
        ];
        let entries: Vec<Entry> = keys.iter().map(|k| Entry::new(*k, Node::null())).collect();
        let sorted: Vec<&str> = sorted(&entries).iter().map(|e| e.key.as_str()).collect();
        let expected = [
            "_a", "1", "2", "10", "Key3", "a", "a-b", "ab", "key1", "key2", "key10",
        ];
        assert_eq!(sorted, expected);
    }

    #[test]
    fn overflowing_numbers_do_not_panic() {
        let entries: Vec<Entry> = (0..200)
            .map(|i| Entry::new(format!("{}{}", "9".repeat(i % 40), i), Node::null()))
            .collect();
        assert_eq!(sorted(&entries).len(), entries.len());
    }
}
