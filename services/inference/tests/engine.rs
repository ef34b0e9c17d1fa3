//! The choice of the engine, in its own process: a process loads an ONNX Runtime library only once.
#![cfg(not(feature = "tract"))]

use troupe_inference::{Engine, EngineKind, ServingConfig};

#[test]
fn a_broken_library_file_leaves_the_node_without_an_engine_and_a_right_one_can_follow() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let broken = dir.path().join("libonnxruntime.so");
    std::fs::write(&broken, b"no library").expect("a file");
    for library in [dir.path().join("missing.so"), dir.path().to_owned(), broken] {
        let config = ServingConfig { library: Some(library.clone()), ..ServingConfig::default() };
        let engine = Engine::load(&config, None);
        let EngineKind::Unavailable(why) = engine.kind() else { panic!("{library:?} loaded") };
        assert!(why.contains(&library.display().to_string()), "{why}");
    }
    match Engine::load(&ServingConfig::default(), None).kind() {
        EngineKind::OnnxRuntime(_) => {}
        kind => {
            assert!(std::env::var_os("CI").is_none(), "CI needs the library: {kind}");
            eprintln!("second half skipped: {kind}");
        }
    }
}
