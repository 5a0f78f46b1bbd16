//! CRMs that mean harm: links that lead elsewhere in disguise, answers that unpack without end, records that are made to
//! break who reads them.

use super::{first, id, listing, page_of};
use crate::support::crm::{Crm, Play, call, file, source_with};
use crmql::adapter::TokenStore;
use crmql::source::{CustomerSource, Position, SourceErrorKind};
use crmql::upstream::Settings;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write as _;
use std::time::{Duration, Instant};

const LINK: &str = "kind = \"link\", next = \"/next\"";
const PLAIN: &str = "kind = \"none\"";

/// Whatever a link looks like, only the CRM itself is asked.
#[tokio::test]
async fn links_in_disguise_lead_nowhere_else() {
    let other = Crm::json(json!({ "data": [{ "id": 9 }] })).await;
    let evil = other.base.trim_start_matches("http://").to_owned();
    let port = evil.split(':').next_back().unwrap();
    for form in [
        "//{evil}/c",
        "http://{own}@{evil}/c",
        "http://{own}//{evil}/c",
        "http://user:pass@{own}/c",
        "http://{evil}#@{own}/c",
        "http://{evil}?@{own}/c",
        "http://{evil}\\@{own}/c",
        "\\\\{evil}/c",
        "/\\{evil}/c",
        "/\t/{evil}/c",
        "http:\\\\{evil}/c",
        "HTTP://{evil}/c",
        "http:{evil}/c",
        " http://{evil}/c",
        "h\nttp://{evil}/c",
        "http://localhost:{port}/c",
        "http://127.1:{port}/c",
        "http://0x7f000001:{port}/c",
        "http://2130706433:{port}/c",
        "http://127.0.0.1.:{port}/c",
        "http://[::ffff:127.0.0.1]:{port}/c",
        "https://{own}/c",
        "ftp://{own}/c",
        "file:///etc/passwd",
        "data:application/json,{}",
        "javascript:1",
        "http://",
        "http://{own}:99999/c",
    ] {
        let link = form.to_owned();
        let (evil, port) = (evil.clone(), port.to_owned());
        let crm = Crm::answering(move |seen, _| {
            let own = seen.header("host").unwrap();
            let next = link
                .replace("{evil}", &evil)
                .replace("{port}", &port)
                .replace("{own}", own);
            Play::Json(200, json!({ "data": [{ "id": 1 }], "next": next }))
        })
        .await;
        let file = listing(LINK);
        if let Ok(page) = first(&crm, &file).await
            && let Some(next) = page.next
        {
            let source = crate::support::crm::source(&crm, &file);
            drop(page_of(&source, next, 2).await);
        }
        assert_eq!(other.seen().len(), 0, "{form}");
        let strange = crm
            .seen()
            .into_iter()
            .find(|seen| !seen.target.starts_with('/'));
        assert!(strange.is_none(), "{form}: {strange:?}");
    }
}

#[tokio::test]
async fn an_answer_that_unpacks_without_end_is_cut_off() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(b"{\"data\": [\"").unwrap();
    for _ in 0..64 {
        packed.write_all(&[b'x'; 1_048_576]).unwrap();
    }
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 100_000);
    let headers = vec![("content-encoding", "gzip".to_owned())];
    let crm = Crm::always(Play::Raw(200, headers, packed)).await;
    let settings = Settings {
        answer_bytes: 100_000,
        retries: 0,
        ..Settings::default()
    };
    let source = source_with(&crm.base, &listing(PLAIN), TokenStore::default(), settings);
    let began = Instant::now();
    let error = page_of(&source, Position::Start, 2).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Malformed);
    assert!(error.detail.contains("larger"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Names of codings have no case, and `x-gzip` is another word for gzip.
#[tokio::test]
async fn packed_answers_are_read_whatever_their_coding_is_called() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(b"{\"data\": [{\"id\": 1}]}").unwrap();
    let packed = packed.finish().unwrap();
    for coding in ["gzip", "GZIP", "x-gzip"] {
        let headers = vec![("content-encoding", coding.to_owned())];
        let crm = Crm::always(Play::Raw(200, headers, packed.clone())).await;
        let page = first(&crm, &listing(PLAIN)).await;
        assert_eq!(page.map(|page| page.rows.len()).ok(), Some(1), "{coding}");
    }
}

/// However short its records are: each costs more than its bytes.
#[tokio::test]
async fn an_answer_with_endless_records_is_refused() {
    for (rows, good) in [(100, true), (101, false)] {
        let rows: Vec<_> = (0..rows).map(|id| json!({ "id": id })).collect();
        let crm = Crm::json(json!({ "data": rows })).await;
        let settings = Settings {
            answer_rows: 100,
            retries: 0,
            ..Settings::default()
        };
        let source = source_with(&crm.base, &listing(PLAIN), TokenStore::default(), settings);
        match page_of(&source, Position::Start, 2).await {
            Ok(page) => assert!(good && page.rows.len() == 100),
            Err(error) => {
                assert_eq!(error.kind, SourceErrorKind::Malformed);
                assert!(!good && error.detail.contains("more records"), "{error}");
            }
        }
    }
}

/// The same where customers are asked for by their ids.
#[tokio::test]
async fn a_batch_with_endless_records_is_refused() {
    let many = "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = { kind = \"none\" }\n[get_many]\nrequest = \"GET /many\"\n\
        ids = { send = \"query:ids\", list = \"csv\" }\nitems = \"/data\"\nmax = 5\n[fields]\nid = \"/id\"\n";
    for (rows, good) in [(100, true), (101, false)] {
        let rows: Vec<_> = (0..rows).map(|id| json!({ "id": id })).collect();
        let crm = Crm::json(json!({ "data": rows })).await;
        let settings = Settings {
            answer_rows: 100,
            retries: 0,
            ..Settings::default()
        };
        let source = source_with(&crm.base, &file("", many), TokenStore::default(), settings);
        let found = source.fetch(&call(), &[id("0"), id("1")]).await;
        assert!(found.iter().all(|one| one.is_ok() == good), "{found:?}");
    }
}

/// Records that are no record, beside one that is: the page is read or refused, and nothing breaks.
#[tokio::test]
async fn records_made_to_break_their_reader_do_not() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let wide = format!("[{}1]", "1,".repeat(100_000));
    let long = format!("\"{}\"", "9".repeat(100_000));
    for odd in [
        deep.as_str(),
        wide.as_str(),
        long.as_str(),
        "{\"a\":1e999}",
        "{\"id\": \"\\ud800\"}",
        "{\"id\": \"\\u0000\", \"id\": \"b\"}",
        "{\"id\": \"a\\r\\nb: c\"}",
        "{\"id\": \"..\", \"name\": {\"__proto__\": null}}",
        "{\"id\": 1.5, \"name\": -0}",
        "{\"id\": 123456789012345678901234567890}",
        "{\"\": {\"\": []}}",
    ] {
        let body = format!("{{\"data\": [{{\"id\": \"good\", \"name\": \"A\"}}, {odd}]}}");
        let crm = Crm::always(Play::Raw(200, Vec::new(), body.into_bytes())).await;
        let shown: String = odd.chars().take(40).collect();
        match first(&crm, &listing(PLAIN)).await {
            Ok(page) => assert_eq!(page.rows.len(), 2, "{shown}"),
            Err(error) => assert_eq!(error.kind, SourceErrorKind::Malformed, "{shown}"),
        }
    }
}
