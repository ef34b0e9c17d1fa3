//! The classes that a program may name. A name that is none of these is a variable.

/// Whether a name is a class, or one of the objects that are always there.
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
