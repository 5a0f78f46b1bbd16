//! The ledger over a crash, its clock and its bound.

use super::entry::{Begun, Ended, LIFE};
use super::ledger::{Keep, Ledger};
use super::{Asked, not_applied, unknown};
use crate::config::make_whole as make;
use crate::model::{Change, FieldValue, WriteField, WriteOutcome};
use crate::source::memory::{MemorySource, Shape};
use crate::source::{SourceEntry, SourceError, SourceErrorKind, Written};
use redb::StorageBackend;
use redb::backends::FileBackend;
use serde_json::json;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

fn entry(key: &str) -> Arc<SourceEntry> {
    Arc::new(SourceEntry {
        key: key.into(),
        name: "".into(),
        adapter: "".into(),
        rank: 0,
        source: Arc::new(MemorySource::new(
            Shape::new(crate::source::Paging::None),
            Vec::new(),
        )),
    })
}

fn change(name: &str) -> Change {
    Change::Create {
        fields: vec![(WriteField::Name, FieldValue::Text(name.to_owned()))],
        native: serde_json::Map::new(),
    }
}

async fn begin(
    ledger: &Ledger,
    tenant: &str,
    source: &str,
    key: &str,
    name: &str,
) -> (Begun, [u8; 32]) {
    let (entry, change) = (entry(source), change(name));
    let asked = Asked {
        entry: &entry,
        change: &change,
        tenant,
        key: Some(key),
    };
    ledger.begin(&asked, key).await.ok().unwrap()
}

/// How a key is refused.
async fn refused(ledger: &Ledger, key: &str) -> WriteOutcome {
    let (entry, change) = (entry("a"), change("n"));
    let asked = Asked {
        entry: &entry,
        change: &change,
        tenant: "",
        key: Some(key),
    };
    let refused = ledger.begin(&asked, key).await.err().unwrap();
    assert_eq!(refused.error.kind, SourceErrorKind::Saturated);
    refused.outcome
}

fn applied() -> Written {
    Written {
        outcome: WriteOutcome::Applied,
        problems: Vec::new(),
        id: Some(crate::model::LocalId::new("7").unwrap()),
        ..unknown(SourceError::new(SourceErrorKind::Timeout, ""))
    }
}

#[tokio::test]
async fn what_was_begun_and_never_ended_is_in_doubt_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep::File(folder.path().join("writes"), make);
    let ledger = Ledger::new(keep.clone(), 10, [1; 32]);
    assert!(matches!(
        begin(&ledger, "", "a", "k", "n").await.0,
        Begun::Fresh
    ));
    let (begun, done) = begin(&ledger, "", "a", "k2", "n").await;
    assert!(matches!(begun, Begun::Fresh));
    ledger.end(done, Ended::of(&applied()), None).await;
    drop(ledger);
    let ledger = Ledger::new(keep, 10, [2; 32]);
    assert!(matches!(
        begin(&ledger, "", "a", "k", "n").await.0,
        Begun::Doubt { ended: None, .. }
    ));
    assert!(matches!(
        begin(&ledger, "", "a", "k", "other").await.0,
        Begun::Other
    ));
    match begin(&ledger, "", "a", "k2", "n").await.0 {
        Begun::Ended(ended) => {
            let written = ended.written();
            assert_eq!(written.outcome, WriteOutcome::Applied);
            assert_eq!(written.id.unwrap().as_str(), "7");
        }
        _ => panic!("it ended"),
    }
}

#[tokio::test]
async fn a_key_is_of_one_tenant_and_one_source() {
    let ledger = Ledger::new(Keep::Memory, 10, [1; 32]);
    for (tenant, source) in [("", "a"), ("", "b"), ("t", "a"), ("a", ""), ("ta", "")] {
        let begun = begin(&ledger, tenant, source, "k", "n").await.0;
        assert!(matches!(begun, Begun::Fresh), "{tenant} {source}");
    }
}

/// A file on a disk that may be full.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    full: Arc<AtomicBool>,
}

impl Disk {
    #[expect(clippy::disallowed_methods, reason = "it stands for the disk")]
    fn of(path: &Path) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path);
        Self {
            file: FileBackend::new(file.unwrap()).unwrap(),
            full: Arc::default(),
        }
    }

    fn room(&self) -> io::Result<()> {
        match self.full.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.room().and_then(|()| self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.room().and_then(|()| self.file.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.room().and_then(|()| self.file.write(offset, data))
    }
}

#[tokio::test]
async fn a_disk_that_was_full_for_a_moment_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("writes");
    let keep = Keep::File(path.clone(), make);
    let ledger = Ledger::new(keep.clone(), 10, [1; 32]);
    begin(&ledger, "", "a", "old", "n").await;
    drop(ledger);
    let disk = Disk::of(&path);
    let full = Arc::clone(&disk.full);
    let ledger = Ledger::new(keep, 10, [2; 32]).over(disk);
    full.store(true, Ordering::SeqCst);
    let old = begin(&ledger, "", "a", "old", "n").await.0;
    assert!(matches!(old, Begun::Doubt { .. }), "reading needs no room");
    // The key was read to be new.
    assert_eq!(refused(&ledger, "new").await, WriteOutcome::NotApplied);
    full.store(false, Ordering::SeqCst);
    let new = begin(&ledger, "", "a", "newer", "n").await.0;
    assert!(matches!(new, Begun::Fresh));
    let old = begin(&ledger, "", "a", "old", "n").await.0;
    assert!(matches!(old, Begun::Doubt { .. }));
}

#[tokio::test]
async fn a_key_that_cannot_be_looked_up_may_have_been_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("writes");
    let ledger = Ledger::new(Keep::File(path.clone(), make), 10, [1; 32]);
    begin(&ledger, "", "a", "k", "n").await;
    let second = Ledger::new(Keep::Known(path.clone()), 10, [2; 32]);
    let refusal = refused(&second, "k").await;
    assert_eq!(refusal, WriteOutcome::Unknown, "another process has it");
    drop(ledger);
    let found = begin(&second, "", "a", "k", "n").await.0;
    assert!(
        matches!(found, Begun::Doubt { .. }),
        "it is free, and was read"
    );
}

#[tokio::test]
async fn a_ledger_that_was_there_and_is_empty_has_lost_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("writes");
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = empty.path().to_owned();
    for keep in [
        Keep::Known(empty.clone()),
        Keep::File(empty, make),
        Keep::Known(missing.clone()),
    ] {
        let ledger = Ledger::new(keep.clone(), 10, [1; 32]);
        let outcome = refused(&ledger, "k").await;
        assert_eq!(outcome, WriteOutcome::Unknown, "{keep:?}");
    }
    assert!(!missing.exists(), "what is gone is not made anew");
    let keep = Keep::File(missing.clone(), make);
    Ledger::new(keep, 10, [1; 32]).open().await;
    let ledger = Ledger::new(Keep::Known(missing), 10, [2; 32]);
    let found = begin(&ledger, "", "a", "k", "n").await.0;
    assert!(matches!(found, Begun::Fresh), "it was made whole");
}

static NOW: AtomicI64 = AtomicI64::new(1_000_000);

#[tokio::test]
async fn a_key_lasts_a_day_and_only_then_makes_room() {
    let ledger = Ledger::new(Keep::Memory, 2, [1; 32]).with_clock(|| NOW.load(Ordering::SeqCst));
    for key in ["k1", "k2"] {
        let (_, name) = begin(&ledger, "", "a", key, "n").await;
        ledger.end(name, Ended::of(&applied()), None).await;
    }
    NOW.fetch_add(LIFE - 1, Ordering::SeqCst);
    assert!(matches!(
        begin(&ledger, "", "a", "k1", "n").await.0,
        Begun::Ended(_)
    ));
    assert_eq!(refused(&ledger, "k3").await, WriteOutcome::NotApplied);
    NOW.fetch_add(1, Ordering::SeqCst);
    assert!(matches!(
        begin(&ledger, "", "a", "k1", "other").await.0,
        Begun::Fresh
    ));
    assert!(matches!(
        begin(&ledger, "", "a", "k3", "n").await.0,
        Begun::Fresh
    ));
}

static LATER: AtomicI64 = AtomicI64::new(1_000_000);

/// An entry of another version, or a damaged one, stands for a write that may have been done.
#[tokio::test]
async fn a_key_whose_entry_cannot_be_read_is_no_new_key() {
    let (entry, change) = (entry("a"), change("n"));
    let asked = Asked {
        entry: &entry,
        change: &change,
        tenant: "",
        key: None,
    };
    for (spoilt, ends) in [("\"content\":", true), ("\"at\":", false)] {
        let ledger =
            Ledger::new(Keep::Memory, 2, [1; 32]).with_clock(|| LATER.load(Ordering::SeqCst));
        let begins = async |key| ledger.begin(&asked, key).await.is_ok();
        let (_, name) = begin(&ledger, "", "a", "k", "n").await;
        ledger.end(name, Ended::of(&applied()), None).await;
        ledger.spoil(spoilt).await;
        assert!(!begins("k").await, "{spoilt}");
        assert!(begins("k2").await, "{spoilt}: another one");
        assert!(!begins("k3").await, "{spoilt}: it is not forgotten");
        LATER.fetch_add(LIFE, Ordering::SeqCst);
        assert_eq!(begins("k").await, ends, "{spoilt}: after a day");
    }
}

#[test]
fn only_the_crms_own_word_is_kept_of_what_was_not_done() {
    for (kind, status, kept) in [
        (SourceErrorKind::Conflict, Some(409), true),
        (SourceErrorKind::Rejected, Some(422), true),
        (SourceErrorKind::Rejected, None, false),
        (SourceErrorKind::Throttled, Some(429), false),
        (SourceErrorKind::Credentials, Some(401), false),
        (SourceErrorKind::Unavailable, None, false),
    ] {
        let mut error = SourceError::new(kind, "text");
        error.upstream_status = status;
        let ended = Ended::of(&not_applied(error.clone()));
        assert_eq!(ended.is_some(), kept, "{kind:?}");
        if let Some(ended) = ended {
            assert_eq!(ended.written().problems[0].error, error);
        }
    }
}

#[test]
fn the_order_of_members_does_not_matter_and_everything_else_does() {
    let print = |native: serde_json::Value, name: &str| {
        let change = Change::Create {
            fields: vec![(WriteField::Name, FieldValue::Text(name.to_owned()))],
            native: native.as_object().unwrap().clone(),
        };
        super::print::content(&[0; 32], &change)
    };
    let one = print(json!({ "a": 1, "b": { "c": [1, 2], "d": null } }), "n");
    assert_eq!(
        one,
        print(json!({ "b": { "d": null, "c": [1, 2] }, "a": 1 }), "n")
    );
    for (native, name) in [
        (json!({ "a": 1, "b": { "c": [2, 1], "d": null } }), "n"),
        (json!({ "a": "1", "b": { "c": [1, 2], "d": null } }), "n"),
        (json!({ "a": 1, "b": { "c": [1, 2] } }), "n"),
        (json!({ "a": 1, "b": { "c": [1, 2], "d": null } }), "m"),
    ] {
        assert_ne!(one, print(native, name));
    }
}

#[tokio::test]
async fn who_made_a_customer_is_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let keep = Keep::File(folder.path().join("writes"), make);
    let ledger = Ledger::new(keep.clone(), 2, [1; 32]);
    let id = |number: usize| crate::model::LocalId::new(number.to_string()).unwrap();
    let (_, name) = begin(&ledger, "", "a", "k", "n").await;
    let made = id(7);
    let ended = Ended::of(&applied());
    ledger.end(name, ended, Some(("a", &made))).await;
    drop(ledger);
    let ledger = Ledger::new(keep, 2, [2; 32]);
    for (source, number, asks, others) in [
        ("a", 7, [9; 32], true),
        ("a", 7, name, false),
        ("a", 8, [9; 32], false),
        ("b", 7, [9; 32], false),
    ] {
        let found = ledger.is_anothers(source, &id(number), &asks).await;
        assert_eq!(found, others, "{source} {number}");
    }
    for number in 10..15 {
        ledger.end([9; 32], None, Some(("a", &id(number)))).await;
    }
    let stays = ledger.is_anothers("a", &made, &[8; 32]).await;
    assert!(stays, "its key is still held");
    let gone = ledger.is_anothers("a", &id(10), &[8; 32]).await;
    assert!(!gone, "there is room for two, and its key is not held");
}
