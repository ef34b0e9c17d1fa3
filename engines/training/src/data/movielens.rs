//! MovieLens-100K as RecBole packs it: tab-separated, with a typed header.

use std::path::{Path, PathBuf};

use super::dataset::Interaction;

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// An I/O error.
    #[error("{0}: {1}")]
    Io(PathBuf, std::io::Error),
    /// A value that its field does not accept.
    #[error("{path}, line {line}, field {field}: {what}")]
    Bad {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
        /// The field's name.
        field: &'static str,
        /// The invalid value.
        what: String,
    },
}

/// A title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Year of release, where given.
    pub year: Option<u16>,
    /// Its genres.
    pub genres: Vec<String>,
}

/// A MovieLens user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: String,
    /// In years.
    pub age: Option<u16>,
    /// As stated.
    pub gender: String,
    /// As stated.
    pub occupation: String,
}

/// Ratings from `ml-100k.inter` in `dir`, in order of time.
///
/// # Errors
/// See [`ReadError`].
pub fn read_interactions(dir: &Path) -> Result<Vec<Interaction>, ReadError> {
    let path = dir.join("ml-100k.inter");
    let mut out = Vec::new();
    for (line, fields) in rows(&path)? {
        let number = |at: usize, field: &'static str| {
            let text = fields.get(at).map_or("", String::as_str);
            text.parse::<f64>().map_err(|_| bad(&path, line, field, text))
        };
        let value = number(2, "rating")?;
        let seconds = number(3, "timestamp")?;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "ratings are 1 to 5, times positive"
        )]
        out.push(Interaction {
            member: text(&fields, 0, &path, line, "user_id")?,
            content: text(&fields, 1, &path, line, "item_id")?,
            value: value as f32,
            at_ms: (seconds * 1_000.0) as u64,
        });
    }
    out.sort_by(|a, b| (a.at_ms, &a.member, &a.content).cmp(&(b.at_ms, &b.member, &b.content)));
    Ok(out)
}

/// Titles from `ml-100k.item` in `dir`.
///
/// # Errors
/// See [`ReadError`].
pub fn read_items(dir: &Path) -> Result<Vec<Item>, ReadError> {
    let path = dir.join("ml-100k.item");
    let item = |(line, fields): (usize, Vec<String>)| {
        Ok(Item {
            id: text(&fields, 0, &path, line, "item_id")?,
            title: text(&fields, 1, &path, line, "movie_title")?,
            year: fields.get(2).and_then(|year| year.parse().ok()),
            genres: fields
                .get(3)
                .map(|genres| genres.split_whitespace().map(str::to_owned).collect())
                .unwrap_or_default(),
        })
    };
    rows(&path)?.into_iter().map(item).collect()
}

/// People from `ml-100k.user` in `dir`.
///
/// # Errors
/// See [`ReadError`].
pub fn read_users(dir: &Path) -> Result<Vec<User>, ReadError> {
    let path = dir.join("ml-100k.user");
    let user = |(line, fields): (usize, Vec<String>)| {
        Ok(User {
            id: text(&fields, 0, &path, line, "user_id")?,
            age: fields.get(1).and_then(|age| age.parse().ok()),
            gender: text(&fields, 2, &path, line, "gender")?,
            occupation: text(&fields, 3, &path, line, "occupation")?,
        })
    };
    rows(&path)?.into_iter().map(user).collect()
}

fn rows(path: &Path) -> Result<Vec<(usize, Vec<String>)>, ReadError> {
    let bytes = std::fs::read(path).map_err(|error| ReadError::Io(path.to_owned(), error))?;
    let text = String::from_utf8_lossy(&bytes);
    let split = |line: &str| line.split('\t').map(|field| field.trim().to_owned()).collect();
    let numbered = text.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty());
    Ok(numbered.map(|(at, line)| (at + 1, split(line))).collect())
}

fn text(
    fields: &[String],
    at: usize,
    path: &Path,
    line: usize,
    field: &'static str,
) -> Result<String, ReadError> {
    match fields.get(at).filter(|text| !text.is_empty()) {
        Some(text) => Ok(text.clone()),
        None => Err(bad(path, line, field, "missing")),
    }
}

fn bad(path: &Path, line: usize, field: &'static str, what: &str) -> ReadError {
    ReadError::Bad { path: path.to_owned(), line, field, what: format!("{what:?}") }
}
