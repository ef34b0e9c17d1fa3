//! Checks of the signals that steps wait for and raise.

use super::params::{Names, definition};
use crate::bounds::{SIGNAL_PARAMS_MAX, SIGNALS_MAX};
use crate::definition::{ParamDefinition, ParamType, Step};
use crate::tree::Report;

pub(super) fn check(step: &Step, path: &str, names: &Names<'_>, report: &Report) {
    many(step.signal_dependencies.len(), &format!("{path}.signal_dependencies"), report);
    for (index, signal) in step.signal_dependencies.iter().enumerate() {
        let path = format!("{path}.signal_dependencies[{index}]");
        named(&signal.name, &path, names, report);
        wide(signal.match_params.len(), &format!("{path}.match_params"), report);
        for (key, wanted) in &signal.match_params {
            plain(&wanted.param, &format!("{path}.match_params.{key}.param"), names, report);
        }
    }
    many(step.signal_outputs.len(), &format!("{path}.signal_outputs"), report);
    for (index, signal) in step.signal_outputs.iter().enumerate() {
        let path = format!("{path}.signal_outputs[{index}]");
        named(&signal.name, &path, names, report);
        wide(signal.params.len() + signal.payload.len(), &format!("{path}.params"), report);
        for (key, param) in &signal.params {
            plain(param, &format!("{path}.params.{key}"), names, report);
        }
        for (key, param) in &signal.payload {
            definition(param, &format!("{path}.payload.{key}"), names, report);
            if signal.params.contains_key(key) {
                report.add(format!("{path}.payload.{key}"), "is among params as well", "keep one of the two");
            }
        }
    }
}

fn named(name: &str, path: &str, names: &Names<'_>, report: &Report) {
    if name.trim().is_empty() {
        report.add(format!("{path}.name"), "is empty", "name the signal");
    }
    names.check_text(name, &format!("{path}.name"), report);
}

fn plain(param: &ParamDefinition, path: &str, names: &Names<'_>, report: &Report) {
    if !matches!(param.param_type, ParamType::String | ParamType::Long) {
        let what = format!("signals carry no {}", param.param_type);
        report.add(format!("{path}.type"), what, "use STRING or LONG, or put it in the payload");
    }
    definition(param, path, names, report);
}

pub(super) fn many(found: usize, path: &str, report: &Report) {
    if found > SIGNALS_MAX {
        report.add(path, format!("{found} signals are more than {SIGNALS_MAX}"), "use fewer");
    }
}

pub(super) fn wide(found: usize, path: &str, report: &Report) {
    if found > SIGNAL_PARAMS_MAX {
        report.add(path, format!("{found} parameters are more than {SIGNAL_PARAMS_MAX}"), "use fewer");
    }
}
