//! `factlog export`

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use futures::TryStreamExt;

use crate::args::ExportArgs;
use crate::backend::Backend;
use crate::exit::Failure;
use crate::jsonl;
use crate::output::{self, Output};

pub(crate) async fn run(
    backend: &Backend,
    args: &ExportArgs,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut target = Target::open(&args.file)?;
    let store = backend.store();
    let bar = output::progress(Some(store.head().await?.number()), false);
    let mut events = store.read_log(args.filter.read()?);
    let mut count: u64 = 0;
    while let Some(event) = events.try_next().await? {
        jsonl::write(&mut target.encoder, &event)?;
        count += 1;
        if count.is_multiple_of(1_000) {
            bar.set_position(event.position.number());
        }
    }
    bar.finish_and_clear();
    if target.finish()? {
        output
            .object([("file", args.file.display().to_string()), ("events", count.to_string())])?;
    }
    Ok(())
}

/// Where the lines go: standard output, or a file that has its name only when it is whole.
struct Target {
    encoder: Encoder,
    /// The name while it is being written, and the name then.
    names: Option<(PathBuf, PathBuf)>,
}

enum Encoder {
    Plain(BufWriter<Box<dyn Write>>),
    Gzip(BufWriter<GzEncoder<File>>),
    Zstd(BufWriter<zstd::Encoder<'static, File>>),
}

impl Target {
    fn open(file: &Path) -> io::Result<Self> {
        if file.as_os_str() == "-" {
            let encoder = Encoder::Plain(BufWriter::new(Box::new(io::stdout())));
            return Ok(Self { encoder, names: None });
        }
        let mut unfinished = file.as_os_str().to_owned();
        unfinished.push(".unfinished");
        let to = File::create(&unfinished)?;
        let encoder = match file.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => {
                Encoder::Gzip(BufWriter::new(GzEncoder::new(to, flate2::Compression::default())))
            }
            Some("zst") => Encoder::Zstd(BufWriter::new(zstd::Encoder::new(to, 0)?)),
            _ => Encoder::Plain(BufWriter::new(Box::new(to))),
        };
        Ok(Self { encoder, names: Some((unfinished.into(), file.to_owned())) })
    }

    /// Completes the file; false for standard output.
    fn finish(self) -> io::Result<bool> {
        match self.encoder {
            Encoder::Plain(mut to) => to.flush()?,
            Encoder::Gzip(to) => {
                to.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?.sync_all()?;
            }
            Encoder::Zstd(to) => {
                to.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?.sync_all()?;
            }
        }
        match self.names {
            Some((unfinished, name)) => std::fs::rename(unfinished, name).map(|()| true),
            None => Ok(false),
        }
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(to) => to.write(bytes),
            Self::Gzip(to) => to.write(bytes),
            Self::Zstd(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(to) => to.flush(),
            Self::Gzip(to) => to.flush(),
            Self::Zstd(to) => to.flush(),
        }
    }
}
