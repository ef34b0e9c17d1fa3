//! The guarantees of the lake: names are hashes, objects are whole, corruption is reported.

use super::{Lake, LakeConfig, LakeError, Sha256};

fn file_of(dir: &std::path::Path, name: &Sha256) -> std::path::PathBuf {
    let hex = name.to_string();
    dir.join("objects").join(&hex[..2]).join(&hex[2..])
}

#[tokio::test]
async fn an_object_is_found_by_the_hash_of_its_bytes_and_put_twice_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path().join("new/lake")).unwrap();
    let name = lake.put(&b"abc"[..]).await.unwrap();
    assert_eq!(name.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(lake.put(&b"abc"[..]).await.unwrap(), name);
    assert_eq!(&lake.get(&name).await.unwrap()[..], b"abc");
    assert!(lake.contains(&name).await.unwrap());
}

#[tokio::test]
async fn a_missing_object_is_said_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path()).unwrap();
    let name = Sha256::of(b"never stored");
    assert!(!lake.contains(&name).await.unwrap());
    assert!(matches!(lake.get(&name).await, Err(LakeError::Missing(missing)) if missing == name));
}

#[tokio::test]
async fn a_corrupt_object_is_refused_until_it_is_stored_again() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path()).unwrap();
    let name = lake.put(&b"weights"[..]).await.unwrap();
    std::fs::write(file_of(dir.path(), &name), b"weightz").unwrap();
    let Err(LakeError::Corrupt { named, found }) = lake.get(&name).await else {
        panic!("corrupt bytes were handed out")
    };
    assert_eq!((named, found), (name, Sha256::of(b"weightz")));
    assert_eq!(lake.put(&b"weights"[..]).await.unwrap(), name);
    assert_eq!(&lake.get(&name).await.unwrap()[..], b"weights");
}

#[tokio::test]
async fn an_object_over_the_limit_is_neither_stored_nor_read() {
    let dir = tempfile::tempdir().unwrap();
    let wide = Lake::open(dir.path()).unwrap();
    let name = wide.put(&b"12345"[..]).await.unwrap();
    let narrow = Lake::with_config(&LakeConfig { dir: dir.path().to_owned(), object_bytes_max: 4 }).unwrap();
    assert!(matches!(narrow.put(&b"54321"[..]).await, Err(LakeError::TooLarge { bytes: 5, max: 4 })));
    assert!(matches!(narrow.get(&name).await, Err(LakeError::TooLarge { bytes: 5, max: 4 })));
}

#[tokio::test]
async fn writers_of_the_same_object_at_once_leave_one_whole_object() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::open(dir.path()).unwrap();
    let bytes = vec![7_u8; 1 << 18];
    let puts = (0..8).map(|_| lake.put(bytes.clone()));
    let names: Vec<_> = futures::future::join_all(puts).await.into_iter().map(Result::unwrap).collect();
    assert!(names.iter().all(|name| *name == Sha256::of(&bytes)));
    assert_eq!(lake.get(&names[0]).await.unwrap().len(), bytes.len());
}

#[test]
fn a_lake_in_an_impossible_place_says_where_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = Lake::open(&file).unwrap_err().to_string();
    assert!(error.contains("file") && error.contains("lake directory"), "{error}");
}

#[test]
fn a_name_survives_text_json_and_the_wire_and_nothing_else_parses() {
    let name = Sha256::of(b"abc");
    assert_eq!(name.to_string().parse(), Ok(name));
    assert_eq!(name.to_string().to_uppercase().parse(), Ok(name));
    let json = serde_json::to_string(&name).unwrap();
    assert_eq!(serde_json::from_str::<Sha256>(&json).unwrap(), name);
    let wire = troupe_runtime::wire::encode(&name);
    assert_eq!(wire, name.0, "32 bytes and no length: stored events depend on it");
    assert_eq!(troupe_runtime::wire::decode(&wire), Ok(name));
    for text in ["", "ba78", &"g".repeat(64), &"é".repeat(32), &"0".repeat(65)] {
        assert!(text.parse::<Sha256>().is_err(), "{text:?}");
    }
}
