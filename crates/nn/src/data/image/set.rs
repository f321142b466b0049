//! A set of pictures from a folder or an archive: walked once, decoded on several threads, kept as bytes of one size.
//!
//! What the set holds depends on the paths and the bytes alone: classes are sorted by name and samples by class and path, whatever the
//! order in the archive, the file system or the threads.

use super::encoded::Encoded;
use super::layout::{Layout, Part, layout};
use super::pixels::Pixels;
use super::walk::{Found, Limits, Visitor, walk};
use crate::data::dataset::{Dataset, Inputs, Targets, balanced};
use crate::data::error::{DataError, count};
use crate::data::framing::Fit;
use crate::data::workers::workers;
use crate::recipe::{BadFiles, Keep};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, Scope, ScopedJoinHandle};

/// How a set of pictures is read.
#[derive(Debug, Clone)]
pub struct ImageOptions {
    /// Height and width in which pictures are kept.
    pub size: [usize; 2],
    /// 1, grey, or 3, red, green and blue.
    pub channels: usize,
    /// How they are brought to that size.
    pub fit: Fit,
    /// What becomes of damaged files.
    pub bad_files: BadFiles,
    /// In what form they are kept.
    pub keep: Keep,
    /// At most so many samples of the training part, or of everything where there are no parts; as many of each class as can be, drawn
    /// by the seed.
    pub samples: Option<usize>,
    /// The same for the test part.
    pub test_samples: Option<usize>,
    /// Decides which ones.
    pub seed: u64,
    /// Threads that decode; 0: one a core, eight at most.
    pub workers: usize,
    /// What is too much.
    pub limits: Limits,
}

impl Default for ImageOptions {
    fn default() -> Self {
        Self {
            size: [32, 32],
            channels: 3,
            fit: Fit::default(),
            bad_files: BadFiles::default(),
            keep: Keep::default(),
            samples: None,
            test_samples: None,
            seed: 0,
            workers: 0,
            limits: Limits::default(),
        }
    }
}

/// A file that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadFile {
    /// Where it is.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

/// The pictures of a folder or an archive.
#[derive(Debug, Clone)]
pub struct Images {
    /// The set of each part; [`Part::Train`] alone where the paths name no parts.
    pub parts: BTreeMap<Part, Dataset>,
    /// The files that were left out, by path.
    pub bad: Vec<BadFile>,
    /// Files that are in no class folder.
    pub beside: usize,
}

impl Images {
    /// Reads a folder, a tar (plain or gzip) or a zip of class folders, or of `train`, `test` and `validation` folders of them.
    ///
    /// `classes` are those of the training set, where this is another part of it.
    ///
    /// # Errors
    /// [`DataError`] where it cannot be read, holds no pictures or only one class, a class folder is empty, or a picture is damaged and
    /// [`BadFiles::Stop`] is set.
    pub fn read(path: &Path, options: &ImageOptions, classes: Option<&[String]>) -> Result<Self, DataError> {
        let place = path.display().to_string();
        let [height, width] = options.size;
        if ![1, 3].contains(&options.channels) || height == 0 || width == 0 || height.saturating_mul(width) > options.limits.pixels {
            let what = format!("pictures cannot be kept as {} x {height} x {width}; give 1 or 3 channels and a size above 0", options.channels);
            return Err(DataError::Setting { set: place, what });
        }
        let mut listed = Listed { wanted: Wanted::All, ..Listed::default() };
        if options.samples.is_some() || options.test_samples.is_some() {
            listed.wanted = Wanted::None;
            walk(path, &options.limits, &mut listed)?;
            let layout = layout(&listed.files, &listed.folders);
            listed.wanted = Wanted::Some(chosen(&layout, &listed.files, options));
        }
        let decoded = decode(path, options, &mut listed)?;
        Assembly { place, options, files: &listed.files, decoded, bad: Vec::new() }.assemble(layout(&listed.files, &listed.folders), classes)
    }
}

/// The files to be read where there is a limit, with their numbers.
fn chosen(layout: &Layout, files: &[String], options: &ImageOptions) -> HashMap<String, usize> {
    let mut all = HashMap::new();
    for (part, classes) in &layout.parts {
        let limit = match part {
            Part::Train => options.samples,
            Part::Validation => None,
            Part::Test => options.test_samples,
        };
        let (labels, numbers): (Vec<u32>, Vec<usize>) =
            classes.values().enumerate().flat_map(|(label, files)| files.iter().map(move |&n| (label as u32, n))).unzip();
        let kept = limit.map_or_else(|| (0..labels.len()).collect(), |limit| balanced(&labels, classes.len(), limit, options.seed));
        all.extend(kept.into_iter().map(|n| (files[numbers[n]].clone(), numbers[n])));
    }
    all
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

/// A picture as it is kept, pixels or a file, or what is wrong with it.
type Kept = Result<Box<[u8]>, String>;

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
            Keep::Pixels => (self.options.size.iter().product::<usize>() * self.options.channels) as u64,
            Keep::Files => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
        };
        if self.taken > self.options.limits.kept {
            let mend = match self.options.keep {
                Keep::Pixels => "keep them smaller (size) or as files (keep = \"files\"), or take fewer (train_samples)",
                Keep::Files => "take fewer (train_samples)",
            };
            let what = format!("the pictures take more than {} bytes of memory; {mend}", self.options.limits.kept);
            return Err(DataError::Files { place: self.place.clone(), what });
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

/// From decoded files to sets.
struct Assembly<'a> {
    place: String,
    options: &'a ImageOptions,
    files: &'a [String],
    decoded: HashMap<usize, Kept>,
    bad: Vec<BadFile>,
}

impl Assembly<'_> {
    fn wrong(&self, what: String) -> DataError {
        DataError::Files { place: self.place.clone(), what }
    }

    fn assemble(mut self, layout: Layout, classes: Option<&[String]>) -> Result<Images, DataError> {
        let beside = layout.beside.len();
        let pictures: usize = layout.parts.values().flat_map(BTreeMap::values).map(Vec::len).sum();
        if pictures == 0 {
            let what = match beside {
                0 => "holds no pictures".to_owned(),
                n => format!("holds {} in no class folder", count(n as u64, "file")),
            };
            return Err(self.wrong(format!("{what}; a folder for each class is expected, CLASS/picture.jpg (or train/CLASS/picture.jpg)")));
        }
        let mut classes = classes.map(<[String]>::to_vec);
        let mut parts = BTreeMap::new();
        for (part, files) in layout.parts {
            if files.is_empty() {
                return Err(self.wrong(format!("the folder of the {} part has no class folders; put some there, or remove it", part.name())));
            }
            let names = classes.get_or_insert_with(|| files.keys().cloned().collect());
            if let [only] = names.as_slice() {
                return Err(self.wrong(format!("holds one class only, {only}; a classifier needs a folder for each of two classes or more")));
            }
            let set = self.part(part, files, names)?;
            parts.insert(part, set);
        }
        if !self.bad.is_empty() {
            let few: Vec<String> = self.bad.iter().take(5).map(|bad| format!("{} ({})", bad.file, bad.what)).collect();
            log::warn!(
                "{}: {} left out that cannot be read: {}{}",
                self.place,
                count(self.bad.len() as u64, "file"),
                few.join(", "),
                if self.bad.len() > 5 { ", …" } else { "" }
            );
        }
        Ok(Images { parts, bad: self.bad, beside })
    }

    fn part(&mut self, part: Part, files: BTreeMap<String, Vec<usize>>, classes: &[String]) -> Result<Dataset, DataError> {
        let [height, width] = self.options.size;
        let each = if self.options.keep == Keep::Pixels { self.options.channels * height * width } else { 0 };
        let there = files.values().flatten().filter(|n| self.decoded.contains_key(n)).count();
        let (mut pixels, mut encoded, mut labels) = (Vec::with_capacity(there * each), Vec::new(), Vec::with_capacity(there));
        for (class, files) in files {
            let Some(label) = classes.iter().position(|name| *name == class) else {
                return Err(self.wrong(format!(
                    "the {} part has the class folder {class:?}, which the training part has not ({})",
                    part.name(),
                    classes.join(", ")
                )));
            };
            let before = (labels.len(), self.bad.len());
            let mut taken = 0;
            for n in &files {
                // Those that a limit passes over are not there.
                let Some(kept) = self.decoded.remove(n) else { continue };
                taken += 1;
                match kept {
                    Ok(picture) => {
                        match self.options.keep {
                            Keep::Pixels => pixels.extend_from_slice(&picture),
                            Keep::Files => encoded.push(picture),
                        }
                        labels.push(label as u32);
                    }
                    Err(what) => self.bad.push(BadFile { file: format!("{}/{}", self.place, self.files[*n]), what }),
                }
            }
            if let Some(bad) = self.bad.get(before.1).filter(|_| self.options.bad_files == BadFiles::Stop) {
                return Err(DataError::Picture { file: bad.file.clone(), what: format!("{}; mend or remove it, or say bad_files = \"skip\"", bad.what) });
            }
            if files.is_empty() {
                return Err(self.wrong(format!("the class folder {class:?} of the {} part holds no pictures; put some there, or remove it", part.name())));
            }
            if let (0, Some(bad)) = (labels.len() - before.0, self.bad.get(before.1)) {
                let what = format!("none of the {} of the class folder {class:?} can be read; the first one: {}: {}", count(taken, "file"), bad.file, bad.what);
                return Err(self.wrong(what));
            }
        }
        let name = match part {
            Part::Train => self.place.clone(),
            part => format!("{} ({})", self.place, part.name()),
        };
        let inputs = match self.options.keep {
            Keep::Pixels => Inputs::U8(pixels.into()),
            Keep::Files => Inputs::Made(Arc::new(Encoded { files: encoded, options: self.options.clone() })),
        };
        let set = Dataset::new(name, inputs, &[self.options.channels, height, width], Targets::Classes(labels.into()), classes.to_vec())?;
        Ok(set.framed(self.options.fit))
    }
}
