//! A CRM behind TLS that speaks HTTP/2: many exchanges on one connection, requests that it lets fall without a look, answers
//! that come packed, certificates that nobody vouches for.

use crate::support;
use crate::support::gateway::id as customer_id;
use crate::support::process::{Process, ask, spawn};
use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::{Method, Request, Response};
use serde_json::{Value, json};
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

const FILE: &str = r#"
format = 1
id     = "acme"
name   = "Acme"
[vars]
base_url = {}
[http]
base = "{base_url}"
[[list]]
request = "GET /customers"
items   = ""
order   = "stable"
page    = { kind = "none" }
[get]
request = "GET /customers/{id}"
item    = ""
[create]
request = "POST /customers"
any_of  = ["firstName"]
returns = { item = "" }
[fields]
id        = "/id"
firstName = "/name"
"#;

/// A customer, who is a token too where one is asked for.
const ADA: &[u8] = br#"{"id":"7","name":"Ada","access_token":"t","expires_in":1}"#;

/// What is done with one request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    /// Ada, as she is.
    Plain,
    /// Ada, packed.
    Packed,
    /// The stream ends for this reason, without an answer.
    Reset(Reason),
    /// The connection takes no more: what comes from now on is let fall.
    Leave,
    /// A whole connection: it took no more already when its first request came.
    Miss,
}

/// A CRM of one customer, and what it saw.
struct Crm {
    /// What is done with the next requests; after them, all is answered plainly.
    acts: Mutex<Vec<Act>>,
    seen: Mutex<Vec<Method>>,
    connections: AtomicUsize,
    port: u16,
    certificate: String,
}

impl Crm {
    async fn start(acts: &[Act]) -> Arc<Self> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = ServerConfig::builder().with_no_client_auth();
        let chain = vec![made.cert.der().clone()];
        let mut config = config.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let crm = Arc::new(Self {
            acts: Mutex::new(acts.iter().rev().copied().collect()),
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            port: listener.local_addr().unwrap().port(),
            certificate: made.cert.pem(),
        });
        let (acceptor, serving) = (TlsAcceptor::from(Arc::new(config)), Arc::clone(&crm));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&serving).serve(acceptor.clone(), stream));
            }
        });
        crm
    }

    /// One connection, until it ends.
    async fn serve(self: Arc<Self>, acceptor: TlsAcceptor, stream: TcpStream) {
        let Ok(stream) = acceptor.accept(stream).await else {
            return;
        };
        self.connections.fetch_add(1, Ordering::SeqCst);
        let misses = self.acts.lock().unwrap().pop_if(|act| *act == Act::Miss);
        if misses.is_some() {
            return miss(stream).await;
        }
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((request, mut answer))) = connection.accept().await {
            match self.act(&request) {
                Act::Plain => give(&mut answer, None),
                Act::Packed => give(&mut answer, Some("gzip")),
                Act::Reset(reason) => answer.send_reset(reason),
                Act::Leave => {
                    give(&mut answer, None);
                    connection.graceful_shutdown();
                }
                Act::Miss => panic!("it is of a whole connection"),
            }
        }
    }

    fn act(&self, request: &Request<h2::RecvStream>) -> Act {
        self.seen.lock().unwrap().push(request.method().clone());
        self.acts.lock().unwrap().pop().unwrap_or(Act::Plain)
    }

    /// A folder to run in, and an environment in which nothing but this certificate is trusted.
    fn folder(&self, trusted: &str) -> (TempDir, [(String, String); 1]) {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nstate_dir = \"state\"\n[[source]]\nkey = \"acme\"\n\
             adapter = \"./acme.toml\"\nretries = 0\ncache = false\nvars = {{ base_url = \"https://localhost:{}\" }}\n",
            self.port
        );
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("crmql.toml"), config).unwrap();
        std::fs::write(path("acme.toml"), FILE).unwrap();
        std::fs::write(path("trusted.pem"), trusted).unwrap();
        let trusted = path("trusted.pem").display().to_string();
        (folder, [("SSL_CERT_FILE".to_owned(), trusted)])
    }

    fn seen(&self) -> Vec<Method> {
        self.seen.lock().unwrap().clone()
    }
}

/// Reads until a request has come, and says that none was looked at (RFC 9113, section 6.8). No server of a library does so
/// when one would have it.
async fn miss(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const HEADERS: u8 = 1;
    stream.read_exact(&mut [0; 24]).await.unwrap();
    stream.write_all(&SETTINGS).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == HEADERS {
            break;
        }
    }
    stream.write_all(&GOAWAY).await.unwrap();
    drop(stream.read_to_end(&mut Vec::new()).await);
}

fn give(answer: &mut SendResponse<Bytes>, encoding: Option<&str>) {
    let mut head = Response::builder().header("content-type", "application/json");
    let mut body = Bytes::from_static(ADA);
    if let Some(encoding) = encoding {
        head = head.header("content-encoding", encoding);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(ADA).unwrap();
        body = packed.finish().unwrap().into();
    }
    let mut stream = answer.send_response(head.body(()).unwrap(), false).unwrap();
    stream.send_data(body, true).unwrap();
}

/// A gateway before that CRM.
struct Gateway {
    _process: Process,
    address: String,
    _folder: TempDir,
}

impl Gateway {
    async fn before(crm: &Crm) -> Self {
        let (folder, environment) = crm.folder(&crm.certificate);
        Self::start(folder, &environment).await
    }

    async fn start(folder: TempDir, environment: &[(String, String)]) -> Self {
        let process = spawn(folder.path(), &["serve"], environment);
        let address = process.word_after("listening address=").await;
        Self {
            _process: process,
            address,
            _folder: folder,
        }
    }

    async fn ada(&self) -> Value {
        let id = customer_id("acme", "7");
        let query = "query($id: ID!) { customer(id: $id) { firstName } }";
        ask(&self.address, query, json!({ "id": id })).await
    }

    async fn create(&self) -> Value {
        let query = "mutation { createCustomer(input: { source: \"acme\", firstName: \"Ada\" }) \
            { outcome customer { firstName } userErrors { code } } }";
        ask(&self.address, query, json!({})).await
    }
}

fn found() -> Value {
    json!({ "data": { "customer": { "firstName": "Ada" } } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_exchanges_share_one_connection() {
    let crm = Crm::start(&[Act::Plain, Act::Packed]).await;
    let gateway = Gateway::before(&crm).await;
    for _ in 0..4 {
        assert_eq!(gateway.ada().await, found());
    }
    assert_eq!(crm.seen().len(), 4);
    assert_eq!(crm.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_crm_lets_fall_without_a_look_is_sent_again_be_it_a_write() {
    let refused = Act::Reset(Reason::REFUSED_STREAM);
    let crm = Crm::start(&[refused, refused, Act::Plain, refused]).await;
    let gateway = Gateway::before(&crm).await;
    assert_eq!(gateway.ada().await, found());
    let made = gateway.create().await;
    assert_eq!(
        made["data"]["createCustomer"]["outcome"], "APPLIED",
        "{made:#}"
    );
    let posted = crm
        .seen()
        .iter()
        .filter(|method| **method == Method::POST)
        .count();
    assert_eq!(posted, 2, "{:?}", crm.seen());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_may_have_been_looked_at_is_not_sent_again() {
    let crm = Crm::start(&[Act::Reset(Reason::INTERNAL_ERROR)]).await;
    let gateway = Gateway::before(&crm).await;
    let made = gateway.create().await;
    assert_eq!(
        made["data"]["createCustomer"]["outcome"], "UNKNOWN",
        "{made:#}"
    );
    assert_eq!(crm.seen(), [Method::POST]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_takes_no_more_is_left_without_an_error() {
    let crm = Crm::start(&[Act::Plain, Act::Leave]).await;
    let gateway = Gateway::before(&crm).await;
    for _ in 0..5 {
        assert_eq!(gateway.ada().await, found());
    }
    assert_eq!(crm.connections.load(Ordering::SeqCst), 2);
}

/// It was on its way when the CRM said so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_a_connection_took_no_more_is_sent_over_another() {
    let crm = Crm::start(&[Act::Miss]).await;
    let gateway = Gateway::before(&crm).await;
    let made = gateway.create().await;
    assert_eq!(
        made["data"]["createCustomer"]["outcome"], "APPLIED",
        "{made:#}"
    );
    assert_eq!(crm.seen(), [Method::POST]);
    assert_eq!(crm.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_nobody_vouches_for_is_not_believed_and_told() {
    let crm = Crm::start(&[]).await;
    let other = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
    let (folder, environment) = crm.folder(&other.cert.pem());
    let mut process = spawn(folder.path(), &["check", "--live"], &environment);
    assert_eq!(process.ended().await, Some(1), "{}", process.err());
    let why = ": its certificate is not trusted (SOURCE_UNAVAILABLE)";
    assert!(process.out().contains(why), "{}", process.out());
    assert_eq!(crm.seen(), [] as [Method; 0]);
}

/// How the CRM speaks says nothing of where its tokens come from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_endpoint_over_http2_may_let_fall_what_a_crm_over_http1_needs() {
    let refused = Act::Reset(Reason::REFUSED_STREAM);
    let tokens = Crm::start(&[Act::Plain, refused]).await;
    let crm = support::crm::Crm::json(json!({ "id": "7", "name": "Ada" })).await;
    let (folder, environment) = tokens.folder(&tokens.certificate);
    let config = folder.path().join("crmql.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let own = format!("https://localhost:{}", tokens.port);
    std::fs::write(&config, text.replace(&own, &crm.base)).unwrap();
    let auth = format!(
        "[http]\nauth = {{ kind = \"oauth2_client\", token_url = \"{own}/token\", client_id = \"me\", client_secret = \"x\" }}\n"
    );
    let adapter = folder.path().join("acme.toml");
    std::fs::write(adapter, FILE.replacen("[http]\n", &auth, 1)).unwrap();
    let gateway = Gateway::start(folder, &environment).await;
    assert_eq!(gateway.ada().await, found());
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(gateway.ada().await, found());
    assert_eq!(tokens.seen().len(), 3, "{:?}", tokens.seen());
}
