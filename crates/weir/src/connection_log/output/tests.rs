//! What becomes of lines when their file is moved, full, or read by nobody?

use super::*;
use std::{fs, io::Read, os::unix::fs::symlink, path::PathBuf};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("weir-log-{:016x}", rand::random::<u64>()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn output(path: &Path) -> Output {
    Output::open(Destination::File(path.to_owned())).unwrap()
}

#[test]
fn lines_are_added_and_a_new_file_is_for_its_owner_and_group() {
    let folder = Folder::new();
    let path = folder.0.join("log");
    output(&path).write(b"one\n").unwrap();
    output(&path).write(b"two\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o007, 0);
}

#[test]
fn after_a_rotation_lines_go_to_the_new_file() {
    let folder = Folder::new();
    let (path, old) = (folder.0.join("log"), folder.0.join("log.1"));
    let mut output = output(&path);
    output.write(b"one\n").unwrap();
    output.close_if_moved();
    assert!(output.file.is_some());
    fs::rename(&path, &old).unwrap();
    output.write(b"two\n").unwrap();
    output.close_if_moved();
    output.write(b"three\n").unwrap();
    assert_eq!(fs::read_to_string(&old).unwrap(), "one\ntwo\n");
    fs::write(folder.0.join("next"), "").unwrap();
    fs::rename(folder.0.join("next"), &path).unwrap();
    output.close_if_moved();
    output.write(b"four\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
}

#[test]
fn a_full_disk_loses_lines_and_no_more() {
    let folder = Folder::new();
    let path = folder.0.join("log");
    symlink("/dev/full", &path).unwrap();
    let mut output = output(&path);
    for _ in 0..3 {
        assert_eq!(output.write(b"lost\n").unwrap_err().kind(), ErrorKind::StorageFull);
    }
    fs::remove_file(&path).unwrap();
    output.write(b"written\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "written\n");
}

#[test]
fn a_line_that_was_cut_does_not_join_the_next_one() {
    let folder = Folder::new();
    let path = folder.0.join("log");
    let mut output = output(&path);
    output.write(b"cut he").unwrap();
    output.is_cut = true;
    output.write(b"next\n").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "cut he\nnext\n");
}

#[test]
fn a_fifo_is_written_once_somebody_reads_and_again_after_the_reader_left() {
    let folder = Folder::new();
    let path = folder.0.join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let mut output = output(&path);
    assert!(has_no_reader(&output.write(b"lost\n").unwrap_err()));
    for text in ["one\n", "two\n"] {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let mut reader = options.open(&path).unwrap();
        output.write(text.as_bytes()).unwrap();
        let mut read = vec![0; text.len()];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(read, text.as_bytes());
        drop(reader);
        assert_eq!(output.write(b"lost\n").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_file_that_cannot_be_opened_says_what_to_do() {
    let folder = Folder::new();
    let cases =
        [(folder.0.join("missing/log"), "mkdir -p"), (folder.0.clone(), "name a file in that folder")];
    for (path, advice) in cases {
        let error = format!("{:#}", Output::open(Destination::File(path.clone())).unwrap_err());
        assert!(error.contains(advice) && error.contains(&path.display().to_string()), "{error}");
    }
}
