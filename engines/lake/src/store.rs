//! Objects in a directory, by the hash of their bytes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};

use super::config::LakeConfig;
use super::sha256::Sha256;

/// Why an object could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// The directory cannot be used.
    #[error("cannot use the lake directory {dir}: {why}")]
    Unusable {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        why: String,
    },
    /// No such object.
    #[error("object {0} is not in the lake")]
    Missing(Sha256),
    /// The bytes found do not have the hash they are named by.
    #[error("object {named} is corrupt: its bytes hash to {found}; store it again")]
    Corrupt {
        /// The name asked for.
        named: Sha256,
        /// The hash of the bytes found.
        found: Sha256,
    },
    /// Larger than `lake.object_bytes_max`.
    #[error("object of {bytes} bytes is over the limit of {max}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        max: usize,
    },
    /// The store failed.
    #[error("lake: {0}")]
    Store(#[from] object_store::Error),
}

/// Content-addressed objects; cheap to clone.
#[derive(Clone, Debug)]
pub struct Lake {
    store: Arc<dyn ObjectStore>,
    object_bytes_max: usize,
}

impl Lake {
    /// Opens the directory, creating it where it does not exist, with the default size limit.
    ///
    /// # Errors
    /// [`LakeError::Unusable`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, LakeError> {
        Self::with_config(&LakeConfig { dir: dir.as_ref().to_owned(), ..LakeConfig::default() })
    }

    /// Opens the lake that the configuration names.
    ///
    /// # Errors
    /// [`LakeError::Unusable`].
    pub fn with_config(config: &LakeConfig) -> Result<Self, LakeError> {
        let unusable = |why: String| LakeError::Unusable { dir: config.dir.clone(), why };
        std::fs::create_dir_all(&config.dir).map_err(|error| unusable(error.to_string()))?;
        // An event that names an object must not outlive it in a power cut, hence the fsync.
        let store = LocalFileSystem::new_with_prefix(&config.dir)
            .map_err(|error| unusable(error.to_string()))?
            .with_fsync(true);
        Ok(Self { store: Arc::new(store), object_bytes_max: config.object_bytes_max })
    }

    /// Stores an object and returns its name. Storing it again does nothing, unless the stored copy is corrupt, which
    /// this mends.
    ///
    /// # Errors
    /// [`LakeError::TooLarge`], or what the store says.
    pub async fn put(&self, bytes: impl Into<Bytes>) -> Result<Sha256, LakeError> {
        let bytes = bytes.into();
        if bytes.len() > self.object_bytes_max {
            return Err(LakeError::TooLarge { bytes: bytes.len() as u64, max: self.object_bytes_max });
        }
        let name = Sha256::of(&bytes);
        match self.get(&name).await {
            Ok(_) => return Ok(name),
            Err(LakeError::Missing(_)) => {}
            Err(error @ LakeError::Corrupt { .. }) => tracing::warn!(%error, "mending a lake object"),
            Err(error) => return Err(error),
        }
        // The local store writes beside the target and renames, so a reader sees the whole object or none.
        self.store.put(&key(&name), bytes.into()).await?;
        Ok(name)
    }

    /// Reads an object and checks that it is what its name says.
    ///
    /// # Errors
    /// [`LakeError::Missing`], [`LakeError::Corrupt`], [`LakeError::TooLarge`], or what the store says.
    pub async fn get(&self, name: &Sha256) -> Result<Bytes, LakeError> {
        let found = match self.store.get(&key(name)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Err(LakeError::Missing(*name)),
            Err(error) => return Err(error.into()),
        };
        if found.meta.size > self.object_bytes_max as u64 {
            return Err(LakeError::TooLarge { bytes: found.meta.size, max: self.object_bytes_max });
        }
        let bytes = found.bytes().await?;
        let hash = Sha256::of(&bytes);
        if hash != *name {
            return Err(LakeError::Corrupt { named: *name, found: hash });
        }
        Ok(bytes)
    }

    /// Whether the object is there, without reading it.
    ///
    /// # Errors
    /// What the store says.
    pub async fn contains(&self, name: &Sha256) -> Result<bool, LakeError> {
        match self.store.head(&key(name)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Two hex digits of folder keep a directory listing of many objects short.
fn key(name: &Sha256) -> Key {
    let hex = name.to_string();
    let (folder, rest) = hex.split_at(2);
    Key::from_iter(["objects", folder, rest])
}
