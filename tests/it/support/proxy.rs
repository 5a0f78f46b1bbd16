//! A proxy before a CRM that spoils what a test says, and counts what passes it.

use super::crm::{Seen, receive};
use crate::fuzz::chance::Chance;
use crmql::demo::Demo;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one exchange.
#[derive(Clone, Debug, PartialEq)]
pub enum Spoil {
    /// Nothing.
    Pass,
    /// It is carried out and answered so much later.
    Late(Duration),
    /// It is not carried out, and the connection is closed.
    Reset,
    /// It is taken and never answered.
    HalfOpen,
    /// It is carried out, and the connection is closed.
    ApplyThenDrop,
    /// It is carried out, and half of the answer comes back.
    Truncate,
    /// It is answered by this, and not carried out.
    Answer(u16, &'static str, &'static str),
    /// It is answered byte by byte, slowly, and not carried out.
    Drip,
    /// It is answered with so many bytes, and not carried out.
    Huge(usize),
    /// It is carried out, and its answer comes back with values or bytes changed as this number decides.
    Mangle(u64),
}

type Plan = dyn Fn(&Seen, usize) -> Spoil + Send + Sync;

/// A proxy on loopback.
pub struct Proxy {
    plan: Arc<Mutex<Arc<Plan>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Proxy {
    /// Puts itself before one of the emulated CRMs: whoever asks for its vars afterwards is led here.
    pub async fn before(demo: &mut Demo, key: &str) -> Self {
        let crm = demo.crms.iter_mut().find(|crm| crm.key == key).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = format!("http://{}", listener.local_addr().unwrap());
        for (_, value) in &mut crm.vars {
            *value = value.replace(&crm.url, &own);
        }
        let behind = crm.url.trim_start_matches("http://").to_owned();
        let pass: Arc<Plan> = Arc::new(|_, _| Spoil::Pass);
        let (plan, seen) = (Arc::new(Mutex::new(pass)), Arc::default());
        let (plans, notes) = (Arc::clone(&plan), Arc::clone(&seen));
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (plans, notes) = (Arc::clone(&plans), Arc::clone(&notes));
                tokio::spawn(one(stream, behind.clone(), plans, notes));
            }
        });
        Self { plan, seen, server }
    }

    /// Spoils from now on by a function of the request and of how many came since. Requests for tokens always pass.
    pub fn spoil(&self, plan: impl Fn(&Seen, usize) -> Spoil + Send + Sync + 'static) {
        self.seen.lock().unwrap().clear();
        *self.plan.lock().unwrap() = Arc::new(plan);
    }

    /// What came since, without requests for tokens.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn one(
    mut stream: TcpStream,
    behind: String,
    plans: Arc<Mutex<Arc<Plan>>>,
    notes: Arc<Mutex<Vec<Seen>>>,
) {
    let Some(seen) = receive(&mut stream).await else {
        return;
    };
    let spoil = if seen.target.contains("token") {
        Spoil::Pass
    } else {
        let mut notes = notes.lock().unwrap();
        let plan = Arc::clone(&plans.lock().unwrap());
        let spoil = plan(&seen, notes.len());
        notes.push(seen.clone());
        spoil
    };
    let answer = match spoil {
        Spoil::Reset => return,
        Spoil::HalfOpen => {
            tokio::time::sleep(Duration::from_secs(120)).await;
            return;
        }
        Spoil::Pass => carried_out(&behind, &seen).await,
        Spoil::Late(delay) => {
            let answer = carried_out(&behind, &seen).await;
            tokio::time::sleep(delay).await;
            answer
        }
        Spoil::ApplyThenDrop => {
            drop(carried_out(&behind, &seen).await);
            return;
        }
        Spoil::Mangle(seed) => {
            let answer = carried_out(&behind, &seen).await;
            mangled(&answer, seed)
        }
        Spoil::Truncate => {
            let mut answer = carried_out(&behind, &seen).await;
            answer.truncate(answer.len().saturating_sub(2));
            answer
        }
        Spoil::Answer(status, headers, body) => format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
        Spoil::Drip => {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
            drop(stream.write_all(head.as_bytes()).await);
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            return;
        }
        Spoil::Huge(bytes) => {
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            drop(stream.write_all(head.as_bytes()).await);
            let chunk = [b' '; 65_536];
            for _ in 0..bytes / chunk.len() {
                if stream.write_all(&chunk).await.is_err() {
                    return;
                }
            }
            return;
        }
    };
    drop(stream.write_all(&answer).await);
    drop(stream.shutdown().await);
}

/// The same answer with another body and its length.
fn mangled(answer: &[u8], seed: u64) -> Vec<u8> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return answer.to_vec();
    };
    let head = String::from_utf8_lossy(&answer[..end]);
    let kept = head.lines().filter(|line| {
        let line = line.to_lowercase();
        !line.starts_with("content-length") && !line.starts_with("connection")
    });
    let body = Chance::new(seed).mangled_json(&answer[end + 4..]);
    let mut whole: String = kept.map(|line| format!("{line}\r\n")).collect();
    whole += &format!(
        "connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [whole.as_bytes(), &body].concat()
}

/// The CRM's own answer, whole.
async fn carried_out(behind: &str, seen: &Seen) -> Vec<u8> {
    let mut crm = TcpStream::connect(behind).await.unwrap();
    let mut head = format!(
        "{} {} HTTP/1.1\r\nconnection: close\r\n",
        seen.method, seen.target
    );
    for (name, value) in &seen.headers {
        if name != "connection" {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    head.push_str("\r\n");
    head.push_str(&seen.body);
    let mut answer = Vec::new();
    if crm.write_all(head.as_bytes()).await.is_ok() {
        drop(crm.read_to_end(&mut answer).await);
    }
    answer
}
