//! Interpolation: `${name}` and `$name` become values, `$$` is a dollar sign, `$${name}` and `$$name` stay names.

/// Fills values into a text.
///
/// # Errors
/// With the name without a value.
pub fn fill(text: &str, value: &dyn Fn(&str) -> Option<super::Value>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(text) => filled.push_str(text),
            Piece::Name(name) => match value(name) {
                Some(value) => filled.push_str(&value.to_text()),
                None => return Err(name.to_owned()),
            },
        }
    }
    Ok(filled)
}

/// The names that a text refers to.
#[must_use]
pub fn referenced(text: &str) -> Vec<&str> {
    let names = pieces(text).filter_map(|piece| match piece {
        Piece::Name(name) => Some(name),
        Piece::Text(_) => None,
    });
    names.collect()
}

enum Piece<'a> {
    Text(&'a str),
    Name(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let dollar = match rest.find('$') {
            None if rest.is_empty() => return None,
            None => rest.len(),
            Some(dollar) => dollar,
        };
        if dollar > 0 {
            let (plain, next) = rest.split_at(dollar);
            rest = next;
            return Some(Piece::Text(plain));
        }
        if let Some((name, len)) = variable(rest) {
            rest = &rest[len..];
            return Some(Piece::Name(name));
        }
        let after = &rest[1..];
        if let Some((_, len)) = variable(after) {
            // A doubled dollar sign escapes the name and becomes a single one.
            rest = &after[len..];
            return Some(Piece::Text(&after[..len]));
        }
        let len = if after.starts_with('$') { 2 } else { 1 };
        rest = &rest[len..];
        Some(Piece::Text("$"))
    })
}

/// The name and length of a reference at the begin of a text.
fn variable(text: &str) -> Option<(&str, usize)> {
    let name = text.strip_prefix('$')?;
    if let Some(name) = name.strip_prefix('{') {
        let end = name.find('}')?;
        let name = &name[..end];
        let rest = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        let whole = name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(rest);
        return whole.then_some((name, end + 3));
    }
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    let len = name.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    Some((&name[..len], len + 1))
}
