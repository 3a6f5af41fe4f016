use model::finding::{Class, Finding};
use rollout::draft::{Adopt, Adoption};
use rollout::live::Trial;
use rollout::object::ObjectId;
use rollout::plan::{Act, Direction, Plan, Step, Tried, conflicts};
use rollout::record::Outcome;
use serde_json::{Value, json};

use crate::fixture::{
    EDITOR, NAMESPACE, OURS, PLAIN, World, applied, config, conflict, deployment, owned_by, refused,
};

/// The step of the one object of the package.
fn step(plan: &Plan) -> &Step {
    &plan.steps[1]
}

/// A world in which this object is ours and there as `before`.
fn world(object: &Value, before: &Value) -> World {
    let mut world = World::of(std::slice::from_ref(object));
    world.is_there(&applied(before, OURS));
    world
}

#[test]
fn what_is_not_there_is_made_and_what_cannot_be_tried_yet_is_tried_later() {
    let object = config("a", "1");
    for (trial, tried) in [
        (None, Tried::Later),
        (Some(Trial::Postponed), Tried::Later),
        (Some(Trial::Accepted(object.clone())), Tried::Yes),
        (
            Some(Trial::Unchecked("webhook".to_owned())),
            Tried::Unchecked("webhook".to_owned()),
        ),
    ] {
        let mut world = World::of(std::slice::from_ref(&object));
        let is_unchecked = matches!(trial, Some(Trial::Unchecked(_)));
        if let Some(trial) = trial {
            world.says(&object, trial);
        }
        let plan = world.plan().unwrap();
        assert_eq!(
            (&step(&plan).act, &step(&plan).tried),
            (&Act::Create, &tried)
        );
        assert!(!plan.is_quiet());
        // A webhook that cannot be tried is worth a warning.
        let codes: Vec<&str> = plan.warnings.iter().map(|w| w.code).collect();
        assert_eq!(
            codes,
            if is_unchecked {
                &["dry-run-unchecked"][..]
            } else {
                &[]
            }
        );
    }
}

#[test]
fn where_nothing_differs_the_plan_is_quiet() {
    let object = deployment(Some(2));
    let plan = world(&object, &object).plan().unwrap();
    assert_eq!(step(&plan).act, Act::Unchanged);
    assert!(plan.is_quiet());
    // So it is when only the server can tell.
    let mut odd = object.clone();
    odd["spec"]["template"]["spec"]["containers"][0]["args"] = json!([]);
    let mut world = world(&odd, &object);
    let mut after = applied(&object, OURS);
    after["metadata"]["resourceVersion"] = json!("9");
    world.says(&object, Trial::Accepted(after));
    let plan = world.plan().unwrap();
    assert_eq!(step(&plan).act, Act::Unchanged);
    assert!(plan.is_quiet());
}

#[test]
fn a_change_is_told_field_by_field_and_fields_that_only_come_into_our_hands_are_one() {
    let mut world = world(&config("a", "2"), &config("a", "1"));
    world.says(
        &config("a", "2"),
        Trial::Accepted(applied(&config("a", "2"), OURS)),
    );
    let plan = world.plan().unwrap();
    let Act::Change(changes) = &step(&plan).act else {
        panic!("{:?}", step(&plan).act)
    };
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].path, ".data.key");
    assert_eq!(
        (changes[0].before.clone(), changes[0].after.clone()),
        (Some(json!("1")), Some(json!("2")))
    );
    // The value is the same, and not ours.
    let object = config("a", "1");
    let mut live = applied(&object, OURS);
    live["metadata"]["managedFields"][0]["fieldsV1"] = json!({"f:metadata": {}});
    owned_by(&mut live, EDITOR, &json!({"f:data": {"f:key": {}}}));
    let mut world = World::of(std::slice::from_ref(&object));
    world
        .is_there(&live)
        .says(&object, Trial::Accepted(applied(&object, OURS)));
    let plan = world.plan().unwrap();
    assert_eq!(step(&plan).act, Act::Change(Vec::new()));
    assert_eq!(step(&plan).drift, [".data"]);
    assert_eq!(plan.drifted().count(), 1);
}

#[test]
fn d7_every_object_that_the_server_rejects_is_named_at_once() {
    let objects = [
        config("a", "1"),
        config("b", "1"),
        config("c", "1"),
        deployment(Some(1)),
    ];
    let mut world = World::of(&objects);
    world
        .says(
            &objects[0],
            Trial::Refused(refused(400, "unknown field \"spec.x\"", &[])),
        )
        .says(&objects[1], Trial::Accepted(objects[1].clone()))
        .says(
            &objects[3],
            Trial::Refused(refused(403, "admission webhook denied it", &[])),
        );
    world.is_there(&applied(&config("c", "0"), OURS));
    world.says(
        &objects[2],
        Trial::Refused(refused(
            422,
            "invalid",
            &[("FieldValueInvalid", "data", "no")],
        )),
    );
    let findings = world.plan().unwrap_err();
    let said: Vec<(&str, &str)> = findings
        .iter()
        .map(|f| (f.code, f.message.split(':').next().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            ("object-refused", "ConfigMap sh-acme/a"),
            ("object-refused", "ConfigMap sh-acme/c"),
            ("object-refused", "Deployment sh-acme/web"),
        ]
    );
    assert!(
        findings
            .iter()
            .all(|f| f.is_error() && f.class == Class::Cluster)
    );
    assert!(
        findings[0].message.contains("unknown field"),
        "{}",
        findings[0].message
    );
}

#[test]
fn d10_fields_of_other_managers_are_named_with_the_flag_that_takes_them() {
    let (wanted, live) = (deployment(Some(2)), deployment(Some(1)));
    let image = ".spec.template.spec.containers[name=\"web\"].image";
    let refusal = conflict(&[
        ("kubectl", ".spec.replicas"),
        ("kubectl-edit", image),
        ("kubectl-edit", ".spec.paused"),
    ]);
    let mut world = world(&wanted, &live);
    world.says(
        &wanted,
        Trial::Conflicts {
            after: None,
            refusal: refusal.clone(),
        },
    );
    let findings = world.plan().unwrap_err();
    let said: Vec<&str> = findings.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "Deployment sh-acme/web: .spec.replicas belongs to manager \"kubectl\"",
            "Deployment sh-acme/web: .spec.template.spec.containers[name=\"web\"].image, .spec.paused belongs to manager \"kubectl-edit\"",
        ]
    );
    for (finding, manager) in findings.iter().zip(["kubectl", "kubectl-edit"]) {
        assert!(
            finding.is_error()
                && finding.class == Class::Conflict
                && finding.code == "field-conflict"
        );
        assert!(
            finding
                .help
                .as_ref()
                .unwrap()
                .ends_with(&format!("--take-over {manager}"))
        );
    }
    // One of the two is not enough.
    world.rules.choices.take_over = vec!["kubectl-edit".to_owned()];
    assert!(world.refusal().message.contains("\"kubectl\""));
    world.rules.choices.take_over.push("kubectl".to_owned());
    let after = applied(&wanted, OURS);
    world.says(
        &wanted,
        Trial::Conflicts {
            after: Some(after.clone()),
            refusal,
        },
    );
    let plan = world.plan().unwrap();
    assert_eq!(step(&plan).takes["kubectl"], [".spec.replicas"]);
    assert_eq!(step(&plan).takes["kubectl-edit"], [image, ".spec.paused"]);
    assert_eq!(step(&plan).expected, Some(after));
}

#[test]
fn d10_what_is_taken_without_being_asked() {
    let (wanted, live) = (deployment(Some(2)), deployment(Some(1)));
    let taken = |manager: &str, adopt: Adopt, live: &Value| {
        let mut world = World::of(std::slice::from_ref(&wanted));
        world.is_there(live);
        world.rules.choices.adopt = adopt;
        let refusal = conflict(&[(manager, ".spec.replicas")]);
        world.says(
            &wanted,
            Trial::Conflicts {
                after: Some(applied(&wanted, OURS)),
                refusal,
            },
        );
        world.plan().map(|plan| step(&plan).takes.len())
    };
    let ours = applied(&live, OURS);
    let none = Adopt::default();
    assert_eq!(taken("consign-handover", none.clone(), &ours), Ok(1));
    assert_eq!(
        taken(
            "kubectl-client-side-apply",
            none.clone(),
            &applied(&live, PLAIN)
        ),
        Ok(1)
    );
    assert_eq!(
        taken("helm", Adopt::All, &applied(&live, ("helm", "Update", ""))),
        Ok(1)
    );
    // Ours already, so adopting is no leave to take what others have changed.
    assert!(taken("helm", Adopt::All, &ours).is_err());
    assert!(taken("consign-handover-2", none.clone(), &ours).is_err());
    assert!(taken("Consign", none, &ours).is_err());
}

#[test]
fn d10_managers_are_read_off_the_servers_words() {
    let words = |message: &str| {
        let refusal = refused(
            409,
            "",
            &[("FieldManagerConflict", ".spec.replicas", message)],
        );
        conflicts(&refusal).into_keys().next().unwrap()
    };
    assert_eq!(
        words("conflict with \"kubectl-edit\" using apps/v1"),
        "kubectl-edit"
    );
    assert_eq!(
        words("conflict with \"kubectl\" with subresource \"scale\" using apps/v1"),
        "kubectl"
    );
    for odd in ["", "conflict", "conflict with \"open", "conflict with ''"] {
        assert_eq!(words(odd), "unknown", "{odd}");
    }
    assert!(conflicts(&refused(409, "", &[])).is_empty());
}

#[test]
fn d19_foreign_objects_are_named_with_their_managers_and_the_flag() {
    let object = config("a", "1");
    let mut world = World::of(std::slice::from_ref(&object));
    let mut live = applied(&object, ("helm", "Update", ""));
    owned_by(&mut live, EDITOR, &json!({"f:data": {"f:x": {}}}));
    world.is_there(&live);
    let finding = world.refusal();
    assert_eq!(
        (finding.code, finding.class),
        ("object-foreign", Class::Policy)
    );
    assert!(
        finding.message.contains("helm, kubectl-edit"),
        "{}",
        finding.message
    );
    assert!(finding.help.unwrap().contains("--adopt configmap/a"));
}

#[test]
fn d19_adopting_tells_what_goes_with_the_fields_of_plain_apply() {
    let object = config("a", "1");
    let mut live = applied(&config("a", "1"), PLAIN);
    live["data"]["old"] = json!("x");
    live["metadata"]["annotations"] =
        json!({"kubectl.kubernetes.io/last-applied-configuration": "{}"});
    live["metadata"]["managedFields"][0]["fieldsV1"] = json!({"f:data": {".": {}, "f:key": {}, "f:old": {}},
        "f:metadata": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}}});
    let mut world = World::of(std::slice::from_ref(&object));
    let mut after = live.clone();
    owned_by(&mut after, OURS, &json!({"f:data": {"f:key": {}}}));
    world.is_there(&live).says(&object, Trial::Accepted(after));
    let plan = world.plan().unwrap();
    assert_eq!(step(&plan).adoption, Some(Adoption::ClientSide));
    let Act::Change(changes) = &step(&plan).act else {
        panic!()
    };
    let paths: Vec<&str> = changes.iter().map(|c| c.path.as_str()).collect();
    assert_eq!(paths, [".data.old"]);
    assert!(!plan.is_quiet() && step(&plan).drift.is_empty());
}

const TEMPLATE: (&str, &str, &str) = (
    "FieldValueInvalid",
    "spec.template",
    "Invalid value: {\"spec\":{\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":\"canary\"}]}}: field is immutable",
);

fn job() -> Value {
    let mut object = deployment(None);
    object["apiVersion"] = json!("batch/v1");
    object["kind"] = json!("Job");
    object["metadata"]["name"] = json!("migrate");
    object["spec"]
        .as_object_mut()
        .unwrap()
        .shift_remove("selector");
    object["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    object
}

/// A Job of ours that was changed, with this status.
fn changed_job(status: Value, annotation: Option<&str>) -> Result<Plan, Vec<Finding>> {
    let mut live = applied(&job(), OURS);
    live["status"] = status;
    let mut wanted = job();
    wanted["spec"]["template"]["metadata"]["labels"]["app"] = json!("other");
    if let Some(value) = annotation {
        wanted["metadata"]["annotations"] = json!({"consign.dev/replace": value});
    }
    let mut world = World::of(std::slice::from_ref(&wanted));
    world.is_there(&live);
    let message = format!(
        "Job.batch \"migrate\" is invalid: spec.template: {}",
        TEMPLATE.2
    );
    world.says(&wanted, Trial::Refused(refused(422, &message, &[TEMPLATE])));
    world.plan()
}

#[test]
fn d18_a_finished_job_is_replaced_and_a_running_one_refuses() {
    for kind in ["Complete", "Failed"] {
        let plan = changed_job(
            json!({"conditions": [{"type": kind, "status": "True"}]}),
            None,
        )
        .unwrap();
        assert_eq!(step(&plan).act, Act::Replace("spec.template".to_owned()));
        assert!(step(&plan).before.is_some() && !plan.is_quiet());
    }
    for status in [
        json!(null),
        json!({"active": 1}),
        json!({"conditions": [{"type": "Complete", "status": "False"}]}),
        json!({"conditions": [{"type": "Suspended", "status": "True"}]}),
        json!({"conditions": "Complete"}),
    ] {
        let findings = changed_job(status.clone(), None).unwrap_err();
        assert_eq!(
            (findings[0].code, findings[0].class),
            ("field-immutable", Class::Cluster),
            "{status}"
        );
        assert!(
            findings[0].message.contains("spec.template"),
            "{}",
            findings[0].message
        );
        assert!(
            findings[0].message.contains("still runs"),
            "{}",
            findings[0].message
        );
        assert!(
            findings[0]
                .help
                .as_ref()
                .unwrap()
                .contains("consign.dev/replace: on-change")
        );
        // What the server quotes of a template is not told.
        assert!(!format!("{findings:?}").contains("canary"));
    }
    assert!(changed_job(json!({"active": 1}), Some("on-change")).is_ok());
}

#[test]
fn d18_what_a_failed_version_wrote_gives_way_to_the_one_before() {
    let wanted = job();
    let mut live = applied(&wanted, OURS);
    live["spec"]["template"]["metadata"]["labels"]["app"] = json!("failed");
    live["status"] = json!({"active": 1});
    let mut world = World::of(std::slice::from_ref(&wanted));
    world.is_there(&live);
    world.says(
        &wanted,
        Trial::Refused(refused(422, "invalid", &[TEMPLATE])),
    );
    world.rules.replaceable = ["another".to_owned()].into();
    assert_eq!(world.refusal().code, "field-immutable");
    world.rules.replaceable = ["uid-Job-migrate".to_owned()].into();
    let plan = world.plan().unwrap();
    assert_eq!(step(&plan).act, Act::Replace("spec.template".to_owned()));
}

#[test]
fn d18_an_immutable_field_refuses_unless_the_annotation_allows_to_replace() {
    let refuse = |annotated: bool, code: u16, causes: &[(&str, &str, &str)], message: &str| {
        let mut wanted = deployment(Some(2));
        if annotated {
            wanted["metadata"]["annotations"] = json!({"consign.dev/replace": "on-change"});
        }
        let mut world = world(&wanted, &deployment(Some(1)));
        world.says(&wanted, Trial::Refused(refused(code, message, causes)));
        world
            .plan()
            .map(|plan| step(&plan).act.clone())
            .map_err(|findings| findings[0].code)
    };
    let selector = (
        "FieldValueInvalid",
        "spec.selector",
        "Invalid value: {\"a\":\"b\"}: field is immutable",
    );
    let other = (
        "FieldValueInvalid",
        "metadata.labels",
        "Invalid value: \"immutable\": a label",
    );
    let message = "it is invalid";
    assert_eq!(
        refuse(false, 422, &[selector], message),
        Err("field-immutable")
    );
    assert_eq!(
        refuse(true, 422, &[selector], message),
        Ok(Act::Replace("spec.selector".to_owned()))
    );
    // What would not be taken anew either is not deleted for it.
    assert_eq!(
        refuse(true, 422, &[selector, other], message),
        Err("object-refused")
    );
    assert_eq!(refuse(true, 422, &[other], message), Err("object-refused"));
    assert_eq!(
        refuse(true, 422, &[], "spec: \"immutable\" is no value"),
        Err("object-refused")
    );
    assert_eq!(
        refuse(true, 400, &[selector], message),
        Err("object-refused")
    );
    assert_eq!(
        refuse(true, 403, &[], "a policy says that images are immutable"),
        Err("object-refused")
    );
}

/// The Namespace of the client, which this user may not change.
fn namespace_only(world: &mut World) {
    let namespace = world.wanted.objects[0].value.clone();
    world.is_there(&applied(&namespace, EDITOR));
    world.says(
        &namespace,
        Trial::Refused(refused(403, "namespaces is forbidden", &[])),
    );
}

#[test]
fn the_namespace_stays_as_it_is_for_who_may_not_change_it() {
    let mut object = config("a", "1");
    let mut world = World::of(std::slice::from_ref(&object));
    world.is_there(&applied(&object, OURS));
    namespace_only(&mut world);
    world.wanted.objects[0].value["metadata"]["labels"] = json!({"team": "a"});
    let plan = world.plan().unwrap();
    assert_eq!(plan.steps[0].act, Act::Skip);
    assert!(plan.is_quiet());
    // So it is where it may not even be looked at.
    let id = ObjectId::of(&world.wanted.objects[0].value);
    world.live.objects.remove(&id);
    assert_eq!(world.plan().unwrap().steps[0].act, Act::Skip);
    // Any other refusal counts, and any other object.
    let namespace = world.wanted.objects[0].value.clone();
    world.says(&namespace, Trial::Refused(refused(422, "no", &[])));
    assert_eq!(world.refusal().code, "object-refused");
    namespace_only(&mut world);
    object["data"]["key"] = json!("2");
    world.is_there(&applied(&object, OURS));
    world.says(
        &object,
        Trial::Refused(refused(403, "configmaps is forbidden", &[])),
    );
    assert_eq!(world.refusal().code, "object-refused");
}

#[test]
fn the_direction_is_that_of_versions_and_not_of_time() {
    for (active, direction) in [
        ("v1.1.9", Direction::Up),
        ("v1.2.0-rc.1", Direction::Up),
        ("v1.2.0", Direction::Same),
        ("v1.10.0", Direction::Down),
        ("nonsense", Direction::First),
    ] {
        let mut world = World::of(&[]);
        world.released("v0.1.0", Outcome::Superseded, &[]);
        world.released(active, Outcome::Active, &[]);
        world.released("v9.0.0", Outcome::Failed, &[]);
        let plan = world.plan().unwrap();
        assert_eq!(plan.direction, direction, "{active}");
        assert_eq!(plan.active.unwrap().version, active);
    }
    let mut world = World::of(&[]);
    assert_eq!(world.plan().unwrap().direction, Direction::First);
    world.released("v1.0.0", Outcome::Running, &[]);
    let plan = world.plan().unwrap();
    assert_eq!(
        (plan.direction, plan.active.is_none()),
        (Direction::First, true)
    );
    assert_eq!(plan.interrupted.unwrap().version, "v1.0.0");
    world.released("v1.0.0", Outcome::Failed, &[]);
    assert!(world.plan().unwrap().interrupted.is_none());
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let objects = [config("a", "1"), config("b", "2"), deployment(Some(2))];
    let mut world = World::of(&objects);
    world.is_there(&applied(&objects[0], ("helm", "Update", "")));
    world.is_there(&applied(&config("b", "1"), OURS));
    world.says(
        &objects[1],
        Trial::Conflicts {
            after: None,
            refusal: conflict(&[("x", ".data.key")]),
        },
    );
    world.says(
        &objects[2],
        Trial::Refused(refused(400, "strict decoding error", &[])),
    );
    let codes: Vec<&str> = world.plan().unwrap_err().iter().map(|f| f.code).collect();
    assert_eq!(
        codes,
        ["object-foreign", "field-conflict", "object-refused"]
    );
    assert_eq!(NAMESPACE, world.package.manifest.namespace.as_str());
}
