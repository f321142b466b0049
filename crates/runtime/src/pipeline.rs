//! From programs to pipelines. All WGSL enters the device here.

use crate::counters::Stats;
use crate::state::{State, lock};
use crate::{Binding, Dispatch, Error};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use wgrad_kernels::{Access, Program};

/// What a binding number is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BindKind {
    Uniform,
    Read,
    ReadWrite,
}

impl From<&Binding> for BindKind {
    fn from(binding: &Binding) -> Self {
        match binding {
            Binding::Uniform(_) | Binding::Buffer { access: Access::Uniform, .. } => Self::Uniform,
            Binding::Buffer { access: Access::Read, .. } => Self::Read,
            Binding::Buffer { access: Access::ReadWrite, .. } => Self::ReadWrite,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    program: Program,
    kinds: Vec<BindKind>,
}

/// A bind group layout and the pipeline layout over it.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) group: wgpu::BindGroupLayout,
    pipeline: wgpu::PipelineLayout,
}

/// A compiled program.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: Arc<Layout>,
}

/// All pipelines of a device.
#[derive(Debug)]
pub(crate) struct Pipelines {
    device: wgpu::Device,
    checked: bool,
    state: Arc<State>,
    stats: Arc<Stats>,
    layouts: Mutex<HashMap<Vec<BindKind>, Arc<Layout>>>,
    built: Mutex<HashMap<Key, Built>>,
    cache: Option<wgpu::PipelineCache>,
    #[cfg(not(target_arch = "wasm32"))]
    disk: Option<crate::disk::Disk>,
}

impl Pipelines {
    pub(crate) fn new(device: wgpu::Device, checked: bool, state: Arc<State>, stats: Arc<Stats>) -> Self {
        Self {
            device,
            checked,
            state,
            stats,
            layouts: Mutex::default(),
            built: Mutex::default(),
            cache: None,
            #[cfg(not(target_arch = "wasm32"))]
            disk: None,
        }
    }

    /// With a cache kept in `folder`, where the adapter has one.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn with_disk(mut self, folder: &std::path::Path) -> Self {
        let Some(key) = crate::disk::key(&self.device.adapter_info()) else { return self };
        if !self.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return self;
        }
        let (disk, data) = crate::disk::Disk::open(folder, &key);
        let descriptor = wgpu::PipelineCacheDescriptor { label: Some("pipelines"), data: data.as_deref(), fallback: true };
        // SAFETY: the data are what `PipelineCache::get_data` gave on the same adapter and driver: `Disk` checks
        // a checksum, the file's name holds adapter and driver, and wgpu checks its own header.
        #[allow(unsafe_code)]
        let cache = unsafe { self.device.create_pipeline_cache(&descriptor) };
        self.cache = Some(cache);
        self.disk = Some(disk);
        self
    }

    /// The pipelines of `dispatches`, in their order; those that are missing are compiled in parallel.
    pub(crate) fn build(&self, dispatches: &[&Dispatch]) -> Result<Vec<Built>, Error> {
        let keys: Vec<Key> = dispatches.iter().map(|dispatch| Key::of(dispatch)).collect();
        let mut missing: Vec<(&Key, &str)> = Vec::new();
        {
            let built = lock(&self.built);
            let mut wanted = std::collections::HashSet::new();
            for (key, dispatch) in keys.iter().zip(dispatches) {
                if !built.contains_key(key) && wanted.insert(key) {
                    missing.push((key, &dispatch.label));
                }
            }
        }
        Stats::count(&self.stats.pipelines_reused, (keys.len() - missing.len()) as u64);
        if !missing.is_empty() {
            let fresh = self.compile_all(&missing)?;
            lock(&self.built).extend(missing.iter().map(|(key, _)| (*key).clone()).zip(fresh));
            self.save();
        }
        let built = lock(&self.built);
        // invariant: every key was there or has just been added, and none is ever removed.
        Ok(keys.iter().filter_map(|key| built.get(key).cloned()).collect())
    }

    #[cfg(target_arch = "wasm32")]
    fn compile_all(&self, missing: &[(&Key, &str)]) -> Result<Vec<Built>, Error> {
        missing.iter().map(|(key, label)| self.compile(key, label)).collect()
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn compile_all(&self, missing: &[(&Key, &str)]) -> Result<Vec<Built>, Error> {
        use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(missing.len());
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Result<Built, Error>>>> = missing.iter().map(|_| Mutex::default()).collect();
        let work = || {
            while let Some((place, (key, label))) = Some(next.fetch_add(1, Relaxed)).and_then(|i| results.get(i).zip(missing.get(i))) {
                *lock(place) = Some(self.compile(key, label));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        // invariant: the threads took every index once, so every place is filled.
        results.iter().filter_map(|place| lock(place).take()).collect()
    }

    fn compile(&self, key: &Key, label: &str) -> Result<Built, Error> {
        let name = key.program.label();
        let label = if name.is_empty() { label } else { &name };
        // Scopes belong to the thread that opens them. In a browser their answer comes later, so there an error
        // reaches the device's state instead and comes out of the next submit or read.
        #[cfg(not(target_arch = "wasm32"))]
        let scopes = [wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation].map(|filter| self.device.push_error_scope(filter));
        let layout = self.layout(&key.kinds);
        let module = self.module(label, &key.program.wgsl());
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: Some(&layout.pipeline),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions { zero_initialize_workgroup_memory: self.checked, ..Default::default() },
            cache: self.cache.as_ref(),
        });
        #[cfg(not(target_arch = "wasm32"))]
        for scope in scopes.into_iter().rev() {
            if let Some(error) = pollster::block_on(scope.pop()) {
                return Err(Error::Shader { label: label.to_owned(), message: error.to_string() });
            }
        }
        self.state.check()?;
        Stats::count(&self.stats.pipelines_compiled, 1);
        Ok(Built { pipeline, layout })
    }

    /// Makes every shader module there is.
    fn module(&self, label: &str, wgsl: &str) -> wgpu::ShaderModule {
        let descriptor = wgpu::ShaderModuleDescriptor { label: Some(label), source: wgpu::ShaderSource::Wgsl(wgsl.into()) };
        if self.checked {
            return self.device.create_shader_module(descriptor);
        }
        // SAFETY: the kernels guard their own bounds and loops; the same kernels run checked in debug builds and
        // tests, over sizes that do not divide their tiles. Browsers check in any case.
        #[allow(unsafe_code)]
        unsafe {
            self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        }
    }

    fn layout(&self, kinds: &[BindKind]) -> Arc<Layout> {
        let mut layouts = lock(&self.layouts);
        if let Some(layout) = layouts.get(kinds) {
            return layout.clone();
        }
        let entries: Vec<wgpu::BindGroupLayoutEntry> = kinds.iter().zip(0..).map(|(kind, binding)| entry(*kind, binding)).collect();
        let descriptor = wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries };
        let group = self.device.create_bind_group_layout(&descriptor);
        let pipeline =
            self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor { label: None, bind_group_layouts: &[Some(&group)], immediate_size: 0 });
        let layout = Arc::new(Layout { group, pipeline });
        layouts.insert(kinds.to_vec(), layout.clone());
        layout
    }

    #[cfg(target_arch = "wasm32")]
    fn save(&self) {}

    #[cfg(not(target_arch = "wasm32"))]
    fn save(&self) {
        if let (Some(disk), Some(cache)) = (&self.disk, &self.cache)
            && let Some(data) = cache.get_data()
        {
            disk.save(&data);
        }
    }
}

impl Key {
    fn of(dispatch: &Dispatch) -> Self {
        Self { program: dispatch.program.clone(), kinds: dispatch.bindings.iter().map(BindKind::from).collect() }
    }
}

fn entry(kind: BindKind, binding: u32) -> wgpu::BindGroupLayoutEntry {
    let ty = match kind {
        BindKind::Uniform => wgpu::BufferBindingType::Uniform,
        BindKind::Read => wgpu::BufferBindingType::Storage { read_only: true },
        BindKind::ReadWrite => wgpu::BufferBindingType::Storage { read_only: false },
    };
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    }
}
