//! `consign.dev/ready-when`.

use proptest::prelude::*;
use rollout::ready::ReadyWhen;
use serde_json::{Value, json};

fn object() -> Value {
    json!({
        "metadata": {"labels": {"app.kubernetes.io/name": "web", "a": "b=c"}},
        "status": {
            "phase": "Running", "replicas": 3, "healthy": true, "ratio": 0.5, "none": null,
            "nodes": [{"name": "a", "state": "up"}, {"name": "b", "state": "up"}, {"name": "c", "state": "down"}],
            "conditions": [
                {"type": "Ready", "status": "True"},
                {"type": "Synced", "status": "False"},
            ],
            "members": {"x": {"state": "up"}, "y": {"state": "up"}},
        },
    })
}

#[test]
fn rules_that_hold() {
    for rule in [
        ".status.phase=Running",
        "{.status.phase}=Running",
        "{$.status.phase}=Running",
        "$.status.phase=\"Running\"",
        ".status.phase='Running'",
        "  .status.phase=Running ",
        ".status.replicas=3",
        ".status.healthy=true",
        ".status.ratio=0.5",
        ".status.none=null",
        ".status.nodes[0].state=up",
        ".status.nodes[-1].name=c",
        ".status.nodes[-3].name=a",
        ".status['phase']=Running",
        "['status'].phase=Running",
        ".status.conditions[?(@.type==\"Ready\")].status=True",
        "{.status.conditions[?(@.type=='Ready')].status}=True",
        ".status.conditions[?( @.type == Synced )].status=False",
        ".status.nodes[?(@.state==\"up\")].state=up",
        ".metadata.labels.app\\.kubernetes\\.io/name=web",
        ".metadata.labels['app.kubernetes.io/name']=web",
        ".metadata.labels.a=b=c",
        ".status.members[*].state=up",
        ".status.members.*.state=up",
    ] {
        let when: ReadyWhen = rule.parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(when.check(&object()), Ok(()), "{rule}");
    }
}

#[test]
fn rules_that_do_not_hold_say_what_is_there() {
    for (rule, expected) in [
        (
            ".status.phase=Ready",
            ".status.phase is Running, not yet Ready",
        ),
        (
            "{.status.phase}=running",
            "{.status.phase} is Running, not yet running",
        ),
        (".status.replicas=4", ".status.replicas is 3, not yet 4"),
        (
            ".status.nodes[*].state=up",
            ".status.nodes[*].state is down, not yet up",
        ),
        (
            ".status.nodes[3].state=up",
            ".status.nodes[3].state is not there yet",
        ),
        (
            ".status.nodes[-4].state=up",
            ".status.nodes[-4].state is not there yet",
        ),
        (".status.phase[0]=R", ".status.phase[0] is not there yet"),
        (
            ".status.nowhere.at.all=1",
            ".status.nowhere.at.all is not there yet",
        ),
        (
            ".status.nodes.name=a",
            ".status.nodes.name is not there yet",
        ),
    ] {
        let when: ReadyWhen = rule.parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(when.check(&object()), Err(expected.to_owned()));
    }
}

#[test]
fn what_is_no_rule_says_where_and_why() {
    for (text, expected) in [
        (
            "",
            "\"\" is not <JSONPath>=<value>: at character 1: expected . or [",
        ),
        (
            "status.phase=x",
            "\"status.phase=x\" is not <JSONPath>=<value>: at character 1: expected . or [",
        ),
        (
            ".=x",
            "\".=x\" is not <JSONPath>=<value>: at character 2: expected a key",
        ),
        (
            ".a..b=x",
            "\".a..b=x\" is not <JSONPath>=<value>: at character 4: expected a key",
        ),
        (
            "{.a=x",
            "\"{.a=x\" is not <JSONPath>=<value>: at character 4: expected }",
        ),
        (
            ".a",
            "\".a\" is not <JSONPath>=<value>: expected = and a value after \".a\"",
        ),
        (
            ".a=",
            "\".a=\" is not <JSONPath>=<value>: expected = and a value after \".a\"",
        ),
        (
            ".a x=1",
            "\".a x=1\" is not <JSONPath>=<value>: expected = and a value after \".a\"",
        ),
        (
            ".a[x]=1",
            "\".a[x]=1\" is not <JSONPath>=<value>: at character 4: expected a number, a quoted key, * or ?(@.key==\"value\")",
        ),
        (
            ".a[0=1",
            "\".a[0=1\" is not <JSONPath>=<value>: at character 4: expected a number, a quoted key, * or ?(@.key==\"value\")",
        ),
        (
            ".a['b=1",
            "\".a['b=1\" is not <JSONPath>=<value>: at character 4: this quote is not closed",
        ),
        (
            ".a[?(@.b>1)]=1",
            "\".a[?(@.b>1)]=1\" is not <JSONPath>=<value>: at character 9: expected ==, the only comparison there is",
        ),
        (
            ".a[?(b==1)]=1",
            "\".a[?(b==1)]=1\" is not <JSONPath>=<value>: at character 6: expected (@.key==\"value\")",
        ),
        (
            ".a[?(@.b==)]=1",
            "\".a[?(@.b==)]=1\" is not <JSONPath>=<value>: at character 11: expected a value",
        ),
        (
            ".a[?(@.b==1]=1",
            "\".a[?(@.b==1]=1\" is not <JSONPath>=<value>: at character 15: expected )",
        ),
        (
            ".a[0 b]=1",
            "\".a[0 b]=1\" is not <JSONPath>=<value>: at character 4: expected a number, a quoted key, * or ?(@.key==\"value\")",
        ),
        (
            ".a['b' c]=1",
            "\".a['b' c]=1\" is not <JSONPath>=<value>: at character 8: expected ]",
        ),
        (
            ".a\\",
            "\".a\\\\\" is not <JSONPath>=<value>: at character 4: expected a character after \\",
        ),
    ] {
        assert_eq!(text.parse::<ReadyWhen>().unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_rule_that_nests_without_end_is_refused() {
    let deep = format!(".a{}=1", "[?(@.b".repeat(100_000));
    assert!(deep.parse::<ReadyWhen>().is_err());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[\\.\\[\\]{}$@?()='\"a0é\\\\ *-]{0,24}") {
        if let Ok(when) = text.parse::<ReadyWhen>() {
            let _ = when.check(&object());
            prop_assert_eq!(when.to_string().parse::<ReadyWhen>(), Ok(when));
        }
    }
}
