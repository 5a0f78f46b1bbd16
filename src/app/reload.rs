//! When to read the configuration again: on SIGHUP, and when a file it was read from has changed.

use super::serving::Serving;
use crate::config;
use crate::document::Problems;
use crate::graphql::Retired;
use crate::http::{Readiness, Swap};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Between two looks at the files. A change counts once it has stood still for one look, so that no half-written file is read.
const LOOK: Duration = Duration::from_secs(2);

/// Tells when to read again.
pub struct Changes {
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
    files: Vec<PathBuf>,
    seen: Vec<config::Stamp>,
    /// What was there at the last look.
    moving: Vec<config::Stamp>,
}

impl Changes {
    /// Begins to listen for SIGHUP, which no longer ends the process; watches no file yet.
    ///
    /// # Errors
    /// The system refuses the signal.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            hangup: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?,
            seen: Vec::new(),
            files: Vec::new(),
            moving: Vec::new(),
        })
    }

    /// Waits for the next reason to read again.
    pub async fn next(&mut self) -> &'static str {
        loop {
            tokio::select! {
                () = self.hung_up() => {
                    self.seen = config::stamps(&self.files);
                    self.moving.clone_from(&self.seen);
                    return "SIGHUP";
                }
                () = tokio::time::sleep(LOOK) => if self.have_changed() {
                    return "a file has changed";
                },
            }
        }
    }

    /// From now on watches these, which were read after `began`. One that was known is as it was seen before; a new one that was
    /// changed meanwhile may have been read as it was before, and so counts as never seen.
    pub fn watch(&mut self, files: &[PathBuf], began: SystemTime) {
        let known = |file: &PathBuf| self.files.iter().position(|known| known == file);
        let stamps = files.iter().zip(config::stamps(files));
        let seen = stamps.map(|(file, now)| match known(file) {
            Some(place) => self.seen.get(place).copied().flatten(),
            None => now.filter(|(changed, _)| *changed < began),
        });
        self.seen = seen.collect();
        self.files = files.to_vec();
        self.moving.clone_from(&self.seen);
    }

    /// Whether a file is another one than was seen, and has stood still. One that never does keeps no other from being noticed.
    fn have_changed(&mut self) -> bool {
        let now = config::stamps(&self.files);
        let mut noticed = false;
        for ((seen, moving), now) in self.seen.iter_mut().zip(&self.moving).zip(&now) {
            if seen != now && moving == now {
                *seen = *now;
                noticed = true;
            }
        }
        self.moving = now;
        noticed
    }

    #[cfg(unix)]
    async fn hung_up(&mut self) {
        if self.hangup.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    #[cfg(not(unix))]
    async fn hung_up(&mut self) {
        std::future::pending().await
    }
}

/// A configuration that serves and can be exchanged.
pub struct Live {
    serving: Serving,
    swap: Swap,
    /// Gateways that no longer get requests, and may still write for those that they have.
    retired: Vec<Retired>,
}

impl Live {
    /// Begins with this.
    pub fn new(serving: Serving) -> Self {
        Self {
            swap: Swap::new(serving.routes.clone()),
            serving,
            retired: Vec::new(),
        }
    }

    /// What is served, now and after every reload.
    pub fn routes(&self) -> Swap {
        self.swap.clone()
    }

    /// Reads the configuration again. One that is wrong changes nothing but which files are watched: what it misses may come.
    pub fn reload(&mut self, file: &Path, why: &str, readiness: &Readiness, changes: &mut Changes) {
        let (problems, began) = (Problems::new(), SystemTime::now());
        // A text that cannot be read names none; then those of the last reading are watched on.
        let mut files = changes.files.clone();
        let before = Some(&self.serving);
        let loaded = Serving::load(file, &problems, readiness, before, &mut files);
        changes.watch(&files, began);
        let serving = match loaded {
            Ok(Some(serving)) => serving,
            Ok(None) => {
                for problem in problems.sorted() {
                    tracing::error!(%problem, "the configuration is wrong");
                }
                tracing::error!(why, "the old configuration stays in use");
                return;
            }
            Err(error) => {
                tracing::error!(why, error = %format!("{error:#}"), "the old configuration stays in use");
                return;
            }
        };
        self.swap.put(serving.routes.clone());
        let old = std::mem::replace(&mut self.serving, serving);
        self.retired.retain(Retired::is_used);
        self.retired.push(old.gateway.retire());
        tracing::info!(
            why,
            sources = self.serving.config.sources.len(),
            "the configuration was read again"
        );
    }

    /// Waits until no mutation is running, also none that began before a reload.
    pub async fn written(&self) {
        for retired in &self.retired {
            retired.written().await;
        }
        self.serving.gateway.written().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use tempfile::NamedTempFile;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// Two looks: what has changed counts once it has stood still.
    fn is_noticed(changes: &mut Changes) -> bool {
        changes.have_changed() || changes.have_changed()
    }

    #[tokio::test]
    async fn a_change_between_reading_a_file_and_watching_it_is_noticed() {
        let (mut one, two) = (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
        let files = [&one, &two].map(|file| file.path().to_owned());
        let (old, new) = (SystemTime::now() + HOUR, SystemTime::now() - HOUR);
        let changes = |began| {
            let mut changes = Changes::new().unwrap();
            changes.watch(&files[..1], began);
            changes
        };
        assert!(!is_noticed(&mut changes(old)), "it is older than that");
        assert!(is_noticed(&mut changes(new)), "it is newer");

        let mut known = changes(old);
        one.write_all(b"changed").unwrap();
        known.watch(&files, old);
        assert!(
            is_noticed(&mut known),
            "what is known is not looked at anew"
        );
        assert!(!is_noticed(&mut known), "and noticed once");
    }

    #[tokio::test]
    async fn a_file_that_never_stands_still_hides_no_other() {
        let (mut restless, mut other) =
            (NamedTempFile::new().unwrap(), NamedTempFile::new().unwrap());
        let files = [&restless, &other].map(|file| file.path().to_owned());
        let mut changes = Changes::new().unwrap();
        changes.watch(&files, SystemTime::now() + HOUR);
        other.write_all(b"changed").unwrap();
        let mut noticed = 0;
        for _ in 0..4 {
            restless.write_all(b"again").unwrap();
            noticed += u32::from(changes.have_changed());
        }
        assert_eq!(noticed, 1);
        assert!(changes.have_changed(), "it stands still at last");
    }
}
