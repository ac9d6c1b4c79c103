//! A directory of pages: all are written, or none.
//!
//! Pages are written into a directory of their own inside the one that was asked for, and renamed into place when all are
//! there. What else lies in the directory is left alone.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The first page.
pub const INDEX: &str = "index.html";
/// What stands in the head of every page: an `index.html` without it is somebody else's and is not replaced.
pub const MARK: &str = "<meta name=\"generator\" content=\"farewell\">";

/// Why pages cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The file system says no.
    #[error("cannot write pages into {path}: {why}")]
    Io {
        /// The directory or file.
        path: String,
        /// What the system says.
        why: io::Error,
    },
    /// There is a file that this program did not write.
    #[error("{0} is not a page of this program: move it away or choose another directory")]
    Foreign(String),
    /// A directory has the name of a page.
    #[error("{0} is a directory, and a page has that name: choose another directory")]
    Directory(String),
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> SiteError {
    let path = path.display().to_string();
    move |why| SiteError::Io { path, why }
}

/// Pages that are being written.
#[derive(Debug)]
pub struct Site {
    dir: PathBuf,
    /// Where they are until all are there.
    aside: PathBuf,
    /// The directory was not there before.
    made: bool,
    names: Vec<String>,
}

impl Site {
    /// Makes sure that pages can be written into `dir`, which is made if need be.
    ///
    /// # Errors
    ///
    /// It cannot be made or written to, or has an `index.html` of somebody else's.
    pub fn begin(dir: &Path) -> Result<Site, SiteError> {
        let made = !dir.exists();
        fs::create_dir_all(dir).map_err(io_error(dir))?;
        let aside = dir.join(format!(".pages.{}", std::process::id()));
        // From here on `Site` cleans up.
        let site = Site {
            dir: dir.to_owned(),
            aside,
            made,
            names: Vec::new(),
        };
        let index = dir.join(INDEX);
        match fs::read(&index) {
            Ok(bytes) if !String::from_utf8_lossy(&bytes).contains(MARK) => {
                return Err(SiteError::Foreign(index.display().to_string()));
            }
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io_error(&index)(e)),
            _ => {}
        }
        fs::create_dir(&site.aside).map_err(io_error(dir))?;
        Ok(site)
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a file, which appears in the directory when all are there.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), SiteError> {
        let path = self.aside.join(name);
        fs::File::create(&path)
            .and_then(|mut f| f.write_all(text.as_bytes()).and_then(|()| f.sync_all()))
            .map_err(io_error(&path))?;
        self.names.push(name.to_owned());
        Ok(())
    }

    /// Puts all files into place, in the order in which they were added.
    ///
    /// # Errors
    ///
    /// A directory has the name of a file, and then none is put into place; or those of the file system.
    pub fn finish(self) -> Result<(), SiteError> {
        let targets = self.names.iter().map(|n| self.dir.join(n));
        if let Some(d) = targets.clone().find(|t| t.is_dir()) {
            return Err(SiteError::Directory(d.display().to_string()));
        }
        for (name, target) in self.names.iter().zip(targets) {
            fs::rename(self.aside.join(name), &target).map_err(io_error(&target))?;
        }
        Ok(())
    }
}

impl Drop for Site {
    /// Removes what was not put into place.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.aside);
        if self.made {
            // Only if nothing is in it.
            let _ = fs::remove_dir(&self.dir);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let dir =
                std::env::temp_dir().join(format!("farewell-site-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            Scratch(dir)
        }

        fn files(&self) -> Vec<String> {
            let dir = fs::read_dir(&self.0).expect("it is there");
            let names = dir.map(|f| f.expect("it can be read").file_name());
            let mut names: Vec<_> = names.map(|n| n.to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn all_pages_are_written_or_none() {
        let s = Scratch::new("all");
        let mut site = Site::begin(&s.0).expect("it can be written to");
        site.add("a.html", "a").expect("it is written");
        assert!(!s.0.join("a.html").exists());
        drop(site);
        assert!(!s.0.exists(), "made for nothing");
        let mut site = Site::begin(&s.0).expect("it can be written to");
        site.add("a.html", "a").expect("it is written");
        site.add(INDEX, MARK).expect("it is written");
        site.finish().expect("all are there");
        assert_eq!(s.files(), ["a.html", INDEX]);
    }

    #[test]
    fn what_is_not_ours_stays() {
        let s = Scratch::new("foreign");
        fs::create_dir_all(s.0.join("b.html")).expect("made");
        fs::write(s.0.join("notes.txt"), "mine").expect("written");
        let mut site = Site::begin(&s.0).expect("it can be written to");
        site.add("a.html", "a").expect("written aside");
        site.add("b.html", "b").expect("written aside");
        assert!(matches!(site.finish(), Err(SiteError::Directory(_))));
        assert_eq!(s.files(), ["b.html", "notes.txt"], "nothing half-written");
        fs::write(s.0.join(INDEX), "<p>my page").expect("written");
        assert!(matches!(Site::begin(&s.0), Err(SiteError::Foreign(_))));
        assert_eq!(
            fs::read_to_string(s.0.join(INDEX)).expect("there"),
            "<p>my page"
        );
        fs::write(s.0.join(INDEX), MARK).expect("written");
        assert!(
            Site::begin(&s.0).is_ok(),
            "an earlier page of ours is replaced"
        );
    }

    #[test]
    fn a_file_is_no_directory() {
        let s = Scratch::new("file");
        fs::write(&s.0, "").expect("written");
        let e = Site::begin(&s.0).expect_err("it is a file").to_string();
        assert!(
            e.contains("cannot write pages into") && !e.contains('\n'),
            "{e}"
        );
        let _ = fs::remove_file(&s.0);
    }
}
