//! A TCP echo and a small HTTP server on a TUN, to try with `curl` and `nc`, with a live census by state.

#[cfg(target_os = "linux")]
mod args;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod service;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("farewell-echo: it needs a TUN of Linux");
    std::process::ExitCode::from(3)
}
