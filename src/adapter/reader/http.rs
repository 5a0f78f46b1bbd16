//! The `[http]` part of an adapter file.

use super::Reading;
use super::text::{any_name, header_name, parsed, required, statuses, templates};
use crate::adapter::manifest::{AuthRule, Http, OAuthRule, RateLimits, ReuseRules, Wait, WaitUnit};
use crate::adapter::place::{Pointer, Template};
use crate::document::{Table, Value as Item};
use http::header::AUTHORIZATION;

/// Units with their words.
const UNITS: &[(&str, WaitUnit)] = &[
    ("s", WaitUnit::Seconds),
    ("ms", WaitUnit::Milliseconds),
    ("epoch_s", WaitUnit::EpochSeconds),
    ("epoch_ms", WaitUnit::EpochMilliseconds),
    ("http_date", WaitUnit::HttpDate),
];

/// What may name a version, by its word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Validator {
    Tag,
    Date,
}

const VALIDATORS: &[(&str, Validator)] =
    &[("etag", Validator::Tag), ("last_modified", Validator::Date)];

/// Ways to sign in, by their words.
#[derive(Clone, Copy)]
enum AuthWord {
    None,
    Bearer,
    Header,
    Query,
    Basic,
    OAuthClient,
    OAuthRefresh,
}

const AUTH: &[(&str, AuthWord)] = &[
    ("none", AuthWord::None),
    ("bearer", AuthWord::Bearer),
    ("header", AuthWord::Header),
    ("query", AuthWord::Query),
    ("basic", AuthWord::Basic),
    ("oauth2_client", AuthWord::OAuthClient),
    ("oauth2_refresh", AuthWord::OAuthRefresh),
];

impl Reading {
    pub(super) fn http(&self, mut table: Table<'_>) -> Option<Http> {
        self.assumed(&mut table);
        let base = required(&mut table, "base", Template::parse);
        let http = Http {
            base: base.unwrap_or_default(),
            auth: self.auth(&mut table),
            headers: templates(&mut table, "headers", header_name),
            headers_if: templates(&mut table, "headers_if", header_name),
            query: templates(&mut table, "query", any_name),
            ok: self.success(&mut table).unwrap_or_default(),
            reuse: table
                .table("reuse")
                .map(|inner| self.reuse(inner))
                .unwrap_or_default(),
            warnings: parsed(&mut table, "warnings", Pointer::parse),
            reserved_ids: table
                .strings("reserved_ids")
                .into_iter()
                .map(|text| text.value)
                .collect(),
            plain_ids: table.bool("plain_ids").unwrap_or_default(),
            limits: table
                .table("limits")
                .map(|inner| self.limits(inner))
                .unwrap_or_default(),
        };
        table.finish();
        Some(http)
    }

    fn reuse(&self, mut table: Table<'_>) -> ReuseRules {
        self.assumed(&mut table);
        let named = table.words("validators", VALIDATORS);
        let names = |wanted| named.iter().any(|(word, _)| *word == wanted);
        let rules = ReuseRules {
            etag: names(Validator::Tag),
            last_modified: names(Validator::Date),
            cache_control: table.bool("cache_control").unwrap_or(false),
        };
        table.finish();
        rules
    }

    fn auth(&self, table: &mut Table<'_>) -> Vec<AuthRule> {
        match table.value("auth") {
            None => Vec::new(),
            Some(Item::Table(inner)) => self.auth_rule(inner).into_iter().collect(),
            Some(Item::List(items, _)) => {
                let mut rules = Vec::new();
                for item in items {
                    match item {
                        Item::Table(inner) => rules.extend(self.auth_rule(inner)),
                        other => table.problem(
                            other.at(),
                            format!("expected a table, found {}", other.kind()),
                        ),
                    }
                }
                rules
            }
            Some(other) => {
                table.problem(
                    other.at(),
                    format!(
                        "expected a table or a list of tables, found {}",
                        other.kind()
                    ),
                );
                Vec::new()
            }
        }
    }

    fn auth_rule(&self, mut table: Table<'_>) -> Option<AuthRule> {
        self.assumed(&mut table);
        table.require("kind");
        let rule = match table.word("kind", AUTH)? {
            AuthWord::None => Some(AuthRule::None),
            AuthWord::Bearer => bearer(&mut table),
            AuthWord::Header => {
                let name = required(&mut table, "name", header_name);
                let value = required(&mut table, "value", Template::parse);
                name.zip(value)
                    .map(|(name, value)| AuthRule::Header { name, value })
            }
            AuthWord::Query => {
                let name = table.required_string("name");
                let value = required(&mut table, "value", Template::parse);
                name.zip(value).map(|(name, value)| AuthRule::Query {
                    name: name.value,
                    value,
                })
            }
            AuthWord::Basic => {
                let user = required(&mut table, "user", Template::parse);
                let pass = parsed(&mut table, "pass", Template::parse)
                    .or_else(|| Template::parse("").ok());
                user.zip(pass)
                    .map(|(user, pass)| AuthRule::Basic { user, pass })
            }
            AuthWord::OAuthClient => oauth(&mut table, false),
            AuthWord::OAuthRefresh => oauth(&mut table, true),
        };
        table.finish();
        rule
    }

    fn limits(&self, mut table: Table<'_>) -> RateLimits {
        self.assumed(&mut table);
        let limits = RateLimits {
            remaining: parsed(&mut table, "remaining", Pointer::parse),
            limit: parsed(&mut table, "limit", Pointer::parse),
            reset: table.table("reset").and_then(|inner| self.wait(inner)),
            retry_after: table
                .tables("retry_after")
                .into_iter()
                .filter_map(|inner| self.wait(inner))
                .collect(),
            max_parallel: table.integer("max_parallel", 1..=10_000_u32),
            max_rps: table.integer("max_rps", 1..=100_000_u32),
            statuses: statuses(&mut table, "statuses"),
        };
        table.finish();
        limits
    }

    fn wait(&self, mut table: Table<'_>) -> Option<Wait> {
        self.assumed(&mut table);
        let at = required(&mut table, "at", Pointer::parse);
        table.require("unit");
        let unit = table.word("unit", UNITS);
        table.finish();
        Some(Wait {
            at: at?,
            unit: unit?,
        })
    }
}

fn bearer(table: &mut Table<'_>) -> Option<AuthRule> {
    table.require("token");
    let token = table.string("token")?;
    match Template::parse(&format!("Bearer {}", token.value)) {
        Ok(value) => Some(AuthRule::Header {
            name: AUTHORIZATION,
            value,
        }),
        Err(message) => {
            table.problem(&token.at, message);
            None
        }
    }
}

fn oauth(table: &mut Table<'_>, refresh: bool) -> Option<AuthRule> {
    let token_url = required(table, "token_url", Template::parse);
    let client_id = required(table, "client_id", Template::parse);
    let client_secret = required(table, "client_secret", Template::parse);
    let refresh_token = if refresh {
        Some(required(table, "refresh_token", Template::parse))
    } else {
        None
    };
    let scope = parsed(table, "scope", Template::parse);
    let basic = table
        .word("send", &[("form", false), ("basic", true)])
        .unwrap_or(false);
    let prefix = table
        .string("prefix")
        .map_or_else(|| "Bearer ".to_owned(), |text| text.value);
    Some(AuthRule::OAuth(OAuthRule {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        refresh_token: match refresh_token {
            Some(template) => Some(template?),
            None => None,
        },
        scope,
        basic,
        prefix,
    }))
}
