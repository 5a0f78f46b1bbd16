//! A batch that is refused for the sake of one id is asked for again in halves, so that the others are read.

use super::Adapter;
use super::fetch::Fetched;
use super::list::NO_SUCH_LIST;
use super::manifest::Get;
use crate::model::LocalId;
use crate::source::{Call, SourceError, SourceErrorKind};
use futures_util::future::join_all;

/// How many bad ids of one batch are looked for. Where there are more, the route is rather wrong itself.
const GUILTY: u32 = 4;

/// How often a batch is halved although nothing of it was read yet.
const LEVELS: u32 = 2;

/// What an id's part of a batch came to.
enum Part {
    /// It was read.
    Read(Fetched),
    /// The route of one customer does not find it, and a batch with it was refused so.
    NotFound(SourceError),
    /// It was refused, together with others.
    Refused(SourceError),
    /// It was refused alone.
    RefusedAlone(SourceError),
}

impl Adapter {
    /// Asks for ids together, and again in halves where that is refused.
    pub(super) async fn fetch_in_halves(&self, call: &Call, ids: &[LocalId]) -> Vec<Fetched> {
        let mut parts: Vec<Option<Part>> = ids.iter().map(|_| None).collect();
        let mut calls = GUILTY * 2 * ids.len().checked_ilog2().unwrap_or_default();
        let mut open = vec![(0..ids.len(), None)];
        let (mut level, mut any) = (0, false);
        while !open.is_empty() {
            let asked = open.iter().map(|(range, refused)| {
                let ids = ids.get(range.clone()).unwrap_or_default();
                self.fetch_part(call, ids, refused.as_ref())
            });
            let answers = join_all(asked).await;
            any |= answers.iter().any(Result::is_ok);
            // Where no quarter is answered, it is no single id that is refused.
            let halves = any || level < LEVELS;
            level += 1;
            let mut next = Vec::new();
            for ((range, _), answer) in open.into_iter().zip(answers) {
                let alone = range.len() == 1;
                let places = parts.get_mut(range.clone()).unwrap_or_default();
                match answer {
                    Err(error) if !alone && halves && calls >= 2 && is_about_ids(&error) => {
                        calls -= 2;
                        let middle = range.start + range.len() / 2;
                        let halves = [range.start..middle, middle..range.end];
                        next.extend(halves.map(|half| (half, Some(error.clone()))));
                    }
                    Err(error) if alone => {
                        places.fill_with(|| Some(Part::RefusedAlone(error.clone())));
                    }
                    Err(error) => places.fill_with(|| Some(Part::Refused(error.clone()))),
                    Ok(read) => {
                        let mut read = read.into_iter();
                        places.fill_with(|| read.next());
                    }
                }
            }
            open = next;
        }
        told(parts)
    }
}

impl Adapter {
    /// Asks for ids together. What is left over alone is asked for as one customer is, where there is a route for that: the
    /// route of several may answer one in another form. `refused` is how a batch was that they stood in.
    async fn fetch_part(
        &self,
        call: &Call,
        ids: &[LocalId],
        refused: Option<&SourceError>,
    ) -> Result<Vec<Part>, SourceError> {
        match (ids, &self.manifest.get) {
            ([only], Some(Get::Route { .. })) => {
                let read = self.fetch_one(call, only).await?;
                // A refusal that is no 404 shows that the routes are there.
                let nowhere = refused.filter(|error| error.detail == NO_SUCH_LIST);
                Ok(vec![match (read, nowhere) {
                    (None, Some(error)) => Part::NotFound(error.clone()),
                    (read, _) => Part::Read(Ok(read)),
                }])
            }
            _ => {
                let read = self.fetch_together(call, ids).await?;
                Ok(read.into_iter().map(Part::Read).collect())
            }
        }
    }
}

/// Whether a refusal may be one of an id: the CRM said it of the request, or no request could be made.
fn is_about_ids(error: &SourceError) -> bool {
    let refused = matches!(
        error.kind,
        SourceErrorKind::Rejected | SourceErrorKind::InvalidId
    );
    refused || error.detail == NO_SUCH_LIST
}

/// Whether a route answered something of an id, which a server that has no such routes does not.
const fn is_read(part: &Part) -> bool {
    matches!(part, Part::Read(_))
}

/// An id that alone is not found is nobody's, where a batch was answered or somebody was found. Where neither was, the routes may
/// not be there, and that proves nobody absent.
fn told(parts: Vec<Option<Part>>) -> Vec<Fetched> {
    let answered = parts.iter().flatten().any(is_read);
    let one = |part| match part {
        Some(Part::Read(read)) => read,
        Some(Part::RefusedAlone(error)) if answered && error.detail == NO_SUCH_LIST => Ok(None),
        Some(Part::NotFound(_)) if answered => Ok(None),
        Some(Part::NotFound(error) | Part::RefusedAlone(error) | Part::Refused(error)) => {
            Err(error)
        }
        None => Err(SourceError::broken_off()),
    };
    parts.into_iter().map(one).collect()
}
