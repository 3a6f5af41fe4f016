use std::collections::BTreeSet;

use rollout::record::Outcome;
use serde_json::{Value, json};

use crate::fixture::{EDITOR, NAMESPACE, OURS, World, applied, config, deployment, owned_by};

/// What becomes of objects that a release had and the package does not have:
/// each by its name, with why it stays.
fn removals(world: &World) -> Vec<(String, Option<String>)> {
    let plan = world.plan().unwrap();
    let removals = plan.removals.iter();
    removals
        .map(|r| (r.item.name.clone(), r.stays.clone()))
        .collect()
}

/// A world whose active release had these objects, all of them there.
fn world(had: &[&Value]) -> World {
    let mut world = World::of(&[config("kept", "1")]);
    world.is_there(&applied(&config("kept", "1"), OURS));
    for object in had {
        world.is_there(object);
    }
    world.released("v1.1.0", Outcome::Active, had);
    world
}

fn goes(name: &str) -> (String, Option<String>) {
    (name.to_owned(), None)
}

#[test]
fn d20_b5_what_the_release_before_had_and_this_has_not_goes() {
    let old = applied(&config("old", "1"), OURS);
    let mut world = world(&[&old]);
    assert_eq!(removals(&world), [goes("old")]);
    assert!(!world.plan().unwrap().is_quiet());
    assert_eq!(world.plan().unwrap().removals[0].uid, "uid-ConfigMap-old");
    // What the package has stays, and what is not there is not removed.
    world.released(
        "v1.1.0",
        Outcome::Failed,
        &[
            &applied(&config("kept", "1"), OURS),
            &applied(&config("gone", "1"), OURS),
        ],
    );
    assert_eq!(removals(&world), [goes("old")]);
    // Whichever record names it, it is there once.
    world.released("v1.1.0", Outcome::Failed, &[&old]);
    assert_eq!(removals(&world), [goes("old")]);
}

#[test]
fn d20_what_the_cluster_does_not_serve_now_is_not_taken_for_gone() {
    let of = |api_version: &str, name: &str| {
        let mut object = applied(&config(name, "1"), OURS);
        object["apiVersion"] = json!(api_version);
        object["kind"] = json!("Tool");
        object
    };
    let (away, intended) = (
        of("tools.example.com/v1", "away"),
        of("x.example.com/v1", "a"),
    );
    let mut world = world(&[]);
    world.released("v1.2.0", Outcome::Failed, &[&away, &of("apps/v1", "gone")]);
    let mut intended = intended;
    intended["metadata"]["uid"] = json!("");
    world.released("v1.3.0", Outcome::Unknown, &[&intended]);
    assert_eq!(
        removals(&world),
        [(
            "away".to_owned(),
            Some("its kind is not served now".to_owned())
        )]
    );
}

#[test]
fn d20_what_a_run_that_was_cut_off_made_goes_too() {
    let made = applied(&config("made", "1"), OURS);
    let mut world = world(&[]);
    world.is_there(&made);
    let mut intended = made.clone();
    intended["metadata"]["uid"] = json!("");
    world.released("v1.1.1", Outcome::Running, &[&intended]);
    assert_eq!(removals(&world), [goes("made")]);
    assert_eq!(world.plan().unwrap().removals[0].uid, "uid-ConfigMap-made");
}

#[test]
fn d20_only_this_very_object_goes_and_only_while_it_is_ours() {
    let old = applied(&config("old", "1"), OURS);
    let mut another = old.clone();
    another["metadata"]["uid"] = json!("another");
    let mut world = world(&[&old]);
    world.is_there(&another);
    assert_eq!(removals(&world), []);
    world.is_there(&applied(&config("old", "1"), EDITOR));
    assert_eq!(removals(&world), []);
    let mut shared = old.clone();
    owned_by(&mut shared, EDITOR, &json!({"f:data": {"f:more": {}}}));
    world.is_there(&shared);
    assert_eq!(removals(&world), [goes("old")]);
    // Another kind, group or namespace of that name is another object.
    let mut world = self::world(&[&old]);
    world.live.objects.clear();
    let mut secret = applied(&config("old", "1"), OURS);
    secret["kind"] = json!("Secret");
    world.is_there(&secret);
    let mut elsewhere = old.clone();
    elsewhere["metadata"]["namespace"] = json!("sh-other");
    world.is_there(&elsewhere);
    assert_eq!(removals(&world), []);
}

#[test]
fn d20_a_kind_in_another_version_is_the_same_object() {
    let mut old = applied(&deployment(Some(1)), OURS);
    let mut world = World::of(&[deployment(Some(1))]);
    world.is_there(&old);
    old["apiVersion"] = json!("apps/v1beta1");
    world.released("v1.1.0", Outcome::Active, &[&old]);
    assert_eq!(removals(&world), []);
}

#[test]
fn d20_kinds_that_hold_what_cannot_be_had_again_stay_unless_asked() {
    let object = |api_version: &str, kind: &str| {
        let mut object = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": kind}, "spec": {"a": 1}});
        if kind != "Namespace" && kind != "CustomResourceDefinition" {
            object["metadata"]["namespace"] = json!(NAMESPACE);
        }
        applied(&object, OURS)
    };
    for (api_version, kind) in [
        ("v1", "Namespace"),
        ("v1", "PersistentVolumeClaim"),
        ("v1", "Secret"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ] {
        let old = object(api_version, kind);
        let mut world = world(&[&old]);
        let [(name, Some(why))] = &removals(&world)[..] else {
            panic!("{kind}")
        };
        assert!(name == kind && why.contains(kind), "{why}");
        // Nothing is done to it, so that the plan is quiet.
        assert!(world.plan().unwrap().is_quiet());
        world.rules.prune_kinds = BTreeSet::from(["Service".to_owned()]);
        assert!(removals(&world)[0].1.is_some());
        world.rules.prune_kinds.insert(kind.to_owned());
        assert_eq!(removals(&world), [goes(kind)]);
    }
    assert_eq!(
        removals(&world(&[&object("v1", "Service")])),
        [goes("Service")]
    );
}

fn kept(object: &Value, value: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["annotations"] = json!({"consign.dev/prune": value});
    object
}

#[test]
fn d20_the_annotation_keeps_an_object() {
    let old = applied(&config("old", "1"), OURS);
    let (_, why) = removals(&world(&[&kept(&old, "keep")])).remove(0);
    assert!(why.unwrap().contains("consign.dev/prune"));
    // It is that of the cluster that counts, and that word alone.
    let mut world = world(&[&kept(&old, "keep")]);
    world.is_there(&old);
    assert_eq!(removals(&world), [goes("old")]);
    assert_eq!(
        removals(&self::world(&[&kept(&old, "Keep")])),
        [goes("old")]
    );
    // Even where settings would have it removed.
    let mut secret = applied(&config("s", "1"), OURS);
    secret["kind"] = json!("Secret");
    let mut world = self::world(&[&kept(&secret, "keep")]);
    world.rules.prune_kinds = BTreeSet::from(["Secret".to_owned()]);
    assert!(removals(&world)[0].1.is_some());
}

fn revision(kind: &str, owner: &str, config_map: &str) -> Value {
    let spec =
        json!({"containers": [{"name": "c", "envFrom": [{"configMapRef": {"name": config_map}}]}]});
    let mut object = json!({"apiVersion": "apps/v1", "kind": kind,
        "metadata": {"name": "web-1", "namespace": NAMESPACE, "ownerReferences": [{"uid": owner}]}});
    match kind {
        "ControllerRevision" => object["data"] = json!({"spec": {"template": {"spec": spec}}}),
        _ => object["spec"] = json!({"template": {"spec": spec}}),
    }
    object
}

#[test]
fn d20_what_an_old_revision_names_stays_so_that_it_can_be_undone_to() {
    let old = applied(&config("old", "1"), OURS);
    let mut world = world(&[&old]);
    for kind in ["ReplicaSet", "ControllerRevision"] {
        world.live.revisions = vec![revision(kind, "uid-Deployment-other", "old")];
        let (_, why) = removals(&world).remove(0);
        assert_eq!(why.unwrap(), format!("{kind} sh-acme/web-1 still names it"));
        assert!(world.plan().unwrap().is_quiet());
    }
    world.live.revisions = vec![revision("ReplicaSet", "uid-Deployment-other", "another")];
    assert_eq!(removals(&world), [goes("old")]);
    let mut elsewhere = revision("ReplicaSet", "uid-Deployment-other", "old");
    elsewhere["metadata"]["namespace"] = json!("sh-other");
    world.live.revisions = vec![elsewhere];
    assert_eq!(removals(&world), [goes("old")]);
}

#[test]
fn d20_a_revision_that_goes_with_its_workload_keeps_nothing_and_one_that_stays_does() {
    let (old, workload) = (
        applied(&config("old", "1"), OURS),
        applied(&deployment(Some(1)), OURS),
    );
    let mut world = world(&[&old, &workload]);
    world.live.revisions = vec![revision("ReplicaSet", "uid-Deployment-web", "old")];
    assert_eq!(removals(&world), [goes("old"), goes("web")]);
    // The workload stays, and its pods read it.
    world.is_there(&kept(&workload, "keep"));
    let told = removals(&world);
    assert!(told.iter().all(|(_, stays)| stays.is_some()), "{told:?}");
}
