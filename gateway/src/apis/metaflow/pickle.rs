//! JSON as Python's pickle, protocol 2 (PEP 307): what Metaflow's client takes for a value.

use serde_json::Value;

/// Longest text that the format's four bytes of length can say.
const TEXT_BYTES_MAX: usize = u32::MAX as usize;

/// The value as bytes that `pickle.loads` reads. Numbers beyond 64 bits become floats.
pub(super) fn pickled(value: &Value) -> Vec<u8> {
    let mut out = vec![0x80, 2];
    put(&mut out, value);
    out.push(b'.');
    out
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.push(b'N'),
        Value::Bool(true) => out.push(0x88),
        Value::Bool(false) => out.push(0x89),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => long(out, &number.to_le_bytes()),
            // One byte more, or the highest bit would be a sign.
            (None, Some(number)) => long(out, &[&number.to_le_bytes()[..], &[0]].concat()),
            (None, None) => {
                out.push(b'G');
                out.extend(number.as_f64().unwrap_or(f64::NAN).to_be_bytes());
            }
        },
        Value::String(text) => put_text(out, text),
        Value::Array(values) => {
            out.extend(b"](");
            values.iter().for_each(|value| put(out, value));
            out.push(b'e');
        }
        Value::Object(entries) => {
            out.extend(b"}(");
            for (name, value) in entries {
                put_text(out, name);
                put(out, value);
            }
            out.push(b'u');
        }
    }
}

/// A whole number in two's complement, the lowest byte first.
fn long(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend([0x8a, u8::try_from(bytes.len()).unwrap_or(0)]);
    out.extend(bytes);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let bytes = &text.as_bytes()[..text.len().min(TEXT_BYTES_MAX)];
    out.push(b'X');
    out.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_the_bytes_that_python_writes() {
        // By `pickletools.dis` of Python 3.11, and `pickle.loads` gives the value back.
        for (value, bytes) in [
            (json!(null), &b"\x80\x02N."[..]),
            (json!(true), b"\x80\x02\x88."),
            (json!(-2), b"\x80\x02\x8a\x08\xfe\xff\xff\xff\xff\xff\xff\xff."),
            (json!(u64::MAX), b"\x80\x02\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x00."),
            (json!(0.5), b"\x80\x02G\x3f\xe0\0\0\0\0\0\0."),
            (json!("\u{e9}"), b"\x80\x02X\x02\0\0\0\xc3\xa9."),
            (json!([]), b"\x80\x02](e."),
            (json!({ "a": [false] }), b"\x80\x02}(X\x01\0\0\0a](\x89eu."),
        ] {
            assert_eq!(pickled(&value), bytes, "{value}");
        }
    }
}
