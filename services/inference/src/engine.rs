//! The engine that runs models, chosen once at start.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

use super::config::ServingConfig;

/// Where set-up puts the library, under the working directory or one above it.
const SEARCHED: &str = ".deps/onnxruntime/libonnxruntime.so";

/// Set by people who have the library elsewhere.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// ONNX Runtime allows one environment a process, so several nodes in one process share it. Only success is kept:
/// a library that fails to load can be put right and tried again.
static LOADED: Mutex<Option<(EngineKind, Environment)>> = Mutex::new(None);

/// Which engine runs the models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineKind {
    /// ONNX Runtime, from this file.
    OnnxRuntime(PathBuf),
    /// tract, compiled in.
    Tract,
    /// None, for this reason: the node runs, and every request to a model says so.
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

/// A loaded engine, or the reason why there is none; cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    kind: EngineKind,
    environment: Option<Environment>,
}

impl Engine {
    /// Loads the engine. It blocks while the library is read; it never panics, and without a library it answers
    /// [`EngineKind::Unavailable`]. `beside` is another place to search from, the configuration file's directory.
    #[must_use]
    pub fn load(config: &ServingConfig, beside: Option<&Path>) -> Self {
        let named = config.library.clone().or_else(|| {
            std::env::var_os(LIBRARY_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
        });
        // A library that was named and does not work is not replaced in silence by one found elsewhere.
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

    /// Which one it is.
    #[must_use]
    pub const fn kind(&self) -> &EngineKind {
        &self.kind
    }

    /// What sessions are made in.
    ///
    /// # Errors
    /// Why there is no engine.
    pub(super) fn environment(&self) -> Result<&Environment, String> {
        match (&self.environment, &self.kind) {
            (Some(environment), _) => Ok(environment),
            (None, EngineKind::Unavailable(why)) => Err(why.clone()),
            (None, kind) => Err(format!("{kind} is not loaded")),
        }
    }
}

/// The first place upward from the working directory, then from `beside`, that holds the library.
fn search(beside: Option<&Path>) -> Option<PathBuf> {
    let starts = [std::env::current_dir().ok(), beside.and_then(|path| path.canonicalize().ok())];
    starts
        .into_iter()
        .flatten()
        .find_map(|start| start.ancestors().map(|folder| folder.join(SEARCHED)).find(|path| path.is_file()))
}

/// Opens the library by its path: the binding's own search panics when it finds none.
fn open(library: &Path) -> Result<(EngineKind, Environment), String> {
    let path = library.canonicalize().map_err(|error| format!("{}: {error}", library.display()))?;
    if !path.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Whether the file can be what it should be. The binding must not be given anything else: after a file that it cannot
/// open it takes its handle for set, and a right file that follows is never looked at.
fn looks_like_a_library(path: &Path) -> Result<(), String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let entry = b"OrtGetApiBase";
    let magic = [&b"\x7fELF"[..], b"MZ", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"];
    let found = magic.iter().any(|magic| bytes.starts_with(magic))
        && bytes.windows(entry.len()).any(|window| window == entry);
    if found { Ok(()) } else { Err(format!("{} is no ONNX Runtime library", path.display())) }
}

/// The binding asserts what a broken library does not keep; its panics become reasons.
fn guarded<T>(load: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(load)).unwrap_or_else(|panic| Err(panic_text(panic.as_ref())))
}

/// What a caught panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    format!("panicked: {}", text.unwrap_or("without a message"))
}

#[cfg(feature = "tract")]
fn fall_back(why: String) -> Result<(EngineKind, Environment), String> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
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
