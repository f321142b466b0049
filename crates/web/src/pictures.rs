//! Sets of pictures from the files that JavaScript gave.

use crate::data::{Read, Watch};
use crate::error::{Failure, Result};
use crate::reader::Walk;
use wasm_bindgen::JsValue;
use wgrad_nn::data::DataError;
use wgrad_nn::data::cifar::{FILES, PICTURES, cifar10_from_bytes};
use wgrad_nn::data::image::{Gathering, ImageOptions, Images, Limits, Part};
use wgrad_nn::recipe::{Cifar10, PictureSets, Pictures};
use wgrad_nn::{Error, Recipe};

/// Bytes of all pictures of a set as they are kept: a tab has no more than 4 GiB, and a set is copied once.
const MAX_KEPT: u64 = 1 << 30;

/// Pictures that are decoded at a time, and the bytes of their files: many small ones, few large ones.
const TOGETHER: usize = 16;
const TOGETHER_BYTES: usize = 1 << 20;

/// Reads the sets of a recipe on pictures.
pub(crate) async fn pictures(recipe: &Recipe, pictures: &Pictures, files: &JsValue, watch: &Watch) -> Result<Read> {
    let mut read = Gatherer { recipe, files, watch, skipped: Vec::new(), beside: 0 };
    let train = read.set(&pictures.train, pictures.options(recipe.seed), None).await?;
    let mut sets = PictureSets::of(pictures, train).map_err(Error::from)?;
    for (part, name, options) in pictures.others(recipe.seed) {
        let images = read.set(name, options, Some(sets.classes())).await?;
        sets.add(part, images);
    }
    Ok(Read { train: sets.train, validation: sets.validation, test: sets.test, skipped: read.skipped, beside: read.beside })
}

/// Reads CIFAR-10: its binary files, or else its pictures.
pub(crate) async fn cifar10(recipe: &Recipe, settings: &Cifar10, files: &JsValue, watch: &Watch) -> Result<Read> {
    if let Some(walk) = Walk::open(files, "cifar10").await? {
        return binary(&walk, watch).await;
    }
    let mut read = Gatherer { recipe, files, watch, skipped: Vec::new(), beside: 0 };
    let options = |samples| ImageOptions { size: [32, 32], samples, seed: recipe.seed, ..ImageOptions::default() };
    let part = |mut images: Images| {
        let none = || Error::from(DataError::Files { place: "CIFAR-10".to_owned(), what: "holds no class folders".to_owned() });
        images.parts.remove(&Part::Train).ok_or_else(none)
    };
    let train = part(read.set(PICTURES[0], options(settings.train), None).await?)?;
    let test = part(read.set(PICTURES[1], options(settings.test), Some(train.classes())).await?)?;
    Ok(Read { train, validation: None, test: Some(test), skipped: read.skipped, beside: read.beside })
}

async fn binary(walk: &Walk, watch: &Watch) -> Result<Read> {
    let mut files: Vec<Option<(String, Vec<u8>)>> = vec![None; FILES.len()];
    let mut meta = None;
    while let Some(entry) = walk.next().await? {
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let number = FILES.iter().position(|file| *file == name);
        if number.is_none() && name != "batches.meta.txt" {
            continue;
        }
        let bytes = walk.bytes().await?.map_err(|what| Error::from(DataError::Files { place: entry.path.clone(), what }))?;
        match number {
            Some(number) => files[number] = Some((entry.path, bytes)),
            None => meta = Some(String::from_utf8_lossy(&bytes).into_owned()),
        }
        watch.tell("CIFAR-10", files.iter().flatten().count(), FILES.len(), 0)?;
    }
    let missing = |name: &str| Error::from(DataError::Files { place: "CIFAR-10".to_owned(), what: format!("{name} is not there; give the whole set again") });
    let mut train = files.into_iter().zip(FILES).map(|(file, name)| file.ok_or_else(|| missing(name))).collect::<std::result::Result<Vec<_>, _>>()?;
    let test = train.split_off(FILES.len() - 1);
    let set = |name: &str, files: &[_]| cifar10_from_bytes(name, files, meta.as_deref()).map_err(Error::from);
    let test = set("cifar10 (test)", &test)?;
    Ok(Read { train: set("cifar10", &train)?, validation: None, test: Some(test), skipped: Vec::new(), beside: 0 })
}

/// Reads sets one after another, and remembers what was left out.
struct Gatherer<'a> {
    recipe: &'a Recipe,
    files: &'a JsValue,
    watch: &'a Watch,
    skipped: Vec<String>,
    beside: usize,
}

impl Gatherer<'_> {
    /// What the recipe calls `name`. It is walked twice: for the paths, which say what is wanted, and for the pictures. Few of
    /// them are there at their own size at any time.
    async fn set(&mut self, name: &str, options: ImageOptions, classes: Option<&[String]>) -> Result<Images> {
        let walk = self.open(name).await?;
        let place = walk.place.clone();
        let options = ImageOptions { limits: Limits { kept: MAX_KEPT, ..Limits::default() }, ..options };
        let mut gathering = Gathering::new(place.clone(), options).map_err(Error::from)?;
        let mut listed = 0;
        while let Some(entry) = walk.next().await? {
            match entry.folder {
                true => gathering.list_folder(entry.path),
                false => gathering.list_file(entry.path),
            }
            listed += 1;
            if listed % 256 == 0 {
                self.watch.tell(&place, 0, 0, 0)?;
            }
        }
        drop(walk);
        let of = gathering.choose().map_err(Error::from)?;
        let walk = self.open(name).await?;
        let (mut done, mut skipped) = (0, 0);
        self.watch.tell(&place, done, of, skipped)?;
        let (mut ahead, mut bytes) = (Vec::new(), 0);
        loop {
            let entry = walk.next().await?;
            let last = entry.is_none();
            if let Some(entry) = entry.filter(|entry| !entry.folder && gathering.wants(&entry.path)) {
                bytes += entry.size;
                ahead.push((entry.path, walk.decode(gathering.options().limits.pixels)));
            }
            if last || ahead.len() >= TOGETHER || bytes >= TOGETHER_BYTES {
                for (path, pixels) in ahead.drain(..) {
                    let picture = walk.decoded(pixels).await?;
                    skipped += usize::from(picture.is_err());
                    gathering.take(&path, picture);
                    done += 1;
                    self.watch.tell(&place, done, of, skipped)?;
                }
                bytes = 0;
            }
            if last {
                break;
            }
        }
        let images = gathering.finish(classes).map_err(Error::from)?;
        // Where there is one set, its name says nothing.
        let named = |file: &str| if name == "." { file.strip_prefix(&format!("{place}/")).unwrap_or(file).to_owned() } else { file.to_owned() };
        self.skipped.extend(images.bad.iter().map(|bad| format!("{}: {}", named(&bad.file), bad.what)));
        self.beside += images.beside;
        Ok(images)
    }

    async fn open(&self, name: &str) -> Result<Walk> {
        let missing = || {
            let what = match name {
                "." => {
                    "pictures that are not there: give an archive (.tar, .tar.gz, .zip) with a folder for each class, or the files by their paths".to_owned()
                }
                name if PICTURES.contains(&name) => {
                    format!("CIFAR-10, which is not there: cifar-10-binary.tar.gz, or {}.tar.gz and {}.tar.gz", PICTURES[0], PICTURES[1])
                }
                name => format!("files that are not there: {name}"),
            };
            Failure::new("data", format!("the recipe {} needs {what}", self.recipe.name))
        };
        Walk::open(self.files, name).await?.ok_or_else(missing)
    }
}
