//! A set of pictures from a folder or an archive: walked once, decoded on several threads, kept as bytes of one size.
//!
//! What the set holds depends on the paths and the bytes alone: classes are sorted by name and samples by class and path, whatever the
//! order in the archive, the file system or the threads.

use super::assemble::{Assembly, ImageOptions, Images, Kept, chosen};
use super::layout::layout;
use super::pixels::Pixels;
use super::walk::{Found, Visitor, walk};
use crate::data::error::DataError;
use crate::data::workers::workers;
use crate::recipe::Keep;
use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, Scope, ScopedJoinHandle};

impl Images {
    /// Reads a folder, a tar (plain or gzip) or a zip of class folders, or of `train`, `test` and `validation` folders of them.
    ///
    /// `classes` are those of the training set, where this is another part of it.
    ///
    /// # Errors
    /// [`DataError`] where it cannot be read, holds no pictures or only one class, a class folder is empty, or a picture is damaged and
    /// [`BadFiles::Stop`](crate::recipe::BadFiles::Stop) is set.
    pub fn read(path: &Path, options: &ImageOptions, classes: Option<&[String]>) -> Result<Self, DataError> {
        let place = path.display().to_string();
        options.check(&place)?;
        let mut listed = Listed { wanted: Wanted::All, ..Listed::default() };
        if options.samples.is_some() || options.test_samples.is_some() {
            listed.wanted = Wanted::None;
            walk(path, &options.limits, &mut listed)?;
            let layout = layout(&listed.files, &listed.folders);
            let chosen = chosen(&layout, listed.files.len(), options);
            let wanted = listed.files.iter().enumerate().filter(|(n, _)| chosen[*n]);
            listed.wanted = Wanted::Some(wanted.map(|(n, file)| (file.clone(), n)).collect());
        }
        let mut all = decode(path, options, &mut listed)?;
        let decoded = (0..listed.files.len()).map(|n| all.remove(&n)).collect();
        Assembly { place, options, files: &listed.files, decoded, bad: Vec::new() }.assemble(layout(&listed.files, &listed.folders), classes)
    }
}

#[derive(Default)]
enum Wanted {
    #[default]
    All,
    None,
    Some(HashMap<String, usize>),
}

/// What the walk found.
#[derive(Default)]
struct Listed {
    files: Vec<String>,
    folders: Vec<String>,
    wanted: Wanted,
}

impl Visitor for Listed {
    fn wants(&mut self, path: &str) -> bool {
        self.files.push(path.to_owned());
        false
    }

    fn take(&mut self, found: Found) -> Result<(), DataError> {
        match found {
            Found::Folder(path) => self.folders.push(path),
            Found::File(path, _) => self.files.push(path),
        }
        Ok(())
    }
}

/// A file that waits to be decoded.
type Job = (usize, Result<Vec<u8>, String>);

/// Bytes of files that are handed to a decoder together: waking one for each small picture would cost as much as the picture.
const TOGETHER: usize = 1 << 18;

/// Hands what is wanted to the decoders.
struct Feeder<'a> {
    listed: &'a mut Listed,
    send: Option<SyncSender<Vec<Job>>>,
    /// What is handed over next, and its bytes.
    waiting: Vec<Job>,
    bytes: usize,
    /// What is decoded here, where the system gives no thread.
    here: Vec<(usize, Kept)>,
    options: &'a ImageOptions,
    place: String,
    taken: u64,
}

impl Visitor for Feeder<'_> {
    fn wants(&mut self, path: &str) -> bool {
        match &self.listed.wanted {
            Wanted::Some(chosen) => chosen.contains_key(path),
            _ => true,
        }
    }

    fn take(&mut self, found: Found) -> Result<(), DataError> {
        let (path, bytes) = match found {
            Found::Folder(path) if matches!(self.listed.wanted, Wanted::All) => {
                self.listed.folders.push(path);
                return Ok(());
            }
            Found::Folder(_) => return Ok(()),
            Found::File(path, bytes) => (path, bytes),
        };
        let number = match &mut self.listed.wanted {
            // Of two entries of one name the first.
            Wanted::Some(chosen) => chosen.remove(&path),
            _ => {
                self.listed.files.push(path);
                Some(self.listed.files.len() - 1)
            }
        };
        let Some(number) = number else { return Ok(()) };
        self.taken += match self.options.keep {
            Keep::Pixels => self.options.each() as u64,
            Keep::Files => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
        };
        if self.taken > self.options.limits.kept {
            return Err(self.options.too_much(&self.place));
        }
        // So that nothing waits for long: a file counts for something however small it is.
        self.bytes += bytes.as_ref().map_or(0, Vec::len) + 1024;
        self.waiting.push((number, bytes));
        if self.bytes >= TOGETHER {
            self.hand_over();
        }
        Ok(())
    }
}

impl Feeder<'_> {
    fn hand_over(&mut self) {
        let jobs = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        match &self.send {
            // It fails where all decoders have gone, and none ends before the last job.
            Some(send) => drop(send.send(jobs)),
            None => self.here.extend(jobs.into_iter().map(|(number, bytes)| (number, keep(bytes, self.options)))),
        }
    }
}

fn keep(bytes: Result<Vec<u8>, String>, options: &ImageOptions) -> Kept {
    let bytes = bytes?;
    let pixels = Pixels::decode(&bytes, options.limits.pixels)?;
    Ok(match options.keep {
        Keep::Pixels => pixels.planes(options.channels, options.size, options.fit).into(),
        Keep::Files => bytes.into(),
    })
}

/// Walks and decodes; the pictures by the number of their file.
fn decode(path: &Path, options: &ImageOptions, listed: &mut Listed) -> Result<HashMap<usize, Kept>, DataError> {
    let threads = workers(options.workers);
    let (send, receive) = sync_channel::<Vec<Job>>(threads);
    let receive = Mutex::new(receive);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map_while(|_| decoder(scope, &receive, options)).collect();
        let send = (!handles.is_empty()).then_some(send);
        let mut feeder = Feeder { listed, send, waiting: Vec::new(), bytes: 0, here: Vec::new(), options, place: path.display().to_string(), taken: 0 };
        let walked = walk(path, &options.limits, &mut feeder);
        feeder.hand_over();
        let Feeder { send, here, .. } = feeder;
        drop(send);
        let mut all: HashMap<usize, Kept> = here.into_iter().collect();
        for handle in handles {
            match handle.join() {
                Ok(decoded) => all.extend(decoded),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        walked.map(|()| all)
    })
}

/// A thread that decodes until nothing more comes; `None` where the system gives none.
fn decoder<'s>(scope: &'s Scope<'s, '_>, jobs: &'s Mutex<Receiver<Vec<Job>>>, options: &'s ImageOptions) -> Option<ScopedJoinHandle<'s, Vec<(usize, Kept)>>> {
    let work = || {
        let mut done = Vec::new();
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(files) = job else { return done };
            done.extend(files.into_iter().map(|(number, bytes)| (number, keep(bytes, options))));
        }
    };
    Builder::new().name("wgrad-decoder".to_owned()).spawn_scoped(scope, work).ok()
}
