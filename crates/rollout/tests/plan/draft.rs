use rollout::draft::{Adopt, Adoption, State};
use rollout::fields::MANAGER;
use rollout::object::ObjectId;
use rollout::record::Outcome;
use serde_json::{Value, json};

use crate::fixture::{
    EDITOR, NAMESPACE, OURS, PLAIN, World, Writer, applied, config, deployment, owned_by,
};

const CONTROLLER: Writer<'_> = ("kube-controller-manager", "Update", "status");
const HELM: Writer<'_> = ("helm", "Update", "");

fn adopt(names: &str) -> Adopt {
    Adopt::Named(rollout::order::parse_references(names).unwrap())
}

fn world(object: &Value, live: &Value) -> World {
    let mut world = World::of(std::slice::from_ref(object));
    world.is_there(live);
    world
}

/// A world in which others own everything, and in which we do and they have
/// written a little besides.
fn by(object: &Value, writers: &[Writer<'_>]) -> Value {
    let mut live = applied(object, writers[0]);
    for writer in &writers[1..] {
        owned_by(
            &mut live,
            *writer,
            &json!({"f:metadata": {"f:annotations": {"f:x": {}}}}),
        );
    }
    live
}

#[test]
fn d19_what_plain_apply_alone_has_written_is_adopted() {
    let object = config("a", "1");
    for writers in [
        &[PLAIN][..],
        &[PLAIN, CONTROLLER],
        &[PLAIN, ("kubelet", "Update", "")],
        &[PLAIN, ("nginx", "Update", "status")],
    ] {
        let draft = world(&object, &by(&object, writers)).draft();
        assert_eq!(draft.adoption, Some(Adoption::ClientSide), "{writers:?}");
        // Even where nothing else differs its fields have to come into our hands.
        assert!(matches!(draft.state, State::Differs(_)));
    }
}

#[test]
fn d19_what_others_have_written_is_foreign_and_they_are_named() {
    let object = config("a", "1");
    for (writers, named) in [
        (&[HELM][..], &["helm"][..]),
        (
            &[PLAIN, EDITOR],
            &["kubectl-client-side-apply", "kubectl-edit"],
        ),
        (
            &[PLAIN, ("kubectl", "Update", "scale")],
            &["kubectl-client-side-apply", "kubectl"],
        ),
        // An apply of that name is no plain one, and a status is no authorship.
        (
            &[("kubectl-client-side-apply", "Apply", "")],
            &["kubectl-client-side-apply"],
        ),
        (&[CONTROLLER], &[]),
        (&[("consign", "Update", "")], &[]),
        (&[("consign", "Apply", "status")], &[]),
    ] {
        let draft = world(&object, &by(&object, writers)).draft();
        assert_eq!(draft.adoption, None, "{writers:?}");
        let State::Foreign(managers) = draft.state else {
            panic!("{writers:?}: {:?}", draft.state)
        };
        assert_eq!(managers, named, "{writers:?}");
    }
}

#[test]
fn d19_outside_of_the_clients_namespace_nothing_is_adopted_without_being_asked() {
    let mut elsewhere = config("a", "1");
    elsewhere["metadata"]["namespace"] = json!("kube-public");
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}, "rules": []});
    for object in [elsewhere, role] {
        let mut world = World::of(&[config("b", "1")]);
        // Packages do not reach there, plans may.
        world.wanted.objects[1].id = ObjectId::of(&object);
        world.wanted.objects[1].value = object.clone();
        world.is_there(&applied(&object, PLAIN));
        assert!(matches!(world.draft().state, State::Foreign(_)), "{object}");
        world.rules.choices.adopt = Adopt::All;
        assert_eq!(world.draft().adoption, Some(Adoption::Asked), "{object}");
    }
}

#[test]
fn d19_what_the_user_names_is_adopted_and_nothing_else() {
    let (one, other) = (config("a", "1"), config("b", "1"));
    let mut world = World::of(&[one.clone(), other.clone()]);
    world
        .is_there(&applied(&one, HELM))
        .is_there(&applied(&other, HELM));
    for (choice, adopted) in [
        (adopt("ConfigMap/a"), [true, false]),
        (adopt("configmap/a"), [true, false]),
        (adopt("configmap.apps/a"), [false, false]),
        (adopt("secret/a"), [false, false]),
        (adopt("configmap/a,configmap/b"), [true, true]),
        (Adopt::All, [true, true]),
    ] {
        world.rules.choices.adopt = choice.clone();
        let drafts = world.drafts();
        for (draft, adopted) in drafts[1..].iter().zip(adopted) {
            let expected = adopted.then_some(Adoption::Asked);
            assert_eq!(
                (draft.adoption, matches!(draft.state, State::Foreign(_))),
                (expected, !adopted),
                "{choice:?}"
            );
        }
    }
}

#[test]
fn d19_the_clients_own_namespace_is_never_foreign() {
    let mut world = World::of(&[]);
    let namespace = world.wanted.objects[0].value.clone();
    for writer in [HELM, EDITOR, PLAIN] {
        world.is_there(&applied(&namespace, writer));
        let draft = world.drafts().remove(0);
        assert!(!matches!(draft.state, State::Foreign(_)), "{writer:?}");
    }
    // Another one, named by the package all the same, is.
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other", "labels": {"a": "b"}}});
    let mut world = World::of(&[config("b", "1")]);
    world.wanted.objects[1].id = ObjectId::of(&object);
    world.wanted.objects[1].value = object.clone();
    world.is_there(&applied(&object, PLAIN));
    assert!(matches!(world.draft().state, State::Foreign(_)));
}

#[test]
fn a_record_with_its_uid_makes_an_object_ours_and_one_with_its_name_does_not() {
    let object = config("a", "1");
    let live = applied(&object, EDITOR);
    let mut world = world(&object, &live);
    world.released("v1.0.0", Outcome::Active, &[&live]);
    assert!(matches!(world.draft().state, State::Differs(_)));
    let mut another = live.clone();
    another["metadata"]["uid"] = json!("another");
    world.is_there(&another);
    assert!(matches!(world.draft().state, State::Foreign(_)));
}

#[test]
fn what_is_ours_and_as_it_is_wanted_costs_nothing() {
    let object = deployment(Some(2));
    let mut live = applied(&object, OURS);
    live["spec"]["progressDeadlineSeconds"] = json!(600);
    live["status"] = json!({"readyReplicas": 1});
    owned_by(
        &mut live,
        CONTROLLER,
        &json!({"f:status": {"f:readyReplicas": {}}}),
    );
    assert_eq!(world(&object, &live).draft().state, State::Same);
}

#[test]
fn d19_what_plain_apply_still_owns_of_ours_is_taken_along() {
    let object = config("a", "1");
    let mut live = applied(&object, OURS);
    owned_by(&mut live, PLAIN, &json!({"f:data": {"f:old": {}}}));
    let draft = world(&object, &live).draft();
    assert_eq!(draft.adoption, Some(Adoption::ClientSide));
}

/// The autoscaler of Deployment `web`.
fn scaler() -> Value {
    json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"maxReplicas": 9, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})
}

const REPLICAS: [&str; 2] = ["f:spec", "f:replicas"];

fn replicas() -> Value {
    json!({"f:spec": {"f:replicas": {}}})
}

/// Deployment `web` as it was applied by us with these replicas, if any, and
/// is there with 7.
fn scaled(applied_with: Option<i64>, others: &[Writer<'_>]) -> Value {
    let mut live = applied(&deployment(applied_with), OURS);
    live["spec"]["replicas"] = json!(7);
    for writer in others {
        owned_by(&mut live, *writer, &replicas());
    }
    live
}

const SCALING: Writer<'_> = ("kube-controller-manager", "Update", "scale");
const HANDED: Writer<'_> = ("consign-handover", "Apply", "");

#[test]
fn replicas_go_to_the_autoscaler_only_where_letting_go_would_lose_them() {
    for (name, wanted, live, handover) in [
        (
            "a scaler comes, and the package keeps its number",
            Some(3),
            scaled(Some(3), &[]),
            Some(7),
        ),
        // The field would fall back to 1.
        (
            "a scaler comes, and the number goes",
            None,
            scaled(Some(3), &[]),
            Some(7),
        ),
        (
            "plain apply owns it too",
            Some(3),
            scaled(Some(3), &[PLAIN]),
            Some(7),
        ),
        (
            "the scaler has it",
            Some(3),
            scaled(Some(3), &[SCALING]),
            None,
        ),
        (
            "it was handed over before",
            Some(3),
            scaled(None, &[HANDED]),
            None,
        ),
        (
            "it was handed over and scaled",
            None,
            scaled(None, &[HANDED, SCALING]),
            None,
        ),
        (
            "nobody has ever said a number",
            Some(3),
            scaled(None, &[]),
            None,
        ),
        ("nobody says a number", None, scaled(None, &[]), None),
    ] {
        for (place, in_package) in [("package", true), ("cluster", false)] {
            let mut objects = vec![deployment(wanted)];
            if in_package {
                objects.push(scaler());
            }
            let mut world = World::of(&objects);
            if !in_package {
                world.live.scaled = rollout::live::scaled([&scaler()]);
            }
            world.is_there(&live);
            let draft = world.draft();
            assert_eq!(draft.handover, handover, "{name}, in {place}");
            assert_eq!(
                draft.body.pointer("/spec/replicas"),
                None,
                "{name}, in {place}"
            );
            // What is tried keeps the number, so that the trial shows no change of it.
            assert_eq!(
                draft.trial().pointer("/spec/replicas").cloned(),
                handover.map(Value::from),
                "{name}"
            );
        }
    }
}

#[test]
fn without_an_autoscaler_and_at_first_the_packages_number_counts() {
    let mut world = World::of(&[deployment(Some(3)), scaler()]);
    let draft = world.draft();
    assert_eq!(
        (&draft.state, draft.body["spec"]["replicas"].as_i64()),
        (&State::Missing, Some(3))
    );
    // A scaler of something else.
    let mut other = scaler();
    other["spec"]["scaleTargetRef"]["kind"] = json!("StatefulSet");
    world = World::of(&[deployment(Some(3)), other]);
    world.is_there(&scaled(Some(3), &[]));
    let draft = world.draft();
    assert_eq!(
        (draft.handover, draft.body["spec"]["replicas"].as_i64()),
        (None, Some(3))
    );
    let State::Differs(difference) = draft.state else {
        panic!()
    };
    assert_eq!(difference.values, [".spec.replicas"]);
}

#[test]
fn a_handover_is_over_once_it_was_made() {
    let live = scaled(None, &[HANDED, SCALING]);
    assert_eq!(
        rollout::fields::owners(&live, &REPLICAS),
        ["consign-handover", "kube-controller-manager"]
    );
    let mut world = World::of(&[deployment(Some(3)), scaler()]);
    world.is_there(&live);
    assert_eq!(world.draft().state, State::Same);
}

#[test]
fn d19_adopting_and_handing_over_go_together() {
    let mut live = applied(&deployment(Some(3)), PLAIN);
    live["spec"]["replicas"] = json!(7);
    let mut world = World::of(&[deployment(Some(3)), scaler()]);
    world.is_there(&live);
    let draft = world.draft();
    assert_eq!(
        (draft.adoption, draft.handover),
        (Some(Adoption::ClientSide), Some(7))
    );
}

#[test]
fn managed_fields_of_any_shape_make_nothing_panic() {
    let object = config("a", "1");
    for managed in [
        json!(null),
        json!("x"),
        json!({"a": 1}),
        json!([null, 1, "x", [], {}]),
        json!([{"manager": 1, "operation": [], "fieldsV1": "x"}]),
        json!([{"manager": MANAGER, "operation": "Apply", "fieldsV1": [1]}]),
        json!([{"manager": MANAGER, "operation": "Apply", "fieldsV1": {"f:data": {"k:{": {}, "v:": {}, "k:[]": {}, "i:0": {}, "": {}, "f:": 1}}}]),
        json!([{"manager": MANAGER, "operation": "Apply"}]),
    ] {
        let mut live = object.clone();
        live["metadata"]["uid"] = json!("u");
        live["metadata"]["managedFields"] = managed.clone();
        let draft = world(&object, &live).draft();
        assert!(!matches!(draft.state, State::Same), "{managed}");
        let _ = rollout::fields::migrated(&live);
        let _ = rollout::fields::same_of_ours(&live, &live);
    }
}
