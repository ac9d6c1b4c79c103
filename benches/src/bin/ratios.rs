//! Prints the table of ratios from what criterion has saved: ours beside theirs, a row a benchmark.
//!
//! `cargo bench -p farewell-benches --bench engine` comes first. Times are criterion's medians. Beside their ratio stands
//! that of the fastest samples: where the two differ, something else kept the processor busy, and neither is worth much.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use farewell_benches::catalogue::{CASES, OURS, THEIRS};
use farewell_benches::peer::Checksums;
use serde_json::Value;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
enum RatiosError {
    #[error("no results in {}: run `cargo bench -p farewell-benches --bench engine` first", .0.display())]
    Nothing(PathBuf),
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: {source}", .path.display())]
    Json {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("{}: not as criterion writes it", .0.display())]
    Shape(PathBuf),
}

/// Nanoseconds that an operation takes.
#[derive(Clone, Copy, Debug)]
struct Time {
    median: f64,
    fastest: f64,
}

/// By benchmark, setting of checksums and stack.
type Times = BTreeMap<(String, String, String), Time>;

/// Where criterion saves: as it looks for it itself, less asking cargo.
fn criterion_dir() -> PathBuf {
    let var = |name| std::env::var_os(name).map(PathBuf::from);
    var("CRITERION_HOME").unwrap_or_else(|| {
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("target");
        var("CARGO_TARGET_DIR")
            .unwrap_or_else(beside)
            .join("criterion")
    })
}

fn read(dir: &Path) -> Result<Times, RatiosError> {
    let mut times = Times::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(path) = dirs.pop() {
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if path == dir && error.kind() == io::ErrorKind::NotFound => break,
            Err(source) => return Err(RatiosError::Io { path, source }),
        };
        for entry in entries {
            let at = path.clone();
            let found = entry.and_then(|e| Ok((e.path(), e.file_type()?)));
            let (path, kind) = found.map_err(|source| RatiosError::Io { path: at, source })?;
            if kind.is_dir() && path.file_name().is_some_and(|name| name == "new") {
                let (name, time) = read_one(&path)?;
                times.insert(name, time);
            } else if kind.is_dir() {
                dirs.push(path);
            }
        }
    }
    if times.keys().any(|(.., stack)| is_a_stack(stack)) {
        return Ok(times);
    }
    Err(RatiosError::Nothing(dir.to_path_buf()))
}

fn is_a_stack(name: &str) -> bool {
    name == OURS || name == THEIRS
}

/// A folder `new`: what the benchmark is called, and its time.
fn read_one(dir: &Path) -> Result<((String, String, String), Time), RatiosError> {
    let benchmark = json(&dir.join("benchmark.json"))?;
    let name = |key: &str| benchmark[key].as_str().unwrap_or_default().to_owned();
    let names = (name("group_id"), name("value_str"), name("function_id"));

    let path = dir.join("estimates.json");
    let median = json(&path)?["median"]["point_estimate"].as_f64();
    let median = median.ok_or(RatiosError::Shape(path))?;

    let path = dir.join("sample.json");
    let sample = json(&path)?;
    let numbers = |key: &str| {
        let all = sample[key].as_array().into_iter().flatten();
        all.filter_map(Value::as_f64).collect::<Vec<_>>()
    };
    let each = numbers("times").into_iter().zip(numbers("iters"));
    let fastest = each.map(|(time, iterations)| time / iterations);
    let fastest = fastest.min_by(f64::total_cmp);
    let fastest = fastest.ok_or(RatiosError::Shape(path))?;
    Ok((names, Time { median, fastest }))
}

fn json(path: &Path) -> Result<Value, RatiosError> {
    let path = path.to_path_buf();
    match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|source| RatiosError::Json { path, source })
        }
        Err(source) => Err(RatiosError::Io { path, source }),
    }
}

/// Only benchmarks that are in the catalogue: what is left of others was measured at another time.
fn table(times: &Times) -> String {
    let mut table = format!(
        "{:<26} {:<9} {OURS:>10} {THEIRS:>10} {:>7} {:>10}\n",
        "nanoseconds", "checksums", "ratio", "(fastest)"
    );
    for case in CASES {
        for checksums in case.checksums {
            let checksums = Checksums::name(*checksums);
            let time = |stack: &str| {
                let key = (case.what.to_owned(), checksums.to_owned(), stack.to_owned());
                times.get(&key).copied()
            };
            let (ours, theirs) = (time(OURS), time(THEIRS));
            if ours.is_none() && theirs.is_none() {
                continue;
            }
            let both = ours.zip(theirs);
            table += &format!(
                "{:<26} {checksums:<9} {:>10} {:>10} {:>7} {:>10}\n",
                case.what,
                cell(ours.map(|t| t.median), 1),
                cell(theirs.map(|t| t.median), 1),
                cell(both.map(|(ours, theirs)| ours.median / theirs.median), 3),
                cell(both.map(|(ours, theirs)| ours.fastest / theirs.fastest), 3),
            );
        }
    }
    table
}

fn cell(number: Option<f64>, digits: usize) -> String {
    number.map_or("-".to_owned(), |n| format!("{n:.digits$}"))
}

fn main() -> ExitCode {
    match read(&criterion_dir()) {
        Ok(times) => {
            print!("{}", table(&times));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for a test, empty.
    fn folder(test: &str) -> PathBuf {
        let name = format!("farewell-ratios-{test}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        if dir.exists() {
            fs::remove_dir_all(&dir).unwrap();
        }
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn save(dir: &Path, group: &str, stack: &str, estimates: &str) {
        let new = format!("{}/{stack}/verified/new", group.replace('/', "_"));
        let dir = dir.join(new);
        fs::create_dir_all(&dir).unwrap();
        let benchmark =
            format!(r#"{{"group_id":"{group}","function_id":"{stack}","value_str":"verified"}}"#);
        let sample = r#"{"iters":[10.0,100.0,5.0],"times":[400.0,2000.0,125.0]}"#;
        fs::write(dir.join("benchmark.json"), benchmark).unwrap();
        fs::write(dir.join("estimates.json"), estimates).unwrap();
        fs::write(dir.join("sample.json"), sample).unwrap();
    }

    fn median(of: f64) -> String {
        format!(r#"{{"mean":{{"point_estimate":1.0}},"median":{{"point_estimate":{of}}}}}"#)
    }

    #[test]
    fn a_row_has_both_times_and_their_ratios() {
        let dir = folder("row");
        save(&dir, "close", OURS, &median(25.0));
        save(&dir, "close", THEIRS, &median(200.0));
        save(&dir, "life", THEIRS, &median(25.0));
        save(&dir, "successors of reuse", "plain", &median(25.0));
        let times = read(&dir).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        assert!(times.values().all(|t| t.fastest == 20.0));
        let table = table(&times);
        let words = |line: &str| {
            let words = line.split_whitespace().map(str::to_owned);
            words.collect::<Vec<_>>().join(" ")
        };
        let rows: Vec<_> = table.lines().skip(1).map(words).collect();
        assert_eq!(
            rows,
            [
                "close verified 25.0 200.0 0.125 1.000",
                "life verified - 25.0 - -"
            ]
        );
    }

    #[test]
    fn nothing_to_read_is_an_error_of_one_line() {
        let dir = folder("nothing");
        let absent = read(&dir.join("absent")).unwrap_err();
        save(&dir, "successors of reuse", "plain", &median(1.0));
        let others = read(&dir).unwrap_err();
        save(&dir, "close", OURS, "{}");
        let shape = read(&dir).unwrap_err();
        fs::remove_dir_all(&dir).unwrap();
        for error in [&absent, &others] {
            assert!(matches!(error, RatiosError::Nothing(_)), "{error}");
            assert_eq!(error.to_string().lines().count(), 1);
        }
        assert!(matches!(shape, RatiosError::Shape(_)), "{shape}");
    }
}
