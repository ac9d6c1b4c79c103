//! Thousands of connections between the engine and the kernel's TCP, in every way of closing, through a link with faults.

#[cfg(target_os = "linux")]
mod args;
#[cfg(target_os = "linux")]
mod ending;
#[cfg(target_os = "linux")]
mod ends;
#[cfg(target_os = "linux")]
mod life;
#[cfg(target_os = "linux")]
mod namespace;
#[cfg(target_os = "linux")]
mod plan;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod stream;
#[cfg(target_os = "linux")]
mod wave;
#[cfg(target_os = "linux")]
mod world;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("farewell-lives: it needs a TUN of Linux");
    std::process::ExitCode::from(3)
}
