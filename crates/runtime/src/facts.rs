//! What is known of an adapter.

use serde::{Deserialize, Serialize};
use std::fmt;
use wgrad_kernels::Caps;

/// What kind of device an adapter is, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the processor's memory.
    Integrated,
    /// A GPU lent by a host to a virtual machine.
    Virtual,
    /// Unknown; browsers do not tell.
    Other,
    /// The processor itself.
    Cpu,
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discrete => "discrete GPU",
            Self::Integrated => "integrated GPU",
            Self::Virtual => "virtual GPU",
            Self::Other => "device of unknown kind",
            Self::Cpu => "software adapter",
        })
    }
}

/// An adapter as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterFacts {
    /// Its number for [`Select::Index`](crate::Select::Index).
    pub index: usize,
    /// Its name; empty in browsers.
    pub name: String,
    /// The API: `vulkan`, `metal`, `dx12`, `webgpu`.
    pub backend: String,
    /// What it is.
    pub kind: AdapterKind,
    /// The driver's name.
    pub driver: String,
    /// The driver's version.
    pub driver_info: String,
    /// PCI vendor.
    pub vendor: u32,
    /// PCI device.
    pub device: u32,
    /// Smallest and largest subgroup.
    pub subgroup: (u32, u32),
    /// The features of interest that it has, by wgpu's names.
    pub features: Vec<String>,
    /// What a device of it can do.
    pub caps: Caps,
    /// Bytes of one uniform binding.
    pub max_uniform_bytes: u64,
    /// Its place among all adapters, 0 for the one that `auto` takes.
    pub rank: usize,
    /// Why it has that place.
    pub reason: String,
}

impl AdapterFacts {
    /// Adds what a browser knows.
    pub(crate) fn tell(&mut self, known: &crate::device::Known) {
        if self.name.is_empty() {
            self.name.clone_from(&known.name);
        }
        if known.software {
            self.kind = AdapterKind::Cpu;
            self.caps.software = true;
        }
    }
}

impl fmt::Display for AdapterFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.name.is_empty() { "unnamed" } else { &self.name };
        write!(f, "{}: {name} ({}, {}, driver {} {})", self.index, self.kind, self.backend, self.driver, self.driver_info)
    }
}

/// Features that are asked for where the adapter has them.
pub(crate) fn wanted_features() -> wgpu::Features {
    wgpu::Features::SHADER_F16 | wgpu::Features::SUBGROUP | wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::PIPELINE_CACHE
}

/// Features that are only reported.
fn shown_features() -> wgpu::Features {
    wanted_features()
        | wgpu::Features::SUBGROUP_BARRIER
        | wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES
        | wgpu::Features::IMMEDIATES
        | wgpu::Features::SHADER_F64
        | wgpu::Features::SHADER_I16
        | wgpu::Features::SHADER_INT64
        | wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX
}

/// Reads an adapter's facts; rank and reason follow from the others, by [`rank`](crate::select::rank).
pub(crate) fn facts(index: usize, adapter: &wgpu::Adapter) -> AdapterFacts {
    let info = adapter.get_info();
    let features = adapter.features();
    let limits = adapter.limits();
    AdapterFacts {
        index,
        kind: kind(info.device_type),
        backend: info.backend.to_str().to_owned(),
        vendor: info.vendor,
        device: info.device,
        subgroup: (info.subgroup_min_size, info.subgroup_max_size),
        features: (features & shown_features()).iter_names().map(|(name, _)| name.to_owned()).collect(),
        caps: caps(&info, features, &limits),
        max_uniform_bytes: limits.max_uniform_buffer_binding_size,
        name: info.name,
        driver: info.driver,
        driver_info: info.driver_info,
        rank: 0,
        reason: String::new(),
    }
}

fn kind(device_type: wgpu::DeviceType) -> AdapterKind {
    match device_type {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
        wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
        wgpu::DeviceType::Other => AdapterKind::Other,
        wgpu::DeviceType::Cpu => AdapterKind::Cpu,
    }
}

fn caps(info: &wgpu::AdapterInfo, features: wgpu::Features, limits: &wgpu::Limits) -> Caps {
    let subgroup = (info.subgroup_min_size, info.subgroup_max_size);
    Caps {
        software: info.device_type == wgpu::DeviceType::Cpu,
        workers: std::thread::available_parallelism().map_or(2, |n| n.get() as u32),
        subgroup: features.contains(wgpu::Features::SUBGROUP).then_some(subgroup),
        f16: features.contains(wgpu::Features::SHADER_F16),
        max_invocations: limits.max_compute_invocations_per_workgroup,
        max_workgroup_bytes: limits.max_compute_workgroup_storage_size,
        max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
        max_groups: limits.max_compute_workgroups_per_dimension,
        max_binding_bytes: limits.max_storage_buffer_binding_size,
        max_buffer_bytes: limits.max_buffer_size,
        uniform_align: limits.min_uniform_buffer_offset_alignment,
    }
}
