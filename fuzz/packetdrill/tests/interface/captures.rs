//! The flag `pcapng`: captures of what goes in and out.

use std::env;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use farewell::wire::Flags;
use farewell_testing::tshark;

use crate::loaded::{ACK, FIN, HERE, Loaded, PEER, PORT, RST, SYN, told};

/// For a capture.
fn file(name: &str) -> PathBuf {
    env::temp_dir().join(format!("farewell-{name}-{}.pcapng", std::process::id()))
}

/// What goes in and out is in both views, with the virtual time, and nothing is there until all of it is.
#[test]
fn a_run_is_a_capture_that_tshark_reads() {
    if !tshark::is_there() {
        return;
    }
    let file = file("interface");
    let flags = format!("delayed_ack=off,time_wait=4s,pcapng={}", file.display());
    let mut l = Loaded::new(&flags);
    let read = || {
        tshark::read(
            &file,
            &[
                "frame.interface_name",
                "frame.packet_flags_direction",
                "frame.time_epoch",
                "ip.src",
                "tcp.srcport",
                "tcp.flags",
                "tcp.len",
            ],
        )
    };
    assert_eq!(read(), Vec::<Vec<String>>::new());
    let mut expected = Vec::new();
    let mut packet = |ours: bool, at: i64, flags: Flags, len: usize| {
        let [here, there] = ["farewell", "packetdrill"];
        let (from, to, ip, port) = match ours {
            true => (here, there, HERE, PORT),
            false => (there, here, PEER, 40_000),
        };
        for (view, heading) in [(from, 2), (to, 1)] {
            let (seconds, micros) = (at / 1_000_000, at % 1_000_000);
            expected.push(vec![
                view.into(),
                format!("0x{heading:08x}"),
                format!("{seconds}.{micros:06}000"),
                Ipv4Addr::from(ip).to_string(),
                port.to_string(),
                format!("0x{:04x}", flags.0),
                len.to_string(),
            ]);
        }
    };
    let begin = l.clock();
    let (fd, _, iss) = l.accepted(40_000);
    packet(false, begin, SYN, 0);
    packet(true, begin, SYN.with(ACK), 0);
    packet(false, begin, ACK, 0);
    l.sleep(2.5);
    let later = begin + 2_500_000;
    l.arrives(40_000, PORT, FIN, 1, iss, b"farewell");
    packet(false, later, FIN, 8);
    packet(true, later, ACK, 0);
    l.sleep(60.0);
    l.close(fd).unwrap();
    // Nobody looks at it, and what is unread is answered by a RST.
    packet(true, later + 60_000_000, RST, 0);
    assert_eq!(read(), Vec::<Vec<String>>::new());
    l.free();
    let seen = read();
    // To each host nothing but that RST, the sixth packet, is odd.
    let marks = ["farewell", "packetdrill"].map(|host| tshark::marks(&file, host, "frame.number"));
    fs::remove_file(&file).unwrap();
    assert_eq!(seen, expected);
    let reset = ("6".to_owned(), vec!["Connection reset (RST)".to_owned()]);
    assert_eq!(marks, [vec![reset.clone()], vec![reset]]);
}

/// As packetdrill ends when a script fails: nothing is freed.
#[test]
fn who_exits_without_freeing_has_a_capture_all_the_same() {
    const WHERE: &str = "FAREWELL_CAPTURE_OF_A_FAILURE";
    if let Some(file) = env::var_os(WHERE) {
        let l = Loaded::new(&format!("pcapng={}", file.display()));
        l.arrives(40_000, PORT, SYN, 0, 0, &[]);
        std::process::exit(7);
    }
    let file = file("failure");
    let status = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "captures::who_exits_without_freeing_has_a_capture_all_the_same",
        ])
        .env(WHERE, &file)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(7));
    let bytes = fs::read(&file).unwrap();
    if tshark::is_there() {
        let views = tshark::read(&file, &["frame.interface_name", "tcp.flags"]);
        // A SYN to nobody, and the RST that it draws.
        let expected = [
            ["packetdrill", "0x0002"],
            ["farewell", "0x0002"],
            ["farewell", "0x0014"],
            ["packetdrill", "0x0014"],
        ];
        assert_eq!(views, expected);
    }
    fs::remove_file(&file).unwrap();
    assert!(bytes.len() > 4 * 40, "{} bytes", bytes.len());
}

/// It is said when packetdrill loads the library, in a line, and nothing is left behind.
#[test]
fn a_capture_that_cannot_be_written_fails_every_call() {
    const WHERE: &str = "FAREWELL_CAPTURE_NOWHERE";
    if let Some(file) = env::var_os(WHERE) {
        let l = Loaded::new(&format!("pcapng={}", file.display()));
        let socket =
            unsafe { (l.table.socket)(l.table.userdata, libc::AF_INET, libc::SOCK_STREAM, 0) };
        assert_eq!(told(socket), Err(libc::EINVAL));
        return;
    }
    for file in ["/nowhere/it.pcapng", "/", ".."] {
        let out = Command::new(env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("captures::a_capture_that_cannot_be_written_fails_every_call")
            .env(WHERE, file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{file}: {said}");
        let start = format!(
            "farewell-packetdrill: --so_flags: pcapng={file}: the capture cannot be written: "
        );
        assert!(said.starts_with(&start), "{file}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
