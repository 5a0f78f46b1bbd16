//! The trusted documents against the schema: one that can never run is a mistake of the configuration, which its clients would
//! find out one by one.
//!
//! What they cost with the variables of a request is decided when one comes.

use crate::config::Config;
use crate::connection::Connector;
use crate::document::Problems;
use crate::graphql::{self, ContractError, Gateway};
use crate::limits::Limits;
use crate::source::Sources;
use crate::writes::{Keep, Ledger, Writes};
use std::sync::Arc;

/// Notes every trusted document that cannot run.
///
/// # Errors
/// The schema is broken.
pub fn examine(config: &Config, problems: &Problems) -> Result<(), ContractError> {
    let documents = &config.documents;
    let Some((file, at)) = &documents.file else {
        return Ok(());
    };
    let gateway = nobodys(&config.limits)?;
    for (id, text) in &documents.trusted {
        for error in gateway.examine(text).err().unwrap_or_default() {
            let place = error.locations.first();
            let place =
                place.map(|(line, column)| format!(" (line {line}, column {column} of it)"));
            let message = format!(
                "`documents.trusted`: the document `{id}` in `{}`: {}{}",
                file.display(),
                error.message,
                place.unwrap_or_default()
            );
            problems.note(at, message);
        }
    }
    Ok(())
}

/// A gateway without sources: the schema does not depend on them.
fn nobodys(limits: &Limits) -> Result<Gateway, ContractError> {
    let connector = Arc::new(Connector::new(limits.clone(), &[]));
    let ledger = Ledger::new(Keep::Nowhere, 0, [0; 32]);
    let writes = Arc::new(Writes::new(ledger, [0; 32]));
    graphql::gateway(Sources::default(), connector, writes, limits)
}
