//! The classes that a program may name. Any other name is a variable.

/// Whether a name is a class or a predefined object.
pub(super) fn is_class(name: &str) -> bool {
    matches!(
        name,
        "params"
            | "Util"
            | "Math"
            | "String"
            | "Long"
            | "Integer"
            | "Double"
            | "Boolean"
            | "Arrays"
            | "System"
            | "UUID"
            | "DateTime"
            | "DateTimeZone"
            | "DateTimeFormat"
            | "DateTimeConstants"
            | "Days"
    )
}
