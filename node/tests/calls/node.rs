//! A node of one's own: the real binary, on its own ports and folder, ended by its process id.

use std::collections::HashMap;
use std::net::{TcpListener, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rookery_loadtest::{Api, Trust};
use rookery_schemas::rest::{CreateRoom, Join, Register, Room};
use rookery_schemas::signal::RoomKind;

const READY_WITHIN: Duration = Duration::from_secs(15);
pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) struct Node {
    child: Option<Child>,
    port: u16,
    admin: u16,
    settings: Vec<(String, String)>,
    data: tempfile::TempDir,
    log: tempfile::NamedTempFile,
}

impl Node {
    /// Starts one on loopback, with limits out of the tests' way.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        // an error says that another test of this process was first
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let (port, admin) = (free_tcp_port(), free_tcp_port());
        let mut all: Vec<(String, String)> = [
            ("http.bind", "127.0.0.1"),
            ("media.bind", "127.0.0.1"),
            ("media.workers", "1"),
            ("node.drain", "2s"),
            ("limits.registrations_per_hour", "100000"),
            ("limits.logins_per_minute", "100000"),
            ("limits.rooms_per_hour", "100000"),
            ("limits.joins_per_second", "100000"),
            ("limits.requests_per_minute", "1000000"),
            ("auth.argon2_memory_kib", "64"),
            ("auth.argon2_passes", "1"),
            ("admin.faults", "true"),
        ]
        .into_iter()
        .chain(settings.iter().copied())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        for (name, value) in [("http.port", port), ("admin.port", admin), ("media.port", free_udp_port())] {
            all.push((name.to_owned(), value.to_string()));
        }
        let mut node = Self {
            child: None,
            port,
            admin,
            settings: all,
            data: tempfile::tempdir().unwrap(),
            log: tempfile::NamedTempFile::new().unwrap(),
        };
        node.run().await;
        node
    }

    pub(crate) fn api(&self) -> Api {
        Api::new(&format!("http://127.0.0.1:{}", self.port), Trust::nothing().unwrap()).unwrap()
    }

    /// A new account, signed in.
    pub(crate) async fn user(&self, name: &str) -> Api {
        let api = self.api();
        let body = Register {
            email: format!("{name}@example.org"),
            username: name.to_owned(),
            password: PASSWORD.to_owned(),
            display_name: None,
        };
        api.register(&body).await.unwrap();
        api
    }

    /// All figures of `/metrics`, with their labels as they are written.
    pub(crate) async fn metrics(&self) -> HashMap<String, f64> {
        let text =
            reqwest::get(format!("http://127.0.0.1:{}/metrics", self.admin)).await.unwrap().text().await.unwrap();
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
            .collect()
    }

    /// What it has logged, if a test has named a filter.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// Makes an actor of a room panic.
    pub(crate) async fn inject(&self, room: &Room, target: &str) {
        let url = format!("http://127.0.0.1:{}/faults/{}/{target}", self.admin, room.id);
        let answer = reqwest::Client::new().post(url).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 202);
    }

    /// Stops its process for a while, as a machine does whose memory is being swapped or which is being moved.
    pub(crate) async fn stand_still(&self, time: Duration) {
        let signal = |name: &str| {
            let pid = self.child.as_ref().unwrap().id().to_string();
            assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
        };
        signal("-STOP");
        tokio::time::sleep(time).await;
        signal("-CONT");
    }

    /// `kill -9`, and the same node again.
    pub(crate) async fn kill_and_restart(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        self.run().await;
    }

    async fn run(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rookery"));
        for (name, value) in &self.settings {
            command.arg(format!("--{name}={value}"));
        }
        command.arg(format!("--node.data={}", self.data.path().display()));
        if self.settings.iter().any(|(name, _)| name == "log.filter") {
            command.stderr(self.log.reopen().unwrap());
        }
        self.child = Some(command.stdout(Stdio::null()).stdin(Stdio::null()).spawn().unwrap());
        let ready = async {
            let url = format!("http://127.0.0.1:{}/readyz", self.port);
            while !reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        };
        tokio::time::timeout(READY_WITHIN, ready).await.expect("the node is ready in time");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn meeting(name: &str) -> CreateRoom {
    CreateRoom {
        name: name.to_owned(),
        description: None,
        kind: RoomKind::Meeting,
        password: None,
        max_peers: None,
        expires_at: None,
        public: false,
        ad_hoc: false,
    }
}

pub(crate) fn guest(name: &str) -> Join {
    Join { display_name: Some(name.to_owned()), password: None }
}

fn free_tcp_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn free_udp_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
