//! Who may call, and what with: credentials, scopes, other origins, trusted documents, and a configuration that changes.

mod changes;
mod credentials;
mod documents;
mod origins;

use crate::support::guarded::{self, ALL, Guarded, api_key};

const LIST: &str = "{ customers(sources: [\"gtateth\"], first: 1) { nodes { id email } } }";

/// HS256 tokens whose claim `tenant` names the tenant.
const JWT: &str = "\n[[auth.jwt]]\nissuer = \"https://id.example\"\naudience = \"crmql\"\nalgorithm = \"HS256\"\n\
    secret = { env = \"TEST_JWT_SECRET\" }\n";

/// Keys for every set of scopes.
async fn keyed() -> Guarded {
    guarded::start(|text| {
        text + &api_key("k-all", "", ALL)
            + &api_key("k-read", "", &["read:customers"])
            + &api_key("k-write", "", &["write:customers"])
            + &api_key("k-none", "", &[])
            + JWT
    })
    .await
}
