//! Objects in a directory, named by the hash of their bytes.

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
        /// The system's error.
        why: String,
    },
    /// The object does not exist.
    #[error("object {0} is not in the lake")]
    Missing(Sha256),
    /// The bytes do not match the hash in the name.
    #[error("object {named} is corrupt: its bytes hash to {found}; store it again")]
    Corrupt {
        /// The requested name.
        named: Sha256,
        /// The hash of the bytes.
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
    /// Opens the directory with the default size limit; creates it if missing.
    ///
    /// # Errors
    /// [`LakeError::Unusable`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, LakeError> {
        Self::with_config(&LakeConfig { dir: dir.as_ref().to_owned(), ..LakeConfig::default() })
    }

    /// Opens the lake of the configuration.
    ///
    /// # Errors
    /// [`LakeError::Unusable`].
    pub fn with_config(config: &LakeConfig) -> Result<Self, LakeError> {
        let unusable = |why: String| LakeError::Unusable { dir: config.dir.clone(), why };
        std::fs::create_dir_all(&config.dir).map_err(|error| unusable(error.to_string()))?;
        // An event with the object's name must not survive a power cut without the object, hence the fsync.
        let store = LocalFileSystem::new_with_prefix(&config.dir)
            .map_err(|error| unusable(error.to_string()))?
            .with_fsync(true);
        Ok(Self { store: Arc::new(store), object_bytes_max: config.object_bytes_max })
    }

    /// Stores an object and returns its name. Storing it again has no effect, except that it repairs a corrupt copy.
    ///
    /// # Errors
    /// [`LakeError::TooLarge`], or the store's error.
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
        // The local store writes a temporary file and renames it, so a reader never sees a partial object.
        self.store.put(&key(&name), bytes.into()).await?;
        Ok(name)
    }

    /// Reads an object and verifies its hash.
    ///
    /// # Errors
    /// [`LakeError::Missing`], [`LakeError::Corrupt`], [`LakeError::TooLarge`], or the store's error.
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

    /// Whether the object exists, without reading it.
    ///
    /// # Errors
    /// The store's error.
    pub async fn contains(&self, name: &Sha256) -> Result<bool, LakeError> {
        match self.store.head(&key(name)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Objects are spread over folders of two hex digits, which keeps directory listings short.
fn key(name: &Sha256) -> Key {
    let hex = name.to_string();
    let (folder, rest) = hex.split_at(2);
    Key::from_iter(["objects", folder, rest])
}
