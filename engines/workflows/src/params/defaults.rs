//! Default parameters of every workflow and step, by Maestro's names.

use crate::definition::{
    InternalMode, Literal, ParamBody, ParamDefinition, ParamDefinitions, ParamMode, ParamType, StepType,
};

/// The expression of the time zone: the trigger's, or UTC.
const OF_TRIGGER: &str = "WORKFLOW_CRON_TIMEZONE";
const UTC: &str = "'UTC'";
const PACIFIC: &str = "'America/Los_Angeles'";

/// Parameters with a time of the run: name, source time, zone, offset, pattern.
const TIMES: [(&str, &str, &str, &str, &str); 15] = [
    ("TARGET_RUN_DATE", "RUN_TS", OF_TRIGGER, "", "yyyyMMdd"),
    ("TARGET_RUN_HOUR", "RUN_TS", OF_TRIGGER, "", "HH"),
    ("DERIVED_RUN_DATE_US_PACIFIC", "DERIVED_RUN_TS", PACIFIC, "", "yyyyMMdd"),
    ("DERIVED_RUN_DATE_US_PACIFIC_MINUS_ONE", "DERIVED_RUN_TS", PACIFIC, ".minusDays(1)", "yyyyMMdd"),
    ("DERIVED_RUN_DATE_UTC", "DERIVED_RUN_TS", UTC, "", "yyyyMMdd"),
    ("DERIVED_RUN_DATE_UTC_MINUS_ONE", "DERIVED_RUN_TS", UTC, ".minusDays(1)", "yyyyMMdd"),
    ("DERIVED_RUN_DATE_UTC_PLUS_ONE", "DERIVED_RUN_TS", UTC, ".plusDays(1)", "yyyyMMdd"),
    ("DERIVED_RUN_DATE_UTC_MINUS_ONE_HOUR", "DERIVED_RUN_TS", UTC, ".minusHours(1)", "yyyyMMdd"),
    ("DERIVED_RUN_DATE_UTC_PLUS_ONE_HOUR", "DERIVED_RUN_TS", UTC, ".plusHours(1)", "yyyyMMdd"),
    ("DERIVED_RUN_HOUR_US_PACIFIC", "DERIVED_RUN_TS", PACIFIC, "", "HH"),
    ("DERIVED_RUN_HOUR_UTC", "DERIVED_RUN_TS", UTC, "", "HH"),
    ("DERIVED_RUN_HOUR_UTC_MINUS_ONE_HOUR", "DERIVED_RUN_TS", UTC, ".minusHours(1)", "HH"),
    ("DERIVED_RUN_HOUR_UTC_PLUS_ONE_HOUR", "DERIVED_RUN_TS", UTC, ".plusHours(1)", "HH"),
    ("LOCAL_RUN_DATE", "RUN_TS", OF_TRIGGER, "", "yyyyMMdd"),
    ("RUN_DATE", "RUN_TS", UTC, "", "yyyyMMdd"),
];

fn expression(param_type: ParamType, expression: impl Into<String>, mode: ParamMode) -> ParamDefinition {
    ParamDefinition { mode: Some(mode), ..ParamDefinition::expression(param_type, expression) }
}

fn reserved(param_type: ParamType, from: &str, field: &str) -> ParamDefinition {
    ParamDefinition {
        internal_mode: Some(InternalMode::Reserved),
        ..ParamDefinition::expression(param_type, format!("params.{from}('{field}')"))
    }
}

fn zone(field: &str, otherwise: &str) -> String {
    format!(
        "String zone = params.getFromInstance('{field}'); \
         return zone != null && !zone.isEmpty() ? zone : {otherwise};"
    )
}

/// The defaults of a workflow: the time of the run in several formats, its owner and its id.
#[must_use]
pub fn workflow_defaults() -> ParamDefinitions {
    let start = ParamMode::MutableOnStart;
    let mut all = ParamDefinitions::new();
    let mut add = |name: &str, definition| all.insert(name.to_owned(), definition);
    add("DSL_DEFAULT_TZ", expression(ParamType::String, zone("FIRST_TIME_TRIGGER_TIMEZONE", UTC), start));
    let cron = zone("INITIATOR_TIMEZONE", "DSL_DEFAULT_TZ");
    add(OF_TRIGGER, expression(ParamType::String, cron, start));
    add("RUN_TS", expression(ParamType::Long, "System.currentTimeMillis()", start));
    let derived = "DateTimeFormat.forPattern('yyyyMMddHH').withZone(DateTimeZone.forID(WORKFLOW_CRON_TIMEZONE))\
                   .parseDateTime(TARGET_RUN_DATE + TARGET_RUN_HOUR).getMillis()";
    for (name, time, zone, moved, pattern) in TIMES {
        let text =
            format!("new DateTime({time}).withZone(DateTimeZone.forID({zone})){moved}.toString('{pattern}')");
        add(name, expression(ParamType::String, text, start));
        if name == "TARGET_RUN_HOUR" {
            add("DERIVED_RUN_TS", expression(ParamType::Long, derived, start));
        }
    }
    for days in [1, 7] {
        let text = format!(
            "new DateTime(RUN_TS).minusDays({days}).withZone(DateTimeZone.forID('UTC')).toString('yyyyMMdd')"
        );
        add(&format!("RUN_DATE_MINUS_{days}"), expression(ParamType::String, text, start));
    }
    let optional = ParamDefinition {
        internal_mode: Some(InternalMode::Optional),
        ..ParamDefinition::of(ParamType::String, ParamBody::Open)
    };
    add("yaml_sha", optional);
    add("owner", reserved(ParamType::String, "getFromInstance", "owner"));
    add("workflow_id", reserved(ParamType::String, "getFromInstance", "workflow_id"));
    all
}

/// The defaults of a step.
#[must_use]
pub fn step_defaults() -> ParamDefinitions {
    let all = [
        ("workflow_instance_id", reserved(ParamType::Long, "getFromInstance", "workflow_instance_id")),
        ("step_instance_uuid", reserved(ParamType::String, "getFromStep", "step_instance_uuid")),
        ("step_attempt_id", reserved(ParamType::Long, "getFromStep", "step_attempt_id")),
        ("step_id", reserved(ParamType::String, "getFromStep", "step_id")),
    ];
    all.into_iter().map(|(name, definition)| (name.to_owned(), definition)).collect()
}

/// The defaults and required parameters of a step type.
#[must_use]
pub fn type_defaults(step_type: StepType) -> ParamDefinitions {
    let needed = |param_type, body| ParamDefinition {
        mode: Some(ParamMode::MutableOnStart),
        internal_mode: Some(InternalMode::Required),
        ..ParamDefinition::of(param_type, body)
    };
    let map = || ParamBody::Literal(Literal::Map(ParamDefinitions::new()));
    let all: Vec<(&str, ParamDefinition)> = match step_type {
        StepType::Foreach | StepType::While => vec![("loop_params", needed(ParamType::Map, map()))],
        StepType::Subworkflow => vec![
            ("subworkflow_id", needed(ParamType::String, ParamBody::Open)),
            (
                "subworkflow_version",
                ParamDefinition {
                    internal_mode: Some(InternalMode::Provided),
                    ..needed(ParamType::String, ParamBody::Literal(Literal::String("active".to_owned())))
                },
            ),
        ],
        _ => Vec::new(),
    };
    all.into_iter().map(|(name, definition)| (name.to_owned(), definition)).collect()
}
