//! The device that a browser lends.

use crate::error::{Failure, Result};
use crate::options::{get, object};
use js_sys::{Function, Promise};
use serde::Serialize;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wgrad_tensor::kernels::Caps;
use wgrad_tensor::runtime::{self, Known, Select};

/// A GPU that models live on. Where it is lost during training, the handle goes over to the new one.
#[wasm_bindgen(skip_typescript)]
#[derive(Clone)]
pub struct Device(Rc<RefCell<Opened>>);

struct Opened {
    tensor: wgrad_tensor::Device,
    words: Words,
}

/// What the browser says of its adapter, beyond what the engine reads.
#[derive(Debug, Clone, Default, Serialize)]
struct Words {
    vendor: String,
    architecture: String,
    description: String,
    user_agent: String,
}

#[derive(Serialize)]
struct Info<'a> {
    name: &'a str,
    #[serde(flatten)]
    words: &'a Words,
    software: bool,
    f16: bool,
    features: &'a [String],
    limits: &'a Caps,
}

#[derive(Serialize)]
struct Memory {
    live_bytes: u64,
    peak_bytes: u64,
    buffers: u64,
}

#[wasm_bindgen]
impl Device {
    /// Asks the browser for a device.
    ///
    /// # Errors
    /// Kind `no_webgpu` where the browser has none, `no_adapter` where it lends none, `limit` where the adapter gives no
    /// device.
    #[wasm_bindgen(skip_typescript)]
    pub async fn open() -> std::result::Result<Device, JsValue> {
        Ok(Self(Rc::new(RefCell::new(opened().await?))))
    }

    /// The adapter.
    ///
    /// # Errors
    /// None that a caller could bring about.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn info(&self) -> std::result::Result<JsValue, JsValue> {
        let opened = self.0.borrow();
        let facts = opened.tensor.runtime().facts();
        let info = Info {
            name: &facts.name,
            words: &opened.words,
            software: facts.caps.software,
            f16: facts.caps.f16,
            features: &facts.features,
            limits: &facts.caps,
        };
        Ok(object(&info)?)
    }

    /// Bytes of the buffers on the device now.
    ///
    /// # Errors
    /// None that a caller could bring about.
    #[wasm_bindgen(skip_typescript)]
    pub fn memory(&self) -> std::result::Result<JsValue, JsValue> {
        let counters = self.tensor().runtime().counters();
        Ok(object(&Memory { live_bytes: counters.bytes_allocated, peak_bytes: counters.bytes_peak, buffers: counters.buffers_created })?)
    }

    /// Destroys the device, as a driver's reset would.
    #[wasm_bindgen(skip_typescript)]
    pub fn lose(&self) {
        self.tensor().runtime().lose();
    }
}

/// A device for one task, given back with its memory when the task ends.
#[cfg(feature = "checks")]
pub(crate) struct Own(wgrad_tensor::Device);

#[cfg(feature = "checks")]
impl Own {
    pub(crate) async fn open() -> Result<Self> {
        Ok(Self(opened().await?.tensor))
    }

    pub(crate) fn tensor(&self) -> &wgrad_tensor::Device {
        &self.0
    }
}

#[cfg(feature = "checks")]
impl Drop for Own {
    fn drop(&mut self) {
        self.0.runtime().lose();
    }
}

impl Device {
    /// The engine's handle.
    pub(crate) fn tensor(&self) -> wgrad_tensor::Device {
        self.0.borrow().tensor.clone()
    }
}

#[cfg(feature = "training")]
impl Device {
    /// A device that JavaScript gave, or the shared one.
    pub(crate) async fn from_value(value: &JsValue) -> Result<Self> {
        if !value.is_undefined() && !value.is_null() {
            return Self::unwrap(value);
        }
        thread_local! {
            static SHARED: RefCell<Option<Device>> = const { RefCell::new(None) };
        }
        if let Some(shared) = SHARED.with_borrow(Clone::clone) {
            return Ok(shared);
        }
        let device = Self(Rc::new(RefCell::new(opened().await?)));
        SHARED.set(Some(device.clone()));
        Ok(device)
    }

    /// A handle that JavaScript holds stays its own: this is another on the same device.
    fn unwrap(value: &JsValue) -> Result<Self> {
        let wrong = || Failure::new("other", "the option device must be a Device");
        let handle: Function = get(value, "handle").dyn_into().map_err(|_| wrong())?;
        let copy = handle.call0(value).map_err(|_| wrong())?;
        <Device as wasm_bindgen::convert::TryFromJsValue>::try_from_js_value(copy).map_err(|_| wrong())
    }

    /// Takes a new device in the place of a lost one. A browser needs a moment after a crash of its GPU process.
    pub(crate) async fn renew(&self) -> Result<()> {
        let mut tries = 0;
        loop {
            match opened().await {
                Ok(opened) => {
                    self.0.replace(opened);
                    return Ok(());
                }
                Err(error) if tries >= 20 => return Err(error),
                Err(_) => {
                    tries += 1;
                    runtime::Device::pause(std::time::Duration::from_millis(500)).await;
                }
            }
        }
    }
}

#[wasm_bindgen]
impl Device {
    /// A second handle on the same device.
    #[wasm_bindgen(skip_typescript)]
    pub fn handle(&self) -> Device {
        self.clone()
    }
}

async fn opened() -> Result<Opened> {
    let words = words().await?;
    let known = Known { name: words.name(), software: words.software() };
    let options = runtime::Options { select: Select::Auto, known: Some(known), ..runtime::Options::default() };
    let runtime = runtime::Device::open_with(&options).await?;
    Ok(Opened { tensor: wgrad_tensor::Device::from_runtime(runtime), words })
}

impl Words {
    /// The most telling of the words.
    fn name(&self) -> String {
        let first = [&self.description, &self.architecture, &self.vendor].into_iter().find(|w| !w.is_empty());
        match (first, self.vendor.as_str()) {
            (Some(word), vendor) if !vendor.is_empty() && word != vendor => format!("{vendor} {word}"),
            (Some(word), _) => word.clone(),
            (None, _) => "a GPU that the browser does not name".to_owned(),
        }
    }

    /// Whether they name a known software driver.
    fn software(&self) -> bool {
        let all = format!("{} {} {}", self.vendor, self.architecture, self.description).to_ascii_lowercase();
        ["swiftshader", "llvmpipe", "lavapipe", "basic render"].iter().any(|name| all.contains(name))
    }
}

/// Asks the browser what its adapter is.
async fn words() -> Result<Words> {
    let navigator = get(&js_sys::global(), "navigator");
    let gpu = get(&navigator, "gpu");
    if !gpu.is_object() {
        return Err(Failure::new("no_webgpu", "this browser has no WebGPU, or the page did not come over https or from localhost: navigator.gpu is missing"));
    }
    let request: Function = get(&gpu, "requestAdapter").dyn_into().map_err(|_| Failure::new("no_webgpu", "navigator.gpu has no requestAdapter"))?;
    let failed = |error: JsValue| Failure::new("no_adapter", format!("the browser failed to look for an adapter: {}", text(&error)));
    let promise: Promise = request.call0(&gpu).map_err(failed)?.unchecked_into();
    let adapter = JsFuture::from(promise).await.map_err(failed)?;
    if !adapter.is_object() {
        return Err(Failure::new(
            "no_adapter",
            "the browser has WebGPU and lends no adapter: the GPU or its driver is on its block list, or hardware acceleration is off",
        ));
    }
    let info = get(&adapter, "info");
    let word = |name: &str| get(&info, name).as_string().unwrap_or_default();
    Ok(Words {
        vendor: word("vendor"),
        architecture: word("architecture"),
        description: word("description"),
        user_agent: get(&navigator, "userAgent").as_string().unwrap_or_default(),
    })
}

fn text(error: &JsValue) -> String {
    get(error, "message").as_string().or_else(|| error.as_string()).unwrap_or_else(|| "no reason given".to_owned())
}
