use proptest::prelude::*;
use rollout::diff::changes;
use rollout::redact::{self, message};
use serde_json::{Value, json};

const CANARY: &str = "canary-7f3a";

/// What is told of a change from one to the other, as anything that prints it
/// would.
fn told(before: &Value, after: &Value) -> String {
    format!("{:?}", changes(before, after))
}

fn secret(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data, "stringData": data})
}

fn workload(containers: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w"}, "spec": {"template": {"spec": {"containers": containers}}}})
}

#[test]
fn d22_no_change_of_a_secret_tells_a_value() {
    for (before, after) in [
        (json!({"k": CANARY}), json!({"k": "x"})),
        (json!({"k": "x"}), json!({"k": CANARY})),
        (json!({}), json!({"k": CANARY})),
        (json!({"k": CANARY}), json!({})),
        (json!(null), json!({"k": CANARY})),
        (json!({"k": CANARY}), json!(null)),
        (json!(CANARY), json!([CANARY])),
        (json!({"k": {"deep": [CANARY]}}), json!({"k": 1})),
    ] {
        let said = told(&secret(&before), &secret(&after));
        assert!(!said.contains(CANARY), "{said}");
        assert!(said.contains("data"), "{said}");
    }
    // A Secret that comes or goes as a whole.
    let whole = secret(&json!({"k": CANARY}));
    assert!(!told(&json!({"kind": "Secret"}), &whole).contains(CANARY));
    assert!(!told(&whole, &json!({"kind": "Secret"})).contains(CANARY));
}

#[test]
fn d22_no_change_of_a_variable_tells_a_value_that_may_be_secret() {
    let env =
        |name: &str, value: &str| json!([{"name": "c", "env": [{"name": name, "value": value}]}]);
    for name in [
        "DB_PASSWORD",
        "API_KEY",
        "auth",
        "Token",
        "my.secret",
        "SENTRY_DSN",
        "TLS_CERT",
        "CREDENTIALS",
    ] {
        let (before, after) = (env(name, CANARY), env(name, "other"));
        for (before, after) in [
            (before.clone(), after.clone()),
            (after, before.clone()),
            (json!([]), before.clone()),
            (before.clone(), json!([])),
            (json!([{"name": "c"}]), before.clone()),
            (json!([{"name": "c", "env": []}]), before.clone()),
            (
                json!([{"name": "c", "env": [{"name": "A", "value": "b"}]}]),
                before.clone(),
            ),
            (json!([{"name": "c", "env": [{"name": name}]}]), before),
        ] {
            let said = told(&workload(&before), &workload(&after));
            assert!(!said.contains(CANARY), "{name}: {said}");
        }
    }
    let said = told(
        &workload(&env("LOG_LEVEL", "info")),
        &workload(&env("LOG_LEVEL", "debug")),
    );
    assert!(said.contains("info") && said.contains("debug"), "{said}");
}

#[test]
fn d22_messages_about_secrets_quote_nothing() {
    for text in [
        format!("Secret \"db\" is invalid: data[k]: Invalid value: \"{CANARY}\": too long"),
        format!("Secret \"db\" is invalid: data[k]: Invalid value: {CANARY}"),
        format!("say \"it\\\"{CANARY}\\\"\" again"),
        format!("json: cannot unmarshal \"a\\\\\" and \"{CANARY}\" into field"),
        format!("unclosed \"{CANARY}"),
        format!("admission webhook \"w\" denied the request: {CANARY} is weak"),
        format!("failed: `{CANARY}` is not it"),
        format!("failed: '{CANARY}' is not it"),
        format!("error found in #10 byte of ...|data\":{{\"k\":\"{CANARY}\"}}|..., bigger context"),
        format!(".data: expected map, got &value.valueUnstructured{{Value:\"{CANARY}\"}}"),
        format!(".data: expected map, got &value.valueUnstructured{{Value:{CANARY}}}"),
        format!("yaml: line 3: could not find expected ':' near {{{CANARY}}}"),
        format!("data[k]: Invalid value: [\"{CANARY}\"]: [{CANARY}]"),
        format!("data: expected map, got [{CANARY}:1]"),
        format!("data: expected map, got map[k:{CANARY}]"),
    ] {
        let said = message(&text, true);
        assert!(!said.contains(CANARY), "{text}\n{said}");
    }
    let kept = message(
        &format!(
            "Secret \"db\" is invalid: data[tls.crt]: Invalid value: \"{CANARY}\": field is immutable"
        ),
        true,
    );
    assert_eq!(
        kept,
        "Secret \"…\" is invalid: data[tls.crt]: Invalid value: (left out): field is immutable"
    );
    let plain = "Secret is forbidden: User cannot patch resource";
    assert_eq!(message(plain, true), plain);
}

#[test]
fn d21_an_object_that_is_kept_holds_no_secret() {
    let mut object = secret(&json!({"k": CANARY}));
    object["metadata"]["managedFields"] = json!([{"fieldsV1": {CANARY: {}}}]);
    object["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": CANARY, "keep": "me"});
    let kept = redact::object(object);
    assert!(!kept.to_string().contains(CANARY), "{kept}");
    assert_eq!(kept["metadata"]["annotations"], json!({"keep": "me"}));
    assert!(
        kept["data"].get("k").is_some(),
        "names of keys are told: {kept}"
    );
    let kept = redact::object(secret(&json!(CANARY)));
    assert!(!kept.to_string().contains(CANARY), "{kept}");
    // In a list, and in a custom resource.
    let variable = json!({"name": "API_TOKEN", "value": CANARY});
    let list = json!({"kind": "Widget", "spec": {"deep": [[{"env": [variable]}]]}});
    assert!(!redact::object(list).to_string().contains(CANARY));
}

proptest! {
    #[test]
    fn d22_whatever_is_quoted_in_a_message_about_a_secret_is_left_out(before in "[a-z ]{0,9}", value in "[a-z\"\\\\ {}|:]{0,9}", after in "[a-z ]{0,9}") {
        // As the server quotes it.
        let quoted = json!(format!("{value}{CANARY}{value}")).to_string();
        let said = message(&format!("{before}{quoted}{after}"), true);
        prop_assert!(!said.contains(CANARY), "{}", said);
    }

    #[test]
    fn no_message_makes_it_panic(text in ".*", value in "[\\{\\}\\[\\]\"\\\\a-zé]{0,30}") {
        for about_secret in [true, false] {
            let _ = message(&text, about_secret);
            let _ = message(&format!("Invalid value: {value}"), about_secret);
        }
    }
}
