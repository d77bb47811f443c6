//! Records what of a program's files a power failure would leave: preloaded into the program, it takes the place of
//! `fsync` and `fdatasync`.
//!
//! When a file is synced, what it holds at that moment is copied to a shadow folder, and when a folder is synced, the
//! names in it. Whatever was never synced is not there, so a program that forgot
//! one shows it. What a copy meets in the middle of another write may be torn, as on a real disk. The disk itself is not
//! waited for.
//!
//! So that a large file is not read again for each sync, `pwrite` is watched too: a file of which parts were written by
//! it since the sync before has only those copied. Any other is compared as a whole. A program that did both to one file
//! would be told of losses that are none, never the other way round.
//!
//! | in the shadow folder | is |
//! |---|---|
//! | `files/{key}` | the bytes and the mode of a file, as of its latest sync |
//! | `folders/{key}` | the names in a folder, as of its latest sync: `file` or `folder`, key, name, one a line |
//! | `root` | the key of the folder that is recorded |
//! | `broken` | nothing: as long as it is there, every sync fails with an error of the disk |
//!
//! A key is the inode's number and the time it was made, so that a file that takes over a number has nothing of the
//! one before it.

#![expect(
    unsafe_code,
    reason = "taking the place of functions of the C library is what this crate is for; see each"
)]

use std::collections::BTreeMap;
use std::ffi::{c_int, c_long, c_uint, c_void};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Result};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::UNIX_EPOCH;

/// Names the folder below which files are recorded. It has to be there, and its path has to be without links.
const ROOT: &str = "POWER_LOSS_ROOT";

/// Names the shadow folder.
const SHADOW: &str = "POWER_LOSS_SHADOW";

/// What is compared and copied at once, in bytes.
const BLOCK_BYTES: usize = 64 << 10;

/// What a disk writes at once, in bytes.
const PAGE_BYTES: usize = 4 << 10;

/// As in the C library, for files of the recorded folder without the disk.
// SAFETY: The signature is that of the C library, and no other symbol of this name is linked into this library. It keeps
// the promise of the original to every caller: what it says was synced is in the shadow folder, or on the disk.
#[unsafe(no_mangle)]
pub extern "C" fn fsync(file: c_int) -> c_int {
    sync(file, libc::SYS_fsync)
}

/// As in the C library, for files of the recorded folder without the disk.
// SAFETY: As for `fsync`.
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(file: c_int) -> c_int {
    sync(file, libc::SYS_fdatasync)
}

/// Does nothing: the original promises nothing about a power failure.
// SAFETY: The signature is that of the C library, and no other symbol of this name is linked into this library. Callers
// may not rely on any effect.
#[unsafe(no_mangle)]
pub extern "C" fn sync_file_range(_file: c_int, _offset: i64, _bytes: i64, _flags: c_uint) -> c_int {
    0
}

/// As in the C library, noting what was written.
///
/// # Safety
/// As in the C library: the buffer has to be readable for that many bytes.
// SAFETY: The signature is that of the C library, and no other symbol of this name is linked into this library. It keeps
// the promise of the original, which it calls.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(file: c_int, buffer: *const c_void, bytes: usize, offset: i64) -> isize {
    // SAFETY: The arguments are handed on as they came, and the caller vouches for the buffer.
    let wrote = unsafe { libc::syscall(libc::SYS_pwrite64, file, buffer, bytes, offset) };
    if let (Ok(wrote), Ok(offset)) = (u64::try_from(wrote), u64::try_from(offset)) {
        note(file, offset..offset + wrote);
    }
    isize::try_from(wrote).unwrap_or(-1)
}

fn sync(file: c_int, original: c_long) -> c_int {
    match record(file) {
        Ok(true) => 0,
        // SAFETY: Both calls take a file's number and nothing else, and any number is allowed.
        Ok(false) if unsafe { libc::syscall(original, file) } == 0 => 0,
        Ok(false) => -1,
        Err(error) => {
            // SAFETY: The pointer is to this thread's own error number, valid as long as the thread is.
            unsafe { *libc::__errno_location() = error.raw_os_error().unwrap_or(libc::EIO) };
            -1
        }
    }
}

struct Recording {
    root: PathBuf,
    shadow: PathBuf,
}

impl Recording {
    fn from_env() -> Option<Self> {
        Some(Self {
            root: std::env::var_os(ROOT)?.into(),
            shadow: std::env::var_os(SHADOW)?.into(),
        })
    }
}

/// What was written to each file since it was synced, by its key. Those that were never synced are not in it.
static WRITTEN: Mutex<BTreeMap<String, Vec<Range<u64>>>> = Mutex::new(BTreeMap::new());

/// A panic elsewhere leaves whole entries behind.
fn written() -> MutexGuard<'static, BTreeMap<String, Vec<Range<u64>>>> {
    WRITTEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file or a folder that is recorded.
struct Recorded {
    recording: &'static Recording,
    path: PathBuf,
    file: File,
    metadata: Metadata,
    key: String,
}

/// The file of this number, if it is one of those that are recorded.
fn recorded(number: c_int) -> Result<Option<Recorded>> {
    static RECORDING: OnceLock<Option<Recording>> = OnceLock::new();
    let Some(recording) = RECORDING.get_or_init(Recording::from_env) else {
        return Ok(None);
    };
    let handle = format!("/proc/self/fd/{number}");
    let path = fs::read_link(&handle)?;
    if !path.starts_with(&recording.root) {
        return Ok(None);
    }
    // Opened anew: the program's own handle may be for writing only, and its position is its own.
    let file = File::open(&handle)?;
    let metadata = file.metadata()?;
    let key = key(&metadata)?;
    Ok(Some(Recorded {
        recording,
        path,
        file,
        metadata,
        key,
    }))
}

/// Notes that a part of a file was written. What cannot be noted is lost when the power fails, and seen then.
fn note(number: c_int, part: Range<u64>) {
    if let Ok(Some(recorded)) = recorded(number)
        && let Some(parts) = written().get_mut(&recorded.key)
    {
        parts.push(part);
    }
}

/// Records a file or a folder as it is now. Whether it is one of those that are recorded.
fn record(number: c_int) -> Result<bool> {
    let Some(recorded) = recorded(number)? else {
        return Ok(false);
    };
    let shadow = &recorded.recording.shadow;
    if shadow.join("broken").exists() {
        return Err(Error::from_raw_os_error(libc::EIO));
    }
    // One at a time, over all threads and processes: a copy that is overtaken would put older bytes over newer ones.
    let turn = File::create(shadow.join("lock"))?;
    turn.lock()?;
    if recorded.metadata.is_dir() {
        replace(&shadow.join("folders").join(&recorded.key), &names(&recorded.path)?)?;
        if recorded.path == recorded.recording.root {
            replace(&shadow.join("root"), recorded.key.as_bytes())?;
        }
        return Ok(true);
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let copy = options.open(shadow.join("files").join(&recorded.key))?;
    // Before it is read: what is written meanwhile is for the next time.
    let parts = written().insert(recorded.key, Vec::new()).unwrap_or_default();
    if parts.is_empty() {
        update(&recorded.file, &copy, 0..u64::MAX)?;
    }
    for part in parts {
        update(&recorded.file, &copy, part)?;
    }
    copy.set_permissions(recorded.metadata.permissions())?;
    copy.set_len(recorded.file.metadata()?.len())?;
    Ok(true)
}

fn key(metadata: &Metadata) -> Result<String> {
    let made = metadata.created()?.duration_since(UNIX_EPOCH).map_err(Error::other)?;
    Ok(format!("{}-{}", metadata.ino(), made.as_nanos()))
}

fn names(folder: &Path) -> Result<Vec<u8>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // Removed since it was listed.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let kind = if metadata.is_dir() { "folder" } else { "file" };
        names.extend(format!("{kind} {} ", key(&metadata)?).into_bytes());
        names.extend(entry.file_name().as_bytes());
        names.push(b'\n');
    }
    Ok(names)
}

/// Writes a file as a whole, or leaves the old one.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, bytes)?;
    fs::rename(&unfinished, path)
}

/// Makes a part of a copy what the file is, writing only the pages that differ.
fn update(file: &File, copy: &File, part: Range<u64>) -> Result<()> {
    let (mut now, mut then) = (vec![0; BLOCK_BYTES], vec![0; BLOCK_BYTES]);
    // Whole pages, as the system writes them.
    let mut offset = part.start - part.start % PAGE_BYTES as u64;
    while offset < part.end {
        let read = read_block(file, &mut now, offset)?;
        let had = read_block(copy, &mut then, offset)?;
        for at in (0..read).step_by(PAGE_BYTES) {
            let page = at..(at + PAGE_BYTES).min(read);
            if page.end > had || now[page.clone()] != then[page.clone()] {
                copy.write_all_at(&now[page], offset + at as u64)?;
            }
        }
        if read < BLOCK_BYTES {
            break;
        }
        offset += read as u64;
    }
    Ok(())
}

/// Reads until the block is full or the file ends.
fn read_block(file: &File, block: &mut [u8], offset: u64) -> Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match file.read_at(&mut block[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
