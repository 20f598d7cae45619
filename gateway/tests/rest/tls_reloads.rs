//! HTTPS from certificate files, read again when they change; bad files leave the good ones.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use rookery_gateway::GatewayConfig;
use rookery_gateway::config::TlsFiles;
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio::net::TcpStream;

use crate::world::{PASSWORD, World, relaxed};

/// Writes a self-signed certificate and its key; returns the certificate as it goes over the wire.
fn write(folder: &Path) -> Vec<u8> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    made.cert.der().to_vec()
}

fn config(folder: &Path) -> GatewayConfig {
    let files =
        TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem"), poll: Duration::from_millis(20) };
    GatewayConfig { tls: Some(files), ..relaxed() }
}

/// A TLS client that takes any certificate and speaks these protocols.
fn tls_client(protocols: &[&str]) -> rustls::ClientConnection {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(provider)))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    rustls::ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap()
}

async fn connect(world: &World) -> std::net::TcpStream {
    let stream = TcpStream::connect(world.at).await.unwrap().into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

/// The certificate that is presented now.
async fn presented(world: &World) -> Vec<u8> {
    let (mut client, mut stream) = (tls_client(&[]), connect(world).await);
    let handshake = tokio::task::spawn_blocking(move || {
        while client.is_handshaking() {
            client.complete_io(&mut stream).unwrap();
        }
        client.peer_certificates().unwrap()[0].to_vec()
    });
    handshake.await.unwrap()
}

async fn until_presented(world: &World, certificate: &[u8]) {
    let wait = async {
        while presented(world).await != certificate {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the new certificate is presented");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_read_again_and_bad_ones_are_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let first = write(folder.path());
    let world = World::with(config(folder.path())).await;
    assert_eq!(presented(&world).await, first);

    let second = write(folder.path());
    until_presented(&world, &second).await;
    std::fs::write(folder.path().join("cert.pem"), "-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n")
        .unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(presented(&world).await, second, "rubbish leaves the last good one");
    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(presented(&world).await, second, "so does a missing file");
    let third = write(folder.path());
    until_presented(&world, &third).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_https_browsers_are_told_to_stay_there() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let world = World::with(config(folder.path())).await;
    let body = json!({"email": "ann@example.com", "username": "ann", "password": PASSWORD});
    let answer = world.post("auth/register", body).send().await;
    assert_eq!((answer.status.as_u16(), answer.header("strict-transport-security")), (201, "max-age=63072000"));
    assert!(answer.cookie("__Secure-rookery_refresh").is_some() && answer.cookie("rookery_refresh").is_none());
    let token = answer.json["accessToken"].as_str().unwrap();
    let room = world.post("rooms", json!({"name": "x", "kind": "meeting"})).token(token).send().await.json;
    assert!(room["url"].as_str().unwrap().starts_with(&format!("https://{}/r/", world.at)), "{room}");
    let own = format!("https://{}", world.at);
    let page = world.ask(Method::PATCH, "/api/v1/me").token(token).json(json!({"displayName": "Ann"}));
    assert_eq!(page.header("origin", &own).header("x-rookery-csrf", "1").send().await.status, 200);
    let plain = format!("http://{}", world.at);
    let page = world.ask(Method::PATCH, "/api/v1/me").token(token).json(json!({"displayName": "Eve"}));
    assert_eq!(
        page.header("origin", &plain).header("x-rookery-csrf", "1").send().await.code(),
        "csrf",
        "a page served in plain"
    );
}

/// RFC 9113 by hand: the preface, empty settings, and one request whose headers are indexed but for the host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_is_spoken() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let world = World::with(config(folder.path())).await;
    let (client, stream) = (tls_client(&["h2"]), connect(&world).await);
    let mut request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    request.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    request.extend([0, 0, 14, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x87, 0x41, 9]);
    request.extend(b"localhost");
    let answered = tokio::task::spawn_blocking(move || {
        let mut tls = rustls::StreamOwned::new(client, stream);
        tls.write_all(&request).unwrap();
        loop {
            let mut head = [0; 9];
            tls.read_exact(&mut head).unwrap();
            let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
            tls.read_exact(&mut payload).unwrap();
            // HEADERS: the first is the status; 0x88 is 200.
            if head[3] == 1 {
                return (tls.conn.alpn_protocol().unwrap().to_vec(), head[8], payload[0]);
            }
        }
    });
    assert_eq!(answered.await.unwrap(), (b"h2".to_vec(), 1, 0x88));
}

#[tokio::test]
async fn files_that_are_no_good_at_the_start_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    std::fs::write(folder.path().join("key.pem"), "none").unwrap();
    let world = World::with(config(folder.path())).await;
    let error = world.served.await.unwrap().unwrap_err();
    assert!(matches!(error, rookery_gateway::ServeError::Tls(_)), "{error}");
}

/// Takes any certificate: the test looks at it itself.
#[derive(Debug)]
struct Anything(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &rustls::pki_types::CertificateDer<'_>,
        _: &[rustls::pki_types::CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &rustls::pki_types::CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
