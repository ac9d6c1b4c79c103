//! What was found, kept in a file from run to run: one line of JSON for each question that was answered.
//!
//! The file's name says which model it is about; another model's answers are never used. A line is written whole when its
//! question has been answered, so a run that was killed goes on from there.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cell::{Cell, Judged};
use super::probe::{Against, Probe, Question};
use super::pump::{Loop, Pump};
use crate::scenarios::Size;

/// Names the model whose answers these are: a hash of its sources.
pub const MODEL: &str = env!("FAREWELL_MODEL");

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The file system's.
    #[error("{}: {source}", path.display())]
    File {
        /// What was to be read or written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not a line that was written here.
    #[error("{}, line {line}: not an answer of `farewell frontier`: delete the line or the file", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

/// Answers, in memory and in a file.
pub struct Cache {
    known: HashMap<Key, Probe>,
    file: Option<(PathBuf, File)>,
}

type Key = (Cell, u8, u8, Judged);

fn key(q: &Question) -> Key {
    (q.cell, q.size.msl(), q.time_wait, q.judged)
}

impl Cache {
    /// One that forgets.
    pub fn in_memory() -> Cache {
        Cache {
            known: HashMap::new(),
            file: None,
        }
    }

    /// The one in a directory, which is made if need be.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or written, or has a line that was not written here. A last line that was torn off is
    /// dropped.
    pub fn in_dir(dir: &Path) -> Result<Cache, CacheError> {
        let path = dir.join(format!("frontier-{MODEL}.jsonl"));
        let failed = |source| CacheError::File {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(dir).map_err(failed)?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(failed(e)),
        };
        let whole = text.rfind('\n').map_or(0, |n| n + 1);
        let mut known = HashMap::new();
        for (n, line) in text[..whole].lines().enumerate() {
            let (q, probe) = read(line).ok_or_else(|| CacheError::Malformed {
                path: path.clone(),
                line: n + 1,
            })?;
            known.insert(key(&q), probe);
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(failed)?;
        if whole < text.len() {
            file.set_len(whole as u64).map_err(failed)?;
        }
        Ok(Cache {
            known,
            file: Some((path, file)),
        })
    }

    /// The answer, if it is known.
    pub fn get(&self, q: &Question) -> Option<&Probe> {
        self.known.get(&key(q))
    }

    /// Keeps an answer.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn put(&mut self, q: &Question, probe: Probe) -> Result<(), CacheError> {
        if let Some((path, file)) = &mut self.file {
            let line = format!("{}\n", write(q, &probe));
            file.write_all(line.as_bytes())
                .and_then(|()| file.flush())
                .map_err(|source| CacheError::File {
                    path: path.clone(),
                    source,
                })?;
        }
        self.known.insert(key(q), probe);
        Ok(())
    }
}

fn write(q: &Question, p: &Probe) -> Value {
    let against = p.against.as_ref().map(|a| {
        json!({
            "start": a.start,
            "faults": a.faults,
            "actions": a.actions,
            "pump": a.pump.as_ref().map(|p| json!({
                "loops": p.loops.iter().map(|l| json!([l.from, l.to, l.ticks])).collect::<Vec<_>>(),
                "performed": p.performed,
            })),
        })
    });
    json!({
        "cell": q.cell.name(),
        "msl": q.size.msl(),
        "time_wait": q.time_wait,
        "judged": q.judged.word(),
        "states": p.states,
        "depth": p.depth,
        "against": against,
    })
}

fn read(line: &str) -> Option<(Question, Probe)> {
    let v: Value = serde_json::from_str(line).ok()?;
    let small = |v: &Value| u8::try_from(v.as_u64()?).ok();
    let size = small(&v["msl"])?;
    let q = Question {
        cell: Cell::named(v["cell"].as_str()?)?,
        size: Size::ALL.into_iter().find(|s| s.msl() == size)?,
        time_wait: small(&v["time_wait"])?,
        judged: Judged::named(v["judged"].as_str()?)?,
    };
    let against = match &v["against"] {
        Value::Null => None,
        a => Some(Against {
            start: usize::try_from(a["start"].as_u64()?).ok()?,
            faults: u32::try_from(a["faults"].as_u64()?).ok()?,
            actions: each(&a["actions"], |w| w.as_str().map(str::to_owned))?,
            pump: match &a["pump"] {
                Value::Null => None,
                p => Some(Pump {
                    loops: each(&p["loops"], |l| {
                        Some(Loop {
                            from: usize::try_from(l[0].as_u64()?).ok()?,
                            to: usize::try_from(l[1].as_u64()?).ok()?,
                            ticks: small(&l[2])?,
                        })
                    })?,
                    performed: each(&p["performed"], small)?,
                }),
            },
        }),
    };
    let probe = Probe {
        states: v["states"].as_u64()?,
        depth: u32::try_from(v["depth"].as_u64()?).ok()?,
        against,
    };
    Some((q, probe))
}

fn each<T>(v: &Value, one: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    v.as_array()?.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontier::Bytes;

    fn question(time_wait: u8) -> Question {
        Question {
            cell: Cell::all(Bytes::One).nth(77).expect("there are more"),
            size: Size::Standard,
            time_wait,
            judged: Judged::All,
        }
    }

    fn answers() -> [Probe; 3] {
        let against = |pump| {
            Some(Against {
                start: 1,
                faults: 4,
                actions: vec!["tick".into(), "A: application isn=+2".into()],
                pump,
            })
        };
        let pump = Pump {
            loops: vec![Loop {
                from: 3,
                to: 5,
                ticks: 2,
            }],
            performed: vec![6, 7],
        };
        [None, against(None), against(Some(pump))].map(|against| Probe {
            states: 12_345,
            depth: 17,
            against,
        })
    }

    fn directory(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("farewell-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn what_is_put_in_comes_out_after_a_restart() {
        let dir = directory("cache");
        let mut cache = Cache::in_dir(&dir).expect("a new one");
        for (n, a) in (0u8..).zip(answers()) {
            assert!(cache.get(&question(n)).is_none());
            cache.put(&question(n), a).expect("it can be written");
        }
        let cache = Cache::in_dir(&dir).expect("it can be read");
        for (n, a) in (0u8..).zip(answers()) {
            assert_eq!(cache.get(&question(n)), Some(&a));
        }
        let other = Question {
            judged: Judged::Data,
            ..question(0)
        };
        assert!(cache.get(&other).is_none());
        fs::remove_dir_all(dir).expect("it was made here");
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_any_other_is_refused() {
        let dir = directory("torn");
        let mut cache = Cache::in_dir(&dir).expect("a new one");
        let [enough, against, _] = answers();
        cache.put(&question(0), enough.clone()).expect("written");
        cache.put(&question(1), against.clone()).expect("written");
        let (path, _) = cache.file.expect("it has one");
        let text = fs::read_to_string(&path).expect("it is there");
        fs::write(&path, &text[..text.len() - 9]).expect("torn");
        let mut cache = Cache::in_dir(&dir).expect("a torn line is no error");
        assert_eq!(cache.get(&question(0)), Some(&enough));
        assert!(cache.get(&question(1)).is_none());
        cache.put(&question(1), against.clone()).expect("written");
        let cache = Cache::in_dir(&dir).expect("whole again");
        assert_eq!(cache.get(&question(1)), Some(&against));
        fs::write(&path, format!("{{}}\n{text}")).expect("spoilt");
        let error = Cache::in_dir(&dir).err().expect("refused").to_string();
        assert!(
            error.contains("line 1") && error.contains("delete"),
            "{error}"
        );
        fs::remove_dir_all(dir).expect("it was made here");
    }
}
