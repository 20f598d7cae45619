//! Defaults, file, environment and flags, each over the one before; whatever is wrong is said in one line each.

use rookery_cluster_config::config::{KEYS, LogFormat, Sources, load};

fn lines(sources: &Sources) -> Vec<String> {
    load(sources).err().into_iter().flatten().map(|error| error.to_string()).collect()
}

fn file(text: &str) -> Option<(std::path::PathBuf, String)> {
    Some(("rookery.toml".into(), text.to_owned()))
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn later_sources_win() {
    let mut sources = Sources { file: file("[http]\nport = 1\n[log]\nformat = \"json\"\n"), ..Sources::default() };
    assert_eq!(load(&Sources::default()).unwrap().http.port, 8080);
    let config = load(&sources).unwrap();
    assert_eq!((config.http.port, config.log.format), (1, LogFormat::Json));
    sources.environment = pairs(&[("ROOKERY_HTTP_PORT", "2"), ("PATH", "/bin"), ("ROOKERY_CONFIG", "x")]);
    assert_eq!(load(&sources).unwrap().http.port, 2);
    sources.flags = pairs(&[("http.port", "3")]);
    assert_eq!(load(&sources).unwrap().http.port, 3);
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    let sources = Sources {
        file: file("[http]\nprot = 1\n[webscoket]\nmessages_burst = 3\n"),
        environment: pairs(&[("ROOKERY_MEDIA_WORKER", "2")]),
        flags: pairs(&[("http.prt", "3"), ("zzz", "1")]),
    };
    assert_eq!(
        lines(&sources),
        [
            "rookery.toml: there is no setting 'http.prot'; did you mean 'http.port'?",
            "rookery.toml: there is no setting 'webscoket.messages_burst'; did you mean 'websocket.messages_burst'?",
            "ROOKERY_MEDIA_WORKER: there is no setting 'media.worker'; did you mean 'media.workers'?",
            "--http.prt: there is no setting 'http.prt'; did you mean 'http.port'?",
            "--zzz: there is no setting 'zzz'",
        ]
    );
}

#[test]
fn wrong_values_say_what_was_expected() {
    for (path, text, expected) in [
        ("http.port", "70000", "--http.port: http.port: \"70000\" is not a whole number from 0 to 65535"),
        ("http.bind", "here", "--http.bind: http.bind: \"here\" is not an IP address"),
        ("node.drain", "60", "--node.drain: node.drain: \"60\" is not a time span like 500ms, 10s, 15m, 2h or 7d"),
        ("log.format", "xml", "--log.format: log.format: \"xml\" is not human or json"),
        ("tls.key", "k.pem", "tls.certificate and tls.key go together: give both or neither"),
        ("limits.rooms_per_hour", "0", "limits.rooms_per_hour must be at least 1"),
        ("http.request_timeout", "0s", "http.request_timeout must be longer than 0s"),
        ("http.body_bytes_max", "0", "http.body_bytes_max must be at least 1"),
        ("websocket.stall_timeout", "0ms", "websocket.stall_timeout must be longer than 0s"),
        ("websocket.sockets_max", "0", "websocket.sockets_max must be at least 1"),
        ("websocket.sockets_per_user_max", "0", "websocket.sockets_per_user_max must be at least 1"),
        ("websocket.queue_bytes_max", "0", "websocket.queue_bytes_max must be at least 262144"),
        ("room.peers_default", "1", "room.peers_default must be from 2 to 1000"),
        ("room.peers_default", "1001", "room.peers_default must be from 2 to 1000"),
        ("auth.refresh_lifetime", "0s", "auth.refresh_lifetime must be longer than 0s"),
        ("auth.argon2_memory_kib", "1", "auth.argon2_memory_kib must be from 8 to 4194304"),
        ("auth.argon2_memory_kib", "4294967295", "auth.argon2_memory_kib must be from 8 to 4194304"),
        ("admin.port", "8080", "admin.port must be another than http.port"),
    ] {
        let sources = Sources { flags: pairs(&[(path, text)]), ..Sources::default() };
        assert_eq!(lines(&sources), [expected], "{path}");
    }
    let broken = Sources { file: file("[http\nport = 1"), ..Sources::default() };
    assert_eq!(lines(&broken).len(), 1);
    assert!(lines(&broken).iter().all(|line| line.starts_with("rookery.toml: line 1") && !line.contains('\n')));
}

#[test]
fn ports_follow_the_main_one() {
    for (http, admin, media) in [
        (8080, 9080, 24_592),
        (8081, 9081, 24_608),
        (65_000, 64_000, 17_808),
        (1, 1_001, 10_016),
        (80, 1_080, 11_280),
        (443, 1_443, 17_088),
        (999, 1_999, 25_984),
    ] {
        let sources = Sources { flags: pairs(&[("http.port", &http.to_string())]), ..Sources::default() };
        let config = load(&sources).unwrap();
        assert_eq!((config.admin_port(), config.media_port()), (admin, media), "http.port {http}");
    }
}

#[test]
fn every_setting_has_a_meaning() {
    assert!(KEYS.len() > 40);
    for key in KEYS {
        assert!(key.meaning.trim().ends_with('.'), "{}", key.path);
    }
}
