//! Every adapter that comes with the crate loads without a problem and does what its fixtures say, over real HTTP.

use crmql::adapter::{built_in, built_in_file, built_in_names, fixtures};
use crmql::document::Problems;
use std::sync::Arc;

#[tokio::test]
async fn built_in_adapters_do_what_their_fixtures_say() {
    let names = built_in_names();
    assert!(names.len() >= 5, "{names:?}");
    let mut mismatches = Vec::new();
    for name in names {
        let problems = Problems::new();
        let manifest = built_in(name, &problems);
        assert!(problems.is_empty(), "{problems}");
        let manifest = Arc::new(manifest.expect("a file without problems is an adapter"));
        assert_eq!(manifest.id, name, "the file is called after its id");
        let file = built_in_file(&format!("{name}.fixtures.json")).expect("fixtures beside it");
        let said = fixtures::play(&manifest, file).await;
        mismatches.extend(said.iter().map(|said| format!("{name}: {said}")));
    }
    assert!(mismatches.is_empty(), "{}", mismatches.join("\n"));
}
