//! The engine that runs models, chosen once at start.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ort::environment::Environment;
use troupe_runtime::locks::lock;

use super::config::ServingConfig;

/// Where `scripts/deps.sh` puts the library, under the working directory or one above it.
const SEARCHED: &str = ".deps/onnxruntime/libonnxruntime.so";

/// Environment variable with the path of a library elsewhere.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// ONNX Runtime allows one environment per process, so the nodes of one process share it. Only a success is kept, so a
/// library that failed to load can be replaced and tried again.
static LOADED: Mutex<Option<(EngineKind, Environment)>> = Mutex::new(None);

/// Which engine runs the models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineKind {
    /// ONNX Runtime, from this file.
    OnnxRuntime(PathBuf),
    /// tract, compiled in with the feature `tract`.
    Tract,
    /// No engine, for this reason. The node runs and answers every model request with it.
    Unavailable(String),
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnnxRuntime(library) => write!(f, "ONNX Runtime from {}", library.display()),
            Self::Tract => f.write_str("tract"),
            Self::Unavailable(why) => write!(f, "none: {why}"),
        }
    }
}

/// A loaded engine, or the reason for its absence; cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    kind: EngineKind,
    environment: Option<Environment>,
}

impl Engine {
    /// Loads the engine. Blocks while the library is read and never panics. Without a library the kind is
    /// [`EngineKind::Unavailable`]. `beside` is a second start of the search: the configuration file's directory.
    #[must_use]
    pub fn load(config: &ServingConfig, beside: Option<&Path>) -> Self {
        let named = config.library.clone().or_else(|| {
            std::env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
        });
        // A configured library that does not load is an error; no other library replaces it silently.
        let found = named.map_or_else(
            || search(beside).ok_or_else(|| format!("{SEARCHED} not found; run scripts/deps.sh")),
            Ok,
        );
        let loaded = match found.and_then(|library| open(&library)) {
            Ok(loaded) => Ok(loaded),
            Err(why) => fall_back(why),
        };
        match loaded {
            Ok((kind, environment)) => Self { kind, environment: Some(environment) },
            Err(why) => Self { kind: EngineKind::Unavailable(why), environment: None },
        }
    }

    /// The engine in use.
    #[must_use]
    pub const fn kind(&self) -> &EngineKind {
        &self.kind
    }

    /// The environment in which sessions are built.
    ///
    /// # Errors
    /// The reason of [`EngineKind::Unavailable`].
    pub(super) fn environment(&self) -> Result<&Environment, String> {
        match (&self.environment, &self.kind) {
            (Some(environment), _) => Ok(environment),
            (None, EngineKind::Unavailable(why)) => Err(why.clone()),
            (None, kind) => Err(format!("{kind} is not loaded")),
        }
    }
}

/// Searches upward from the working directory, then upward from `beside`.
fn search(beside: Option<&Path>) -> Option<PathBuf> {
    let starts = [std::env::current_dir().ok(), beside.and_then(|path| path.canonicalize().ok())];
    starts
        .into_iter()
        .flatten()
        .find_map(|start| start.ancestors().map(|folder| folder.join(SEARCHED)).find(|path| path.is_file()))
}

/// Opens the library by its path. The binding's own search panics if it finds no library.
fn open(library: &Path) -> Result<(EngineKind, Environment), String> {
    let path = library.canonicalize().map_err(|error| format!("{}: {error}", library.display()))?;
    if !path.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    let mut loaded = lock(&LOADED);
    if let Some((kind, environment)) = &*loaded {
        if *kind != EngineKind::OnnxRuntime(path.clone()) {
            tracing::warn!(engine = %kind, asked = %path.display(), "the engine is loaded already and stays");
        }
        return Ok((kind.clone(), environment.clone()));
    }
    looks_like_a_library(&path)?;
    let environment = guarded(|| {
        let builder = ort::init_from(&path).map_err(|error| error.to_string())?;
        builder.with_name("troupe").with_telemetry(false).build().map_err(|error| error.to_string())
    })?;
    let kind = EngineKind::OnnxRuntime(path);
    *loaded = Some((kind.clone(), environment.clone()));
    Ok((kind, environment))
}

/// Checks the magic bytes and the entry point's name. The binding must not open any other file: after a failed open it
/// takes its handle for set and never opens a correct file that follows.
fn looks_like_a_library(path: &Path) -> Result<(), String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let entry = b"OrtGetApiBase";
    let magic = [&b"\x7fELF"[..], b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"];
    let found = magic.iter().any(|magic| bytes.starts_with(magic))
        && bytes.windows(entry.len()).any(|window| window == entry);
    if found { Ok(()) } else { Err(format!("{} is not an ONNX Runtime library", path.display())) }
}

/// Turns a panic into an error: the binding asserts invariants that a broken library violates.
fn guarded<T>(load: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|panic| Err(panic_text(panic.as_ref())))
}

/// The message of a caught panic.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    format!("panicked: {}", text.unwrap_or("without a message"))
}

#[cfg(feature = "tract")]
fn fall_back(why: String) -> Result<(EngineKind, Environment), String> {
    let mut loaded = lock(&LOADED);
    if let Some((kind, environment)) = &*loaded {
        return Ok((kind.clone(), environment.clone()));
    }
    tracing::info!(why, "no ONNX Runtime library: models run on tract");
    let environment = guarded(|| {
        ort::set_api(ort_tract::api());
        ort::init().with_name("troupe").build().map_err(|error| error.to_string())
    })?;
    *loaded = Some((EngineKind::Tract, environment.clone()));
    Ok((EngineKind::Tract, environment))
}

#[cfg(not(feature = "tract"))]
fn fall_back(why: String) -> Result<(EngineKind, Environment), String> {
    Err(why)
}
