//! What someone who has just started a node is told, on standard output.
//!
//! **Invariant:** six lines at the most, and each is something to do or to know now.

use std::net::SocketAddr;

use rookery_cluster_config::config::Config;

/// The text.
#[must_use]
pub(crate) fn first_steps(config: &Config, listening: SocketAddr, admin: SocketAddr, media: &[SocketAddr]) -> String {
    let url = if config.http.public_url.is_some() || config.http.port != 0 {
        config.public_url()
    } else {
        format!("http://localhost:{}", listening.port())
    };
    let mut ports: Vec<u16> = media.iter().map(SocketAddr::port).collect();
    ports.sort_unstable();
    ports.dedup();
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let elsewhere = if config.https() || url.starts_with("https://") {
        "Others reach it under the same address.".to_owned()
    } else {
        "From another machine it needs HTTPS: browsers give out cameras and microphones only on secure pages.\n  \
         Give it a certificate: --tls.certificate cert.pem --tls.key key.pem --http.public_url https://your.name"
            .to_owned()
    };
    format!(
        "\nRookery is at {url}\n  First steps: open it, sign up, press New meeting, and send the link to someone.\n  \
         {elsewhere}\n  Media: UDP {}. Metrics: http://{admin}/metrics. Data: {}.\n\n",
        ports.join(", "),
        config.node.data.display(),
    )
}
