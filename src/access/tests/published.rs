//! Keys that an issuer publishes: fetched, kept, changed, and never waited for in vain.

use super::*;

/// An issuer's key set that a test changes, and how often it was asked for.
#[derive(Clone, Default)]
struct Site(Arc<(Mutex<Option<Value>>, AtomicUsize, AtomicBool)>);

impl Site {
    fn publish(&self, keys: Option<Value>) {
        *self.0.0.lock().unwrap() = keys.map(|keys| json!({ "keys": keys }));
    }

    fn hang(&self) {
        self.0.2.store(true, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    fn access(&self) -> Access {
        access(vec![issuer(Algorithm::Rs256, self.verifier())])
    }

    fn verifier(&self) -> Verifier {
        let site = self.clone();
        let fetch: Fetch = Box::new(move || {
            let site = site.clone();
            async move {
                site.0.1.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                while site.0.2.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                let keys = site.0.0.lock().unwrap().clone();
                keys.map(|keys| Bytes::from(keys.to_string()))
            }
            .boxed()
        });
        Verifier::published(Published::new(Algorithm::Rs256, fetch))
    }
}

fn jwk(kid: &str, but: &Value) -> Value {
    let key = jsonwebtoken::jwk::Jwk::from_encoding_key(
        &signing(Algorithm::Rs256),
        jsonwebtoken::Algorithm::RS256,
    );
    let mut jwk = serde_json::to_value(key.unwrap()).unwrap();
    jwk["kid"] = kid.into();
    for (name, value) in but.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

async fn signed_by(access: &Access, kid: Option<&str>) -> Result<Arc<Caller>, Denied> {
    bearer(access, &token(Algorithm::Rs256, kid, &claims(&json!({})))).await
}

#[tokio::test(start_paused = true)]
async fn published_keys_are_fetched_kept_and_changed() {
    let site = Site::default();
    site.publish(Some(json!([jwk("one", &json!({}))])));
    let access = site.access();
    assert_eq!(site.asked(), 0);
    for _ in 0..3 {
        assert!(signed_by(&access, Some("one")).await.is_ok());
    }
    assert!(signed_by(&access, None).await.is_ok(), "there is only one");
    assert_eq!(site.asked(), 1);
    tokio::time::advance(Duration::from_secs(11)).await;
    site.publish(Some(json!([
        jwk("two", &json!({})),
        jwk("three", &json!({}))
    ])));
    assert!(
        signed_by(&access, Some("two")).await.is_ok(),
        "an unknown key is looked for"
    );
    assert_eq!(site.asked(), 2);
    let gone = signed_by(&access, Some("one")).await;
    assert_eq!(gone, Err(Denied::Invalid(Flaw::UnknownKey)));
    assert_eq!(
        signed_by(&access, None).await,
        Err(Denied::Invalid(Flaw::UnknownKey))
    );
}

#[tokio::test(start_paused = true)]
async fn invented_key_ids_do_not_reach_the_issuer() {
    let site = Site::default();
    site.publish(Some(json!([jwk("one", &json!({}))])));
    let access = Arc::new(site.access());
    let asking = (0..200).map(|n| {
        let access = Arc::clone(&access);
        tokio::spawn(async move { signed_by(&access, Some(&format!("k{n}"))).await })
    });
    for asked in futures_util::future::join_all(asking).await {
        assert_eq!(asked.unwrap(), Err(Denied::Invalid(Flaw::UnknownKey)));
    }
    assert_eq!(site.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_away_is_waited_for_with_the_old_keys() {
    let site = Site::default();
    let access = site.access();
    assert_eq!(
        signed_by(&access, Some("one")).await,
        Err(Denied::Unavailable)
    );
    site.publish(Some(json!([jwk("one", &json!({}))])));
    tokio::time::advance(Duration::from_secs(11)).await;
    assert!(signed_by(&access, Some("one")).await.is_ok());
    site.publish(None);
    tokio::time::advance(Duration::from_secs(11)).await;
    for _ in 0..2 {
        let rotated = signed_by(&access, Some("two")).await;
        assert_eq!(
            rotated,
            Err(Denied::Unavailable),
            "it may be published by now"
        );
    }
    assert!(signed_by(&access, Some("one")).await.is_ok());
    assert_eq!(site.asked(), 3);
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert!(
        signed_by(&access, Some("one")).await.is_ok(),
        "an hour later"
    );
    assert_eq!(site.asked(), 4);
    tokio::time::advance(Duration::from_secs(86_400)).await;
    assert_eq!(
        signed_by(&access, Some("one")).await,
        Err(Denied::Unavailable)
    );
    site.publish(Some(json!([])));
    tokio::time::advance(Duration::from_secs(11)).await;
    let revoked = signed_by(&access, Some("one")).await;
    assert_eq!(revoked, Err(Denied::Invalid(Flaw::UnknownKey)));
}

/// Once the keys are ten minutes old they are asked for again, and whoever has a good one does not wait long for that.
#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_is_not_waited_for_by_all() {
    let site = Site::default();
    site.publish(Some(json!([jwk("one", &json!({}))])));
    let access = site.access();
    assert!(signed_by(&access, Some("one")).await.is_ok());
    site.hang();
    tokio::time::advance(Duration::from_secs(601)).await;
    let began = tokio::time::Instant::now();
    for _ in 0..20 {
        assert!(signed_by(&access, Some("one")).await.is_ok());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(site.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_published_key_of_another_kind_or_use_verifies_nothing() {
    use base64::Engine;
    let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(SECRET);
    for other in [
        jwk("one", &json!({ "use": "enc" })),
        jwk("one", &json!({ "alg": "RS512" })),
        json!({ "kty": "oct", "kid": "one", "k": secret }),
        json!({ "kty": "EC", "crv": "P-256", "kid": "one", "x": "AA", "y": "AA" }),
        json!({ "kty": "new", "kid": "one" }),
        json!(7),
    ] {
        let site = Site::default();
        site.publish(Some(json!([other, jwk("good", &json!({}))])));
        let access = site.access();
        let denied = signed_by(&access, Some("one")).await;
        assert_eq!(denied, Err(Denied::Invalid(Flaw::UnknownKey)), "{other}");
        assert!(signed_by(&access, Some("good")).await.is_ok(), "{other}");
    }
}

/// Whoever holds a token of one issuer has nothing to do with the troubles of another.
#[tokio::test(start_paused = true)]
async fn the_issuers_of_other_tokens_are_not_asked() {
    let (own, other) = (Site::default(), Site::default());
    own.publish(Some(json!([jwk("one", &json!({}))])));
    other.hang();
    let elsewhere = Issuer::new(
        "https://other.example",
        "crmql",
        Algorithm::Rs256,
        other.verifier(),
        Duration::ZERO,
    );
    let own = issuer(Algorithm::Rs256, own.verifier());
    let access = access(vec![elsewhere, own]);
    let began = tokio::time::Instant::now();
    for iss in [json!("https://id.example"), json!(["https://id.example"])] {
        let claims = claims(&json!({ "iss": iss }));
        let token = token(Algorithm::Rs256, Some("one"), &claims);
        let asking = bearer(&access, &token);
        let outcome = tokio::time::timeout(Duration::from_secs(60), asking).await;
        assert!(matches!(outcome, Ok(Ok(_))), "{iss}: {outcome:?}");
    }
    let stranger = claims(&json!({ "iss": "https://evil.example" }));
    let stranger = token(Algorithm::Rs256, Some("one"), &stranger);
    let denied = bearer(&access, &stranger).await;
    assert_eq!(denied, Err(Denied::Invalid(Flaw::Issuer)));
    assert_eq!((other.asked(), began.elapsed()), (0, Duration::ZERO));
}

/// Two entries for one issuer, of which one can tell that the token has expired.
#[tokio::test(start_paused = true)]
async fn an_expired_token_is_told_so_whatever_another_entry_says() {
    let (own, empty, away) = (Site::default(), Site::default(), Site::default());
    own.publish(Some(json!([jwk("one", &json!({}))])));
    empty.publish(Some(json!([])));
    let expired = claims(&json!({ "exp": now() - 60 }));
    let expired = token(Algorithm::Rs256, Some("one"), &expired);
    for order in [[&own, &empty], [&empty, &own], [&own, &away], [&away, &own]] {
        let issuers = order.map(|site| issuer(Algorithm::Rs256, site.verifier()));
        let denied = bearer(&access(issuers.into()), &expired).await;
        assert_eq!(denied, Err(Denied::Invalid(Flaw::Expired)));
    }
}

/// Somebody made the issuer be asked a moment before it published a key.
#[tokio::test(start_paused = true)]
async fn of_a_key_that_may_have_been_published_since_nobody_says_that_it_is_unknown() {
    let site = Site::default();
    site.publish(Some(json!([jwk("one", &json!({}))])));
    let access = site.access();
    let invented = signed_by(&access, Some("invented")).await;
    assert_eq!(invented, Err(Denied::Invalid(Flaw::UnknownKey)));
    tokio::time::advance(Duration::from_secs(1)).await;
    site.publish(Some(json!([
        jwk("one", &json!({})),
        jwk("two", &json!({}))
    ])));
    for _ in 0..8 {
        let early = signed_by(&access, Some("two")).await;
        assert_eq!(early, Err(Denied::Unavailable));
        assert!(signed_by(&access, Some("one")).await.is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(signed_by(&access, Some("two")).await.is_ok());
    assert_eq!(site.asked(), 2);
}
