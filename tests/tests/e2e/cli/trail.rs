//! `patchbay trail`: what it lists and shows, and what it notices when the data is another than it was.

use std::path::PathBuf;
use std::sync::Arc;

use super::*;

const ALL: [&str; 4] = ["trail", "list", "acme", "--json"];

impl Shell<'_> {
    /// Gives acme's module `sim` a setting.
    fn set(&self, value: &str) -> Result<()> {
        self.run(&["config", "set", "acme", "sim", value])?.done();
        Ok(())
    }

    /// What is to be kept somewhere else.
    #[track_caller]
    fn verified(&self, entries: u64) -> Result<String> {
        let said = self.run(&["trail", "verify", "acme"])?.done();
        let begin = format!("{entries} entries, all as they were written\nKeep this somewhere else: ");
        let kept = said.strip_prefix(&begin).with_context(|| said.clone())?;
        Ok(kept.trim_end().to_owned())
    }

    fn expect(&self, kept: &str) -> Result<Ran> {
        self.run(&["trail", "verify", "acme", "--expect", kept])
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place: PathBuf = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}

/// Ends the gateway in order, and gives the folder that it ran in.
fn stop(gateway: Gateway, folder: &Path) -> Result<PathBuf> {
    gateway.signal("TERM")?;
    assert_eq!(gateway.wait()?, 0);
    Ok(folder.join("data"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trail_is_listed_shown_and_verified() -> Result<()> {
    let gateway = Gateway::start()?;
    let folder = tempfile::tempdir()?;
    let shell = Shell {
        url: gateway.admin().base(),
        token: ADMIN_TOKEN,
        folder: folder.path(),
    };
    shell.run(&["tenant", "create", "acme"])?.done();
    let none = shell.run(&["trail", "list", "acme"])?.done();
    assert_eq!(none, "There are no such entries here.\n");
    shell.run(&["module", "create", "acme", "sim"])?.done();
    shell.set("region=west")?;
    shell.set("region=east")?;

    let listed = shell.run(&["trail", "list", "acme"])?.done();
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    let did: Vec<_> = lines
        .iter()
        .map(|line| (line[0], line[line.len() - 2], line[line.len() - 1]))
        .collect();
    assert_eq!(
        did,
        [
            ("ENTRY", "DID", "TO"),
            ("3", "change", "tenants/acme/modules/sim/config"),
            ("2", "change", "tenants/acme/modules/sim/config"),
            ("1", "make", "tenants/acme/modules/sim"),
        ]
    );
    let paged = shell.run(&["trail", "list", "acme", "--limit", "2"])?.done();
    assert!(
        paged.ends_with("Older entries: the same command with --before 2\n"),
        "{paged}"
    );
    let older = shell.json(&["trail", "list", "acme", "--before", "2"])?;
    assert_eq!(
        (&older["items"][0]["number"], older["items"].as_array().map(Vec::len)),
        (&1.into(), Some(1))
    );
    let of_module = shell.json(&["trail", "list", "acme", "--object", "config", "--by", "platform"])?;
    assert_eq!(of_module["items"].as_array().map(Vec::len), Some(2));
    let platform = shell.run(&["trail", "list"])?.done();
    assert!(
        platform.contains("tenants/acme\n") && platform.contains("start"),
        "{platform}"
    );

    let shown = shell.run(&["trail", "show", "3", "acme"])?.done();
    for part in [
        "platform admin",
        "127.0.0.1",
        "change tenants/acme/modules/sim/config",
        "west",
        "east",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let missing = shell.run(&["trail", "show", "4", "acme"])?.failed(1);
    assert!(missing.contains("there is no entry 4 here"), "{missing}");

    let kept = shell.verified(3)?;
    shell.set("region=north")?;
    shell.verified(4)?;
    shell.expect(&kept)?.done();
    let another = format!("2:{}", kept.split_once(':').context("a digest")?.1);
    let declined = shell.expect(&another)?.failed(1);
    assert!(declined.contains("entry 2 is another one"), "{declined}");
    shell.expect("2:abc")?.failed(2);
    let made = shell.json(&["token", "create", "acme", "--scope", "access"])?;
    let own = Shell {
        token: made["value"].as_str().context("a token")?,
        ..shell
    };
    assert!(own.run(&ALL)?.done().contains("region"));
    let refused = own.run(&["trail", "verify", "acme"])?.failed(1);
    assert!(refused.contains("platform admin"), "{refused}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_of_a_trail_is_whole_and_only_what_was_kept_elsewhere_shows_that_it_is_older() -> Result<()> {
    let folder = Arc::new(tempfile::tempdir()?);
    let elsewhere = tempfile::tempdir()?;
    fn shell<'s>(gateway: &'s Gateway, elsewhere: &'s tempfile::TempDir) -> Shell<'s> {
        Shell {
            url: gateway.admin().base(),
            token: ADMIN_TOKEN,
            folder: elsewhere.path(),
        }
    }
    let gateway = Gateway::start_in(Arc::clone(&folder), &[])?;
    let admin = shell(&gateway, &elsewhere);
    admin.run(&["tenant", "create", "acme"])?.done();
    admin.run(&["module", "create", "acme", "sim"])?.done();
    admin.set("region=west")?;
    // Its entries, and the word of how many there are.
    let data = stop(gateway, folder.path())?;
    let older = elsewhere.path().join("older");
    copy(&data, &older)?;

    let gateway = Gateway::start_in(Arc::clone(&folder), &[])?;
    let admin = shell(&gateway, &elsewhere);
    admin.set("region=east")?;
    let kept = admin.verified(3)?;
    let data = stop(gateway, folder.path())?;
    fs::remove_dir_all(&data)?;
    copy(&older, &data)?;

    let gateway = Gateway::start_in(folder, &[])?;
    let admin = shell(&gateway, &elsewhere);
    admin.verified(2)?;
    let declined = admin.expect(&kept)?.failed(1);
    let cut_off = "the trail ends with entry 2: it was cut off, or replaced by an older one";
    assert!(declined.contains(cut_off), "{declined}");
    // As many entries again, and other ones.
    admin.set("region=south")?;
    admin.verified(3)?;
    let declined = admin.expect(&kept)?.failed(1);
    assert!(declined.contains("entry 3 is another one"), "{declined}");
    Ok(())
}
