//! Every ceiling that can be set, in one place: its name in `[limits]`, what it bounds, its default, its range, and who enforces it.

/// Declares a ceiling: field, default, range, unit and the doc comment that becomes its documentation.
macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $kind:ty = $default:literal, $min:literal ..= $max:literal;)+) => {
        /// The public ceilings. Every field is a key of `[limits]` in the configuration.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits { $($(#[$doc])* pub $name: $kind,)+ }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Limits {
            /// Every ceiling: name, default, least and greatest value.
            pub const ALL: &'static [(&'static str, u64, u64, u64)] =
                &[$((stringify!($name), $default, $min, $max),)+];

            /// Sets a ceiling by name; `false` where there is none of that name. The caller checks the range.
            pub fn set(&mut self, name: &str, value: u64) -> bool {
                match name {
                    $(stringify!($name) => match <$kind>::try_from(value) {
                        Ok(value) => { self.$name = value; true }
                        Err(_) => false,
                    },)+
                    _ => false,
                }
            }
        }
    };
}

limits! {
    /// The largest request body, in bytes. Enforced by `http`.
    body_bytes: usize = 262_144, 1_024 ..= 16_777_216;
    /// Milliseconds a request may take in all; the deadline reaches the upstream calls. Enforced by `http`.
    request_ms: u64 = 30_000, 100 ..= 600_000;
    /// Milliseconds a client may take to send its request head or body, or to take some more of its answer. Enforced by
    /// `http`.
    receive_ms: u64 = 10_000, 100 ..= 600_000;
    /// Milliseconds an HTTP/2 connection may stay open while no request is in work; one of HTTP/1 has `receive_ms`. Enforced
    /// by `http`.
    idle_ms: u64 = 60_000, 100 ..= 3_600_000;
    /// Milliseconds after SIGTERM in which requests are still taken while `/readyz` says 503, so that what stands in front
    /// learns of it before connections are refused. Enforced by `http`.
    notice_ms: u64 = 0, 0 ..= 600_000;
    /// Milliseconds that running requests get to finish after SIGTERM and `notice_ms`. Enforced by `http`.
    drain_ms: u64 = 20_000, 0 ..= 600_000;
    /// Milliseconds past `request_ms` in which an operation may still answer what it has, before it is given up. Enforced by
    /// `graphql`.
    grace_ms: u64 = 500, 0 ..= 60_000;
    /// The largest request head (request line and headers), in bytes. Enforced by `http`.
    head_bytes: usize = 32_768, 8_192 ..= 1_048_576;
    /// Connections open at the same time; more are closed at once. Enforced by `http`.
    connections: usize = 10_000, 1 ..= 1_000_000;
    /// Bytes of request bodies that are on their way in at the same time, over all connections, the first 16 KiB of each left
    /// out; what would be more is refused with 503. At least `body_bytes`, whatever stands here. Enforced by `http`.
    receiving_bytes: usize = 67_108_864, 1_024 ..= 1_099_511_627_776;
    /// Requests in work at the same time; more are refused with 503. Enforced by `http`.
    requests: usize = 1_024, 1 ..= 100_000;
    /// Requests in work at the same time for one tenant, where there are several; more are refused with 503. Enforced by `http`.
    requests_per_tenant: usize = 512, 1 ..= 100_000;
    /// Credentials from one address that may be refused within a minute; after them whoever comes from there is refused with 429,
    /// before a credential is looked at; 0 for no bound. Enforced by `http`.
    failed_tries: u32 = 30, 0 ..= 1_000_000;
    /// Addresses whose refused credentials are counted. Enforced by `http`.
    failing_addresses: usize = 10_000, 2 ..= 1_000_000;
    /// Tokens of a document. Enforced by `graphql`.
    document_tokens: usize = 15_000, 100 ..= 1_000_000;
    /// How deep selections, lists, objects and types may nest in a document. Enforced by `graphql`.
    document_depth: usize = 32, 4 ..= 64;
    /// Field selections of an operation with every fragment spread out; sixteen times as many in all operations of a document
    /// together. Enforced by `graphql`.
    selections: usize = 2_000, 50 ..= 100_000;
    /// Root fields of an operation; each may cost upstream calls. Enforced by `graphql`.
    root_fields: usize = 20, 1 ..= 1_000;
    /// Aliases in a document. Enforced by `graphql`.
    aliases: usize = 500, 1 ..= 100_000;
    /// Directives in a document. Enforced by `graphql`.
    directives: usize = 200, 1 ..= 100_000;
    /// Fragments in a document. Enforced by `graphql`.
    fragments: usize = 200, 1 ..= 10_000;
    /// Variables of an operation. Enforced by `graphql`.
    variables: usize = 200, 1 ..= 10_000;
    /// Fields an answer may have at its largest: each counts as often as the lists around it may have rows. Enforced by
    /// `graphql`.
    cost: u64 = 50_000, 100 ..= 10_000_000;
    /// What the literals of an operation's arguments take with every fragment spread out, and what its variables take wherever
    /// they stand, each in bytes: each value counts its text and 64 more. Enforced by `graphql`.
    argument_bytes: usize = 8_388_608, 65_536 ..= 1_073_741_824;
    /// What the values in an answer may take, in bytes; fields beyond it are errors, and an answer that is twice as large with the
    /// names in it has no data. Enforced by `graphql`.
    reply_bytes: usize = 33_554_432, 65_536 ..= 1_073_741_824;
    /// Errors in one answer; the rest are left out and counted. Enforced by `graphql`.
    errors: usize = 100, 1 ..= 10_000;
    /// The longest message of an error, in bytes; longer ones are cut. Enforced by `graphql`.
    error_bytes: usize = 300, 80 ..= 4_096;
    /// Checked documents that are kept for the next request with the same text. Enforced by `graphql`.
    prepared_documents: usize = 500, 0 ..= 100_000;
    /// What the kept documents take once they are checked, with every fragment spread out, in bytes. Enforced by `graphql`.
    prepared_bytes: usize = 33_554_432, 0 ..= 1_073_741_824;
    /// Documents that are kept for clients which send their hash next time. Enforced by `http`.
    kept_documents: usize = 1_000, 1 ..= 100_000;
    /// Text of these documents, in bytes. Enforced by `http`.
    kept_bytes: usize = 4_194_304, 1_024 ..= 268_435_456;
    /// Ids in one `nodes` field or one `ids` filter. Enforced by `graphql`.
    ids: usize = 100, 1 ..= 1_000;
    /// Rows of one connection window, `first` or `last`. The schema documents 100. Enforced by `connection`.
    window: u32 = 100, 1 ..= 1_000;
    /// Upstream pages that one window of a filtered list may read before it answers TRUNCATED. Enforced by `connection`.
    scan_pages: u32 = 10, 1 ..= 1_000;
    /// Empty pages in a row that a chain of pages may answer before it counts as broken. Enforced by `connection`.
    empty_pages: u32 = 5, 1 ..= 1_000;
    /// Upstream pages that may be read again from the start to walk a chain backwards. Enforced by `connection`.
    rescan_pages: u32 = 20, 0 ..= 1_000;
    /// Upstream pages that may be read to find the place of a cursor again by what the list is ordered by, after many rows
    /// came or went. Enforced by `connection`.
    seek_pages: u32 = 16, 0 ..= 100;
    /// Rows of a source that is read whole to be sorted by the gateway. Enforced by `connection`.
    whole_rows: u32 = 1_000, 0 ..= 100_000;
    /// Remembered positions of chains, for walking back, for each tenant; a long one counts once for every kilobyte. Enforced by
    /// `connection`.
    remembered_positions: u64 = 10_000, 0 ..= 10_000_000;
    /// The longest token, link or key that a CRM may lead on with, in bytes. Every cursor carries one, or this process does for it.
    /// Enforced by `connection`.
    position_bytes: usize = 16_384, 256 ..= 65_534;
    /// The longest cursor accepted, in bytes of its text. Enforced by `connection`.
    cursor_bytes: usize = 8_192, 256 ..= 65_536;
    /// What all sources said and is kept for the next request, in bytes. Enforced by `load`.
    cache_bytes: u64 = 67_108_864, 0 ..= 1_099_511_627_776;
    /// Whole answers that are kept for the next request with the same text, in bytes. Enforced by `load`.
    kept_answers_bytes: u64 = 33_554_432, 0 ..= 1_099_511_627_776;
    /// Reads of one source under way that others can join, pages and customers each; beyond them every operation reads for
    /// itself. Enforced by `load`.
    flights: usize = 10_000, 0 ..= 1_000_000;
    /// Reads of one source in the background, which renew what callers keep asking for before it grows stale. Enforced by `load`.
    background_reads: usize = 8, 0 ..= 10_000;
    /// Upstream calls that one operation may start, over all sources, repeats included. Enforced by `source`.
    upstream_calls: u32 = 500, 1 ..= 1_000_000;
    /// Credentials brought by callers for one source that are kept ready with what belongs to each; the one that was not used
    /// for longest goes first. Enforced by `load`.
    credentials: usize = 500, 1 ..= 100_000;
    /// The longest credential that a caller may bring for a CRM, in bytes. Enforced by `http`.
    credential_bytes: usize = 4_096, 64 ..= 65_536;
    /// Calls to one source that may wait for a place; more are refused at once. Enforced by `upstream`.
    queued_calls: usize = 2_000, 1 ..= 1_000_000;
    /// Idempotency keys that are kept; while there are so many, writes with a new one are refused. Enforced by `writes`.
    idempotency_keys: usize = 100_000, 1 ..= 100_000_000;
    /// Spans that may wait for the collector; more are left out and counted. Enforced by `trace`.
    waiting_spans: usize = 4_096, 1 ..= 1_000_000;
    /// The largest answer of a CRM, in bytes. Enforced by `upstream`.
    answer_bytes: usize = 8_388_608, 65_536 ..= 268_435_456;
    /// Records in one answer of a CRM; an answer with more is refused, whatever its size. Enforced by `adapter`.
    answer_rows: usize = 20_000, 1_000 ..= 10_000_000;
}

/// How deep the JSON of a request may nest, `variables` within it included: as deep as `serde_json` reads. Enforced by `http`.
pub const JSON_DEPTH: usize = 127;

/// How deep the JSON of a field may nest that is written to a CRM: clearly less than what can be read, for the CRM shows it again with
/// more around it. Enforced by `adapter`.
pub const WRITTEN_DEPTH: usize = 64;

/// The longest name of a version (`ETag`, `Last-Modified`) that is kept with an answer, in bytes; a longer one is left alone.
/// Enforced by `adapter`.
pub const VALIDATOR_BYTES: usize = 256;
