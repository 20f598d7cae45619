//! The node that is measured: the real binary with its own ports and folder, ended by its process id.
//!
//! **Invariant:** it listens on loopback only and is gone when this is dropped.

use std::collections::HashMap;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use rookery_loadtest::{Api, Trust};
use rookery_schemas::rest::Register;

use crate::cpu;

const READY_WITHIN: Duration = Duration::from_secs(20);

/// A running node.
pub(crate) struct Node {
    child: Child,
    port: u16,
    admin: u16,
    _data: tempfile::TempDir,
}

impl Node {
    /// Starts one with limits out of the way, and waits until it is ready.
    pub(crate) async fn start(binary: &Path) -> anyhow::Result<Self> {
        // an error says that it was installed before
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let data = tempfile::tempdir()?;
        let (port, admin) = (free_tcp_port()?, free_tcp_port()?);
        let settings = [
            ("http.bind", "127.0.0.1".to_owned()),
            ("http.port", port.to_string()),
            ("admin.port", admin.to_string()),
            ("media.bind", "127.0.0.1".to_owned()),
            ("media.port", free_udp_port()?.to_string()),
            ("media.workers", "1".to_owned()),
            ("node.data", data.path().display().to_string()),
            ("limits.registrations_per_hour", "100000".to_owned()),
            ("limits.rooms_per_hour", "100000".to_owned()),
            ("limits.joins_per_second", "100000".to_owned()),
            ("limits.requests_per_minute", "10000000".to_owned()),
            ("log.filter", "warn".to_owned()),
        ];
        let child = Command::new(binary)
            .args(settings.iter().map(|(name, value)| format!("--{name}={value}")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let mut node = Self { child, port, admin, _data: data };
        tokio::time::timeout(READY_WITHIN, node.ready()).await.context("the node is not ready in time")??;
        Ok(node)
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// A new account, signed in.
    pub(crate) async fn account(&self, name: &str) -> anyhow::Result<Api> {
        let api = Api::new(&format!("http://127.0.0.1:{}", self.port), Trust::nothing()?)?;
        let body = Register {
            email: format!("{name}@example.org"),
            username: name.to_owned(),
            password: "correct horse battery".to_owned(),
            display_name: None,
        };
        api.register(&body).await?;
        Ok(api)
    }

    /// Processor time that it uses in a while from now.
    pub(crate) async fn used_in(&self, time: Duration) -> anyhow::Result<Duration> {
        let before = cpu::used(self.process())?;
        tokio::time::sleep(time).await;
        Ok(cpu::used(self.process())? - before)
    }

    /// Bytes of memory that it has now.
    pub(crate) fn resident_bytes(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS is told")?;
        let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1_024.0)
    }

    /// One figure of `/metrics`.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        self.metrics().await?.get(name).copied().with_context(|| format!("{name} is not told"))
    }

    /// All figures of `/metrics`, labels as they are written.
    pub(crate) async fn metrics(&self) -> anyhow::Result<HashMap<String, f64>> {
        let text = reqwest::get(format!("http://127.0.0.1:{}/metrics", self.admin)).await?.text().await?;
        Ok(text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.rsplit_once(' '))
            .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
            .collect())
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let url = format!("http://127.0.0.1:{}/readyz", self.port);
        while !reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
            if let Some(status) = self.child.try_wait()? {
                anyhow::bail!("the node ended: {status}");
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        Ok(())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_tcp_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn free_udp_port() -> anyhow::Result<u16> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}
