//! Values that the metadata keep themselves, as files that Metaflow's client reads.
//!
//! The outputs of a workflow's steps are in the cluster, but the client reads values from a datastore only. A value that
//! it asks for is therefore written to a local datastore below the lake's directory, under the hash of its bytes. That
//! copy may be deleted at any time.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::Value;
use troupe_actors::metadata::tasks::{Artifact, TaskView, VALUE};
use troupe_lake::Sha256;

use super::pickle::pickled;
use crate::apis::runs::state::RunsState;

/// Says that the file is as it is, without compression: Metaflow keeps that beside it.
const RAW: &[u8] = br#"{"cas_raw": true, "cas_version": 1}"#;

/// Tasks with their values in files, and artifacts that say where. Where that cannot be, artifacts stay as they are.
pub(crate) async fn filed(edge: &RunsState, flow: &str, mut tasks: Vec<TaskView>) -> Vec<TaskView> {
    let Some(root) = edge.own.values_dir.clone() else { return tasks };
    let mut wanted: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for artifact in tasks.iter().flat_map(|task| &task.artifacts) {
        wanted.extend(file_of(artifact));
    }
    if wanted.is_empty() || !is_folder(flow) {
        return tasks;
    }
    let (folder, at) = (root.join(flow).join("data"), root.clone());
    let written = tokio::task::spawn_blocking(move || {
        wanted.into_iter().try_for_each(|(name, bytes)| write(&folder, &name, &bytes))
    });
    match written.await.map_err(io::Error::other).and_then(|written| written) {
        Ok(()) => {
            for artifact in tasks.iter_mut().flat_map(|task| &mut task.artifacts) {
                if let Some((sha, _)) = file_of(artifact) {
                    artifact.said.sha = sha;
                    artifact.said.location = format!(":root:{}", at.display());
                    "local".clone_into(&mut artifact.said.ds_type);
                }
            }
        }
        Err(error) => tracing::warn!(dir = %root.display(), %error, "values are not in files"),
    }
    tasks
}

/// The file of a value: its name, and what is in it.
fn file_of(artifact: &Artifact) -> Option<(String, Vec<u8>)> {
    let said = &artifact.said;
    let value: Value = serde_json::from_str(&said.location).ok().filter(|_| said.ds_type == VALUE)?;
    Some((Sha256::of(said.location.as_bytes()).to_string(), pickled(&value)))
}

/// Whether a flow's name is that of one folder, and of no other.
fn is_folder(flow: &str) -> bool {
    !flow.contains(['/', '\\']) && flow != "." && flow != ".." && !flow.is_empty()
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = folder.join(&name[..2]);
    let path = folder.join(name);
    if path.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(&folder)?;
    // What says how to read a file is there before it.
    put(&folder, &folder.join(format!("{name}_meta")), RAW)?;
    put(&folder, &path, bytes)
}

fn put(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (process, thread) = (std::process::id(), std::thread::current().id());
    let draft = folder.join(format!(".draft-{process}-{thread:?}"));
    std::fs::write(&draft, bytes)?;
    std::fs::rename(draft, path)
}
