use super::*;
use crate::sandbox::compile::frame::{self, Head};
use crate::sandbox::compile::work;

fn artifacts(folder: &Path) -> Artifacts {
    let engine = engine::engine(1).expect("an engine");
    Artifacts::open(folder.to_owned(), engine, Arc::new(Vault::new(&[7; 32]))).expect("opened")
}

/// What the compiler says of a component with no more than a handler's name.
fn frame(engine: &Engine) -> Frame {
    let component =
        wat::parse_str(r#"(component (instance $i) (export "patchbay:module/handler@0.1.0" (instance $i)))"#);
    let (verdict, code) = work(engine, &component.expect("well-formed"));
    let head = Head {
        unfiltered: None,
        engine: engine::fingerprint(engine),
        verdict,
    };
    let mut whole = frame::before_code(&head).expect("written");
    whole.extend(code);
    Frame::read(whole.into()).expect("an answer")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("listed");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_changed_file_is_never_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let artifacts = artifacts(folder.path());
    let digest = Digest::of(b"a component");
    assert!(artifacts.load(digest).is_none(), "nothing is there");
    let frame = frame(&artifacts.engine);
    artifacts.store(digest, &frame);
    let loaded = artifacts.load(digest).expect("loaded from disk");
    assert_eq!(loaded.inspection.exports, ["patchbay:module/handler@0.1.0"]);

    let name = names(folder.path()).remove(0);
    let file = folder.path().join(&name);
    let whole = std::fs::read(&file).expect("read");
    for flipped in [0, TAG_BYTES, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[flipped] ^= 1;
        std::fs::write(&file, changed).expect("written");
        assert!(artifacts.load(digest).is_none(), "byte {flipped} was flipped");
    }
    for length in [0, 10, TAG_BYTES, whole.len() - 1] {
        std::fs::write(&file, &whole[..length]).expect("written");
        assert!(artifacts.load(digest).is_none(), "cut after {length} bytes");
    }
    std::fs::write(&file, &whole).expect("written");
    assert!(artifacts.load(digest).is_some(), "whole again");

    let other = folder.path().join("other");
    std::fs::rename(&file, &other).expect("renamed");
    assert!(artifacts.load_file("other", &other).is_none(), "under another's name");
}

#[test]
fn nothing_unfinished_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["kept", ".half-written"] {
        std::fs::write(folder.path().join(name), "x").expect("written");
    }
    let artifacts = artifacts(folder.path());
    assert_eq!(names(folder.path()), ["kept"], "after a crash");

    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).expect("a folder");
    std::fs::remove_file(folder.path().join("kept")).expect("removed");
    artifacts
        .store_file("taken", &taken, b"code")
        .expect_err("a file cannot replace a folder");
    assert_eq!(names(folder.path()), ["taken"], "after an error");
}

#[test]
fn what_no_version_names_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let artifacts = artifacts(folder.path());
    let frame = frame(&artifacts.engine);
    let [one, two] = [b"one", b"two"].map(|bytes| Digest::of(bytes));
    artifacts.store(one, &frame);
    artifacts.store(two, &frame);
    for name in [format!("{one}-0000000000000000"), ".being-written".to_owned()] {
        std::fs::write(folder.path().join(name), "x").expect("written");
    }
    artifacts.keep(&[CodeShare {
        digests: vec![one],
        bytes_max: u64::MAX,
    }]);
    assert_eq!(names(folder.path()), [".being-written".to_owned(), artifacts.name(one)]);
    assert!(artifacts.load(one).is_some() && artifacts.load(two).is_none());
}

#[test]
fn nobody_has_more_machine_code_than_is_its_share() {
    let folder = tempfile::tempdir().expect("a folder");
    let artifacts = artifacts(folder.path());
    let frame = frame(&artifacts.engine);
    let [one, two, three] = [b"one", b"two", b"tri"].map(|bytes| Digest::of(bytes));
    for digest in [one, two, three] {
        artifacts.store(digest, &frame);
    }
    let bytes = std::fs::metadata(folder.path().join(artifacts.name(one)))
        .expect("a file")
        .len();
    let share = |digests: &[Digest], bytes_max| CodeShare {
        digests: digests.to_vec(),
        bytes_max,
    };
    artifacts.keep(&[share(&[two, one, three], 2 * bytes), share(&[three], bytes - 1)]);
    let mut kept = [artifacts.name(one), artifacts.name(two)];
    kept.sort();
    assert_eq!(names(folder.path()), kept);
    // What one has no room for may be another's.
    artifacts.keep(&[share(&[two, one], bytes), share(&[one], bytes)]);
    assert_eq!(names(folder.path()), kept);
}
