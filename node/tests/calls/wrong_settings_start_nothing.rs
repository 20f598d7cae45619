//! A setting under which nothing can work is one line and exit code 2, before anything is started or made.

use std::process::{Command, Stdio};

/// Exit code, standard output and standard error of a node that is given these settings.
fn starting(settings: &[&str], data: &std::path::Path) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rookery"));
    command.args(settings).arg(format!("--node.data={}", data.display())).stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn wrong_settings_start_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (good, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(&good, made.cert.pem()).unwrap();
    std::fs::write(&key, "no key at all").unwrap();
    let missing = format!("--tls.certificate={}", folder.path().join("missing.pem").display());
    let (certificate, key) = (format!("--tls.certificate={}", good.display()), format!("--tls.key={}", key.display()));
    let data = folder.path().join("data");
    for (settings, says) in [
        (vec!["--http.request_timeout=0s"], "http.request_timeout"),
        (vec!["--http.body_bytes_max=0"], "http.body_bytes_max"),
        (vec!["--websocket.sockets_max=0"], "websocket.sockets_max"),
        (vec!["--websocket.queue_bytes_max=0"], "websocket.queue_bytes_max"),
        (vec!["--room.peers_default=1"], "room.peers_default"),
        (vec!["--auth.refresh_lifetime=0s"], "auth.refresh_lifetime"),
        (vec!["--auth.argon2_memory_kib=1"], "auth.argon2_memory_kib"),
        (vec!["--http.port=8080", "--admin.port=8080"], "admin.port"),
        (vec![&missing, &key], "missing.pem\" cannot be read: No such file"),
        (vec![&certificate, &key], "key.pem\" has no usable private key"),
    ] {
        let (code, out, err) = starting(&settings, &data);
        assert_eq!((code, out.as_str(), err.lines().count()), (Some(2), "", 1), "{settings:?}: {err}");
        assert!(err.starts_with("rookery: ") && err.contains(says), "{settings:?}: {err}");
        assert!(!data.exists(), "{settings:?}");
    }
}
