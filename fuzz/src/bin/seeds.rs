//! Writes the seed corpora that come from generators.

use std::path::Path;
use std::process::ExitCode;

use farewell_fuzz::targets::SEEDS;

fn main() -> ExitCode {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (target, seeds) in SEEDS {
        let folder = corpora.join(target);
        for (name, data) in seeds() {
            let file = folder.join(name);
            let written =
                std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, data));
            if let Err(why) = written {
                eprintln!("seeds: {}: {why}", file.display());
                return ExitCode::from(2);
            }
        }
    }
    ExitCode::SUCCESS
}
