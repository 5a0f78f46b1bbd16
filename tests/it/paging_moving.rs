//! Walks through the gateway while another client makes and deletes customers at the emulated CRMs themselves: whoever was
//! there all along is shown once.

use super::support::gateway::{Running, SOURCES, id, ids, start};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};

/// A client of one emulated CRM that knows no gateway: it says what a gateway said once, with other names.
struct Other {
    client: reqwest::Client,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    made: usize,
}

/// Headers that a CRM wants of everybody.
const NEEDED: [&str; 5] = [
    "authorization",
    "api-key",
    "organization-id",
    "x-tenant",
    "content-type",
];

/// Stands in the first body where each further one has a number of its own.
const MARK: &str = "7000001";

impl Other {
    /// Makes one customer through the gateway, to learn how the CRM is spoken to.
    async fn new(gateway: &Running, key: &str) -> Self {
        let mail = format!("m{MARK}@moving.example");
        let name = format!("Moving {MARK}");
        let input = match key {
            "gtateth" => json!({ "source": key, "firstName": name, "email": mail }),
            "gormic" => {
                let phone = json!({ "number": format!("3{MARK}"), "callingCode": "45" });
                json!({ "source": key, "firstName": name, "phone": phone })
            }
            "flextell" => json!({ "source": key, "firstName": name, "email": mail }),
            _ => {
                json!({ "source": key, "name": name, "country": "DK", "type": "PRIVATE", "email": mail,
                "parentId": id("spirii", "1001") })
            }
        };
        let made = gateway.write("createCustomer", input).await;
        assert_eq!(made["outcome"], "APPLIED", "{made:#}");
        let mut log = gateway.seen(key).into_iter();
        let seen = log.find(|seen| seen.method == "POST").unwrap();
        assert!(seen.body.contains(MARK), "{}", seen.body);
        let crm = gateway.crm(key);
        Self {
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: format!("{}{}", crm.url, seen.path_and_query),
            headers: seen
                .headers
                .into_iter()
                .filter(|(name, _)| NEEDED.contains(&name.as_str()))
                .collect(),
            body: seen.body,
            made: 0,
        }
    }

    async fn send(&self, method: &str, url: &str, body: String) -> bool {
        let method = method.parse().unwrap();
        let mut request = self.client.request(method, url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request = request.body(body);
        }
        request.send().await.unwrap().status().is_success()
    }

    async fn insert(&mut self) -> bool {
        self.made += 1;
        let number = (7_000_001 + self.made).to_string();
        self.send("POST", &self.url, self.body.replace(MARK, &number))
            .await
    }

    async fn delete(&self, local: &str) -> bool {
        let url = format!("{}/{local}", self.url);
        self.send("DELETE", &url, String::new()).await
    }
}

/// How a walk goes.
struct Walk {
    sources: &'static [&'static str],
    order: &'static str,
    forward: bool,
}

const fn forward(sources: &'static [&'static str], order: &'static str) -> Walk {
    Walk {
        sources,
        order,
        forward: true,
    }
}

const fn backward(sources: &'static [&'static str], order: &'static str) -> Walk {
    Walk {
        sources,
        order,
        forward: false,
    }
}

const ID_DOWN: &str = ", orderBy: { field: ID, direction: DESC }";
const NEWEST: &str = ", orderBy: { field: CREATED_AT, direction: DESC }";
const OLDEST: &str = ", orderBy: { field: CREATED_AT }";
const NAMED: &str = ", orderBy: { field: NAME }";
const FIRST_NAMED: &str = ", orderBy: { field: FIRST_NAME }";

/// Customers in each CRM.
const COUNT: usize = 60;

/// The customers there were: global id, and source and local id.
async fn everybody(gateway: &Running, sources: &[&str]) -> HashMap<String, (String, String)> {
    let arguments = format!("sources: {sources:?}");
    let rows = gateway
        .walk(&arguments, "sourceId source { key }", &[100])
        .await;
    let one = |edge: &Value| {
        let node = &edge["node"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (
            text(&node["id"]),
            (text(&node["source"]["key"]), text(&node["sourceId"])),
        )
    };
    rows.iter().map(one).collect()
}

/// Customers come and go at one CRM: some made, one deleted that was shown and one that was not yet, if it lets itself be.
async fn stir(
    others: &mut HashMap<&str, Other>,
    there: &HashMap<String, (String, String)>,
    seen: &[String],
    gone: &mut HashSet<String>,
    round: usize,
) {
    let keys: Vec<&str> = others.keys().copied().collect();
    for key in keys {
        let other = others.get_mut(key).unwrap();
        assert!(other.insert().await && other.insert().await, "{key}");
        let of_it = |global: &&String| there.get(*global).is_some_and(|(source, _)| source == key);
        let shown = seen
            .iter()
            .filter(of_it)
            .find(|global| !gone.contains(*global));
        let unseen: Vec<&String> = there
            .keys()
            .filter(of_it)
            .filter(|global| !seen.contains(global) && !gone.contains(*global))
            .collect();
        let ahead = unseen.get(round % unseen.len().max(1)).copied();
        // Not the first page's only rows: the anchors of a cursor are three.
        let doomed: Vec<String> = shown
            .filter(|_| round.is_multiple_of(2))
            .into_iter()
            .chain(ahead)
            .cloned()
            .collect();
        for global in doomed {
            let (_, local) = &there[&global];
            if other.delete(local).await {
                gone.insert(global);
            }
        }
    }
}

async fn walk_while_others_write(walk: &Walk) {
    let gateway = start(COUNT).await;
    let mut others = HashMap::new();
    for key in walk.sources {
        others.insert(*key, Other::new(&gateway, key).await);
    }
    let there = everybody(&gateway, walk.sources).await;
    let (size, cursor) = if walk.forward {
        ("first", "after")
    } else {
        ("last", "before")
    };
    let query = format!(
        "query($c: String) {{ customers({size}: 9, {cursor}: $c, sources: {:?}{}) {{ edges {{ node {{ id }} }} \
         pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} sources {{ outcome }} }} }}",
        walk.sources, walk.order
    );
    let what = format!("{:?}{} {size}", walk.sources, walk.order);
    let (mut seen, mut gone, mut at) = (Vec::new(), HashSet::new(), Value::Null);
    for round in 0.. {
        assert!(round < 100, "{what} goes on for ever");
        let answer = gateway.ask_with(&query, json!({ "c": at })).await;
        assert_eq!(answer["extensions"], Value::Null, "{what}: {answer:#}");
        assert_eq!(answer.get("errors"), None, "{what}: {answer:#}");
        let page = &answer["data"]["customers"];
        for report in page["sources"].as_array().unwrap() {
            assert_eq!(report["outcome"], "COMPLETE", "{what}");
        }
        let mut rows = ids(page["edges"].as_array().unwrap());
        if !walk.forward {
            rows.reverse();
        }
        seen.extend(rows);
        let info = &page["pageInfo"];
        let (more, cursor) = if walk.forward {
            (&info["hasNextPage"], &info["endCursor"])
        } else {
            (&info["hasPreviousPage"], &info["startCursor"])
        };
        if more == &json!(false) {
            break;
        }
        at = cursor.clone();
        // Where new rows come in ahead a walk would never end: they come for a while.
        if round < 12 {
            stir(&mut others, &there, &seen, &mut gone, round).await;
        }
    }
    let distinct: HashSet<&String> = seen.iter().collect();
    assert_eq!(
        distinct.len(),
        seen.len(),
        "{what}: somebody was shown twice"
    );
    let lost: Vec<&String> = there
        .keys()
        .filter(|global| !gone.contains(*global) && !distinct.contains(global))
        .collect();
    assert!(lost.is_empty(), "{what}: {} were lost", lost.len());
    let deletes = walk.sources.iter().any(|key| *key != "flextell");
    assert!(!gone.is_empty() || !deletes, "{what}: nobody went");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_crm_at_a_time_forward() {
    for walk in [
        forward(&["gtateth"], ""),
        forward(&["gormic"], ""),
        forward(&["flextell"], ""),
        forward(&["flextell"], NEWEST),
        forward(&["spirii"], ""),
        forward(&["spirii"], ID_DOWN),
        forward(&["spirii"], NEWEST),
        forward(&["spirii"], NAMED),
        forward(&["gtateth"], FIRST_NAMED),
    ] {
        walk_while_others_write(&walk).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_crm_at_a_time_backward() {
    for walk in [
        backward(&["gtateth"], ""),
        backward(&["gormic"], ""),
        backward(&["flextell"], ""),
        backward(&["spirii"], ID_DOWN),
        backward(&["spirii"], OLDEST),
    ] {
        walk_while_others_write(&walk).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_crms_together_grouped_and_merged() {
    for walk in [
        forward(&SOURCES, ""),
        backward(&SOURCES, ""),
        forward(&SOURCES, NEWEST),
        forward(&SOURCES, OLDEST),
        backward(&SOURCES, OLDEST),
        forward(&["gtateth", "gormic", "flextell"], FIRST_NAMED),
    ] {
        walk_while_others_write(&walk).await;
    }
}
