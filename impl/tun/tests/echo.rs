//! `farewell-echo` as its users have it: in a network namespace, with clients of the kernel, `curl` and `nc` where there are.

#![cfg(target_os = "linux")]

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use farewell_testing::{skip, tshark};
use farewell_tun::Tun;
use farewell_tun::device::{DeviceError, TunConfig};
use farewell_tun::namespace::{self, NamespaceError};

const ECHO: &str = env!("CARGO_BIN_EXE_farewell-echo");
/// Set where the tests are in a namespace of their own.
const INSIDE: &str = "FAREWELL_ECHO_INSIDE";
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the test of that name in a namespace; true if this is the one that is in it.
fn inside(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        // Another name than the default: a mistake would not reach anything of the host's.
        let probe = Tun::open(&TunConfig {
            name: "farewell-probe".into(),
            addresses: Vec::new(),
            mtu: 1500,
            queue: 1_000,
        });
        return match probe {
            Ok(_) => true,
            Err(why @ (DeviceError::NoTun | DeviceError::NotAllowed)) => {
                skip("tun", why);
                false
            }
            Err(why) => panic!("{why}"),
        };
    }
    let me = env::current_exe().expect("a test knows itself");
    let mut command = match namespace::command(&me) {
        Ok(command) => command,
        Err(why @ NamespaceError::Io(_)) => panic!("{why}"),
        Err(why) => {
            skip("tun", why);
            return false;
        }
    };
    let output = command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare ran before");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    for why in err
        .lines()
        .filter_map(|line| line.strip_prefix("skipped: "))
    {
        let _ = io::stderr().write_all(format!("skipped: {why}\n").as_bytes());
    }
    false
}

/// A server that is killed when its test fails.
struct Server {
    child: Child,
    lines: io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(args: &[&str]) -> Server {
        let mut child = Command::new(ECHO)
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program is there");
        let stdout = child.stdout.take().expect("piped");
        let mut lines = BufReader::new(stdout).lines();
        let first = lines.next().expect("a line").expect("text");
        assert!(first.contains("serves echo on port 7"), "{first}");
        Server { child, lines }
    }

    /// Ctrl-C; its last lines.
    fn end(self) -> Vec<String> {
        self.end_by(Signal::INT)
    }

    fn end_by(mut self, signal: Signal) -> Vec<String> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("it runs");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
        let rest = std::mem::replace(&mut self.lines, BufReader::new(empty()).lines());
        rest.map_while(Result::ok).collect()
    }
}

/// An output that says nothing.
fn empty() -> std::process::ChildStdout {
    let mut child = Command::new("true")
        .stdout(Stdio::piped())
        .spawn()
        .expect("true");
    let stdout = child.stdout.take().expect("piped");
    let _ = child.wait();
    stdout
}

fn connect(to: &str) -> TcpStream {
    let to: SocketAddr = to.parse().expect("an address");
    let began = Instant::now();
    loop {
        match TcpStream::connect_timeout(&to, PATIENCE) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE)).expect("a time");
                return stream;
            }
            // An address of IPv6 that is new may not be used at once.
            Err(e) if e.kind() == io::ErrorKind::AddrNotAvailable && began.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(e) => panic!("{to}: {e}"),
        }
    }
}

/// Says so many bytes and hears them again, up to the end.
fn echoes(to: &str, len: usize) {
    let mut stream = connect(to);
    let said: Vec<u8> = (0..len).map(|n| (n * n / 7) as u8).collect();
    let mut voice = stream.try_clone().expect("a descriptor");
    let words = said.clone();
    let talker = thread::spawn(move || {
        voice.write_all(&words).expect("it listens");
        voice.shutdown(Shutdown::Write).expect("it is open");
    });
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).expect("it answers");
    talker.join().expect("it has said all");
    assert!(heard == said, "{} of {len} bytes", heard.len());
}

fn get(to: &str) -> String {
    let mut stream = connect(to);
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("it listens");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text
}

fn capture_file(name: &str) -> PathBuf {
    env::temp_dir().join(format!("farewell-{name}-{}.pcapng", std::process::id()))
}

#[test]
fn kernel_clients_are_served() {
    if !inside("kernel_clients_are_served") {
        return;
    }
    let file = capture_file("echo");
    let path = file.to_str().expect("text");
    let addresses = ["--address", "10.99.0.2/24", "--address", "fd00:99::2/64"];
    let mut args = addresses.to_vec();
    args.extend(["--time-wait", "2", "--pcapng", path]);
    let server = Server::start(&args);
    for to in ["10.99.0.2", "[fd00:99::2]"] {
        echoes(&format!("{to}:7"), 0);
        echoes(&format!("{to}:7"), 1_000_000);
        let page = get(&format!("{to}:80"));
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert!(page.contains("\nESTABLISHED          1 "), "{page}");
    }
    // Nobody listens there.
    let refused = TcpStream::connect_timeout(&"10.99.0.2:9".parse().expect("it is"), PATIENCE);
    let refused = refused.expect_err("nobody listens there").kind();
    assert_eq!(refused, io::ErrorKind::ConnectionRefused);
    // A client that vanishes without a word of farewell: it has not read, and its kernel sends a RST.
    let mut rude = connect("10.99.0.2:7");
    rude.write_all(b"and now").expect("it listens");
    thread::sleep(Duration::from_millis(200));
    drop(rude);
    tools();
    let last = server.end();
    let ended = last.last().expect("a line");
    assert!(
        ended.starts_with("ended, ") && ended.ends_with(" 0 open"),
        "{last:?}"
    );
    assert!(last.iter().any(|l| l.contains("TIME_WAIT")), "{last:?}");
    read_capture(&file);
    let _ = fs::remove_file(&file);
}

/// As in the README.
fn tools() {
    let run = |program: &str, args: &[&str]| -> Option<Output> {
        let child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(_) => {
                skip(program, format_args!("{program} is not installed"));
                return None;
            }
        };
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(b"hello\n").expect("it listens");
        drop(stdin);
        Some(child.wait_with_output().expect("it ends"))
    };
    if let Some(o) = run(
        "curl",
        &["-sS", "-i", "--max-time", "10", "http://10.99.0.2/"],
    ) {
        let text = String::from_utf8_lossy(&o.stdout);
        assert!(o.status.success() && text.contains("ESTABLISHED"), "{o:?}");
    }
    if let Some(o) = run("nc", &["-N", "-w", "10", "10.99.0.2", "7"]) {
        assert_eq!(o.stdout, b"hello\n", "{o:?}");
    }
}

/// tshark has nothing to say against the capture, and each host has its FINs in it.
fn read_capture(file: &Path) {
    if !tshark::is_there() {
        return;
    }
    for host in ["kernel", "farewell"] {
        let n = tshark::fins(file, host);
        assert!(n >= 12, "{n} FINs at {host}");
    }
}

/// A link that loses and the rest, and a client that notices nothing.
#[test]
fn a_bad_link_changes_no_byte() {
    if !inside("a_bad_link_changes_no_byte") {
        return;
    }
    let faults = [
        "--lose",
        "30",
        "--duplicate",
        "50",
        "--reorder",
        "50",
        "--delay",
        "50",
    ];
    let mut args = faults.to_vec();
    args.extend(["--longest", "5", "--seed", "3"]);
    let server = Server::start(&args);
    let clients: Vec<_> = (0..8)
        .map(|n| thread::spawn(move || echoes("10.99.0.2:7", n * 10_000)))
        .collect();
    for client in clients {
        client.join().expect("all is heard");
    }
    server.end();
}

/// What is wrong is said in a line, and nothing is left behind.
#[test]
fn what_cannot_be_is_said_in_a_line() {
    if !inside("what_cannot_be_is_said_in_a_line") {
        return;
    }
    let server = Server::start(&[]);
    // Whatever the host's default: here a new interface has no IPv6.
    let off = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
    if fs::write(off, "1").is_ok() {
        let output = Command::new(ECHO)
            .args(["--tun", "t6", "--address", "fd00:99::2/64"])
            .output()
            .expect("it is there");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(
            err.contains("t6 cannot have the address fd00:99::1"),
            "{err}"
        );
        assert_eq!(err.lines().count(), 1, "{err}");
    }
    let refused = Tun::open(&TunConfig {
        name: "t4".into(),
        addresses: vec![("224.0.0.1".parse().expect("an address"), 8)],
        mtu: 1500,
        queue: 1_000,
    });
    let err = refused.err().expect("no host has it").to_string();
    assert!(
        err.starts_with("t4 cannot have the address 224.0.0.1: "),
        "{err}"
    );
    for (args, status, why) in [
        (
            &["--address", "10.99.0.2/24", "--address", "10.98.0.2/24"][..],
            2,
            "the kernel would have 10.99.0.1 and 10.98.0.1",
        ),
        (
            &["--address", "10.98.0.2/24"],
            1,
            "farewell0 is in use by another program",
        ),
        (&["--tun", "lo"], 1, "lo is in use by another program"),
        (&["--tun", "a/b"], 1, "no name of an interface"),
        (&["--tun", ""], 1, "no name of an interface"),
        (&["--tun", "sixteen-letters-"], 1, "no name of an interface"),
        (&["--address", "10.99.0.2"], 2, "no address with a prefix"),
        (
            &["--address", "10.98.0.2/24", "--address", "10.98.0.2/24"],
            2,
            "10.98.0.2 is given twice",
        ),
        (
            &["--kernel", "10.98.0.1"],
            2,
            "not another address of the network",
        ),
        (
            &["--tun", "t1", "--pcapng", "/nowhere/x"],
            1,
            "the capture cannot be written",
        ),
        (&["--lose", "1001"], 2, "1001 is not in 0..=1000"),
    ] {
        let output = Command::new(ECHO).args(args).output().expect("it is there");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {err}");
        assert!(err.contains(why), "{args:?}: {err}");
        assert!(status == 2 || err.lines().count() == 1, "{args:?}: {err}");
    }
    let interfaces = fs::read_to_string("/proc/self/net/dev").expect("proc");
    assert_eq!(interfaces.lines().count(), 4, "{interfaces}"); // two of head, lo, farewell0
    server.end();
    let interfaces = fs::read_to_string("/proc/self/net/dev").expect("proc");
    assert!(!interfaces.contains("farewell0"), "{interfaces}");
}

/// Whoever ends it by SIGTERM has the whole capture, and who does not end it all but the last moments.
#[test]
fn a_capture_is_not_cut_off() {
    if !inside("a_capture_is_not_cut_off") {
        return;
    }
    let file = capture_file("term");
    let server = Server::start(&["--pcapng", file.to_str().expect("text")]);
    echoes("10.99.0.2:7", 100);
    let began = Instant::now();
    // Two interfaces are less, and four segments with text more.
    while fs::metadata(&file).expect("it is written").len() < 1_000 {
        assert!(began.elapsed() < PATIENCE, "nothing is written out");
        thread::sleep(Duration::from_millis(50));
    }
    let last = server.end_by(Signal::TERM);
    assert!(last.last().expect("a line").starts_with("ended, "));
    let _ = fs::remove_file(&file);
}
