//! Every way in which a compiler can end, with commands that end that way.

use super::*;

const LIMITS: CompileLimits = CompileLimits {
    cpu_seconds: 1,
    memory_bytes: 512 << 20,
    unconfined: false,
};

/// What comes of a component of so many bytes, and of a shell that runs this script in the compiler's place.
fn outcome(script: &str, component: &[u8]) -> PrepareError {
    let compiler = Compiler::this_program(LIMITS);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).env_clear();
    // Only one that never ends by itself is not worth waiting for.
    let within = Duration::from_secs(if script.ends_with("sleep 600") { 1 } else { 60 });
    compiler.run(command, component, within).expect_err("it is no compiler")
}

#[test]
fn a_component_that_no_compiler_survives_is_refused() {
    for (script, sentence) in [
        ("kill -XCPU $$", "compiling it took more than 1 s of computing"),
        (
            "echo 'memory allocation of 99 bytes failed' >&2; kill -ABRT $$",
            "compiling it took more than 512 MiB of memory",
        ),
        ("kill -ABRT $$", "the compiler crashed on it"),
        ("kill -SEGV $$", "the compiler crashed on it"),
        ("cat >/dev/null; exit 101", "the compiler gave up on it"),
        ("exec cat /dev/zero", "its machine code would have more than 4 MiB"),
    ] {
        match outcome(script, b"component") {
            PrepareError::Refused(refused) => {
                let expected = format!("the component takes too much to compile: {sentence}");
                assert_eq!(refused.to_string(), expected, "{script}");
            }
            failed => panic!("{script}: {failed}"),
        }
    }
}

#[test]
fn a_compiler_that_fails_by_itself_is_not_the_components_fault() {
    for (script, sentence) in [
        ("", "the compiler's answer cannot be used: it does not begin as"),
        (
            "echo garbage",
            "the compiler's answer cannot be used: it does not begin as",
        ),
        (
            r"printf 'PBCODE1\n\377\377\0\0{'",
            "the compiler's answer cannot be used: it is cut short",
        ),
        ("kill -KILL $$", "the compiler ended with signal: 9"),
        (
            "echo no room >&2; exit 3",
            "the compiler ended with exit status: 3: no room",
        ),
        ("exec sleep 600", "the compiler was not done after 1 s"),
    ] {
        match outcome(script, b"component") {
            PrepareError::Failed(said) => assert!(said.starts_with(sentence), "{script}: {said}"),
            refused => panic!("{script}: {refused}"),
        }
    }
    let nowhere = Compiler {
        program: "/nowhere/patchbay".into(),
        limits: LIMITS,
    };
    let error = nowhere.compile(b"component", 0).expect_err("there is no such program");
    assert!(error.to_string().contains("the compiler cannot be run: "), "{error}");
}

#[test]
fn a_compiler_that_cannot_be_confined_is_the_operators_to_decide_about() {
    let error = outcome("echo the kernel takes no filter >&2; exit 77", b"component");
    assert!(
        matches!(&error, PrepareError::Unconfined(why) if why == "the kernel takes no filter"),
        "{error}"
    );
    assert!(
        error.to_string().ends_with("by the setting compile_unconfined"),
        "{error}"
    );
    for unconfined in [false, true] {
        let command = Compiler::this_program(CompileLimits { unconfined, ..LIMITS }).command();
        assert_eq!(
            command.get_args().any(|argument| argument == "--unconfined"),
            unconfined
        );
    }
}

#[test]
fn a_compiler_that_reads_nothing_and_one_that_complains_without_end_are_heard_out() {
    let large = vec![0; 4 << 20];
    let failed = outcome("exec 0<&-; echo enough >&2; exit 4", &large).to_string();
    assert!(failed.ends_with("exit status: 4: enough"), "{failed}");
    let failed = outcome("head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 5", &large).to_string();
    let complaint = failed.rsplit(' ').next().expect("a word");
    assert_eq!(complaint.len(), 2_000);
}

#[test]
fn what_a_compiler_has_started_ends_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let pid = folder.path().join("pid");
    let script = format!("sleep 600 & echo $! >{}; exec sleep 600", pid.display());
    let failed = outcome(&script, b"").to_string();
    assert!(failed.contains("was not done"), "{failed}");
    let pid: i32 = std::fs::read_to_string(pid)
        .expect("written")
        .trim()
        .parse()
        .expect("an id");
    let gone = |pid| match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        // Whoever adopted it may not have reaped it yet.
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    };
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while !gone(pid) {
        assert!(std::time::Instant::now() < end, "{pid} runs on");
        std::thread::yield_now();
    }
}
