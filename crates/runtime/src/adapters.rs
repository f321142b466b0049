//! Finding adapters.

use super::facts::facts;
use crate::select::{choose, rank};
use crate::{AdapterFacts, Error, Select};

/// The adapter to open, with its facts.
pub(crate) async fn find(select: &Select) -> Result<(wgpu::Adapter, AdapterFacts), Error> {
    let (mut adapters, facts): (Vec<_>, Vec<_>) = search(select).await?.into_iter().unzip();
    let position = choose(&facts, select)?;
    // invariant: `choose` gives a position of the list.
    Ok((adapters.swap_remove(position), facts[position].clone()))
}

/// All adapters, ranked.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) async fn all() -> Vec<(wgpu::Adapter, AdapterFacts)> {
    let adapters = instance().enumerate_adapters(wgpu::Backends::all()).await;
    ranked(adapters)
}

#[cfg(not(target_arch = "wasm32"))]
async fn search(_: &Select) -> Result<Vec<(wgpu::Adapter, AdapterFacts)>, Error> {
    let found = all().await;
    if found.is_empty() {
        let looked = match std::env::var("WGPU_BACKEND") {
            Ok(backend) => format!("WGPU_BACKEND={backend} leaves out all other APIs"),
            Err(_) => "Vulkan, Metal and Direct3D 12 were tried".to_owned(),
        };
        return Err(Error::NoAdapter { looked });
    }
    Ok(found)
}

/// A browser shows one adapter, and only on request.
#[cfg(target_arch = "wasm32")]
async fn search(select: &Select) -> Result<Vec<(wgpu::Adapter, AdapterFacts)>, Error> {
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        force_fallback_adapter: *select == Select::Cpu,
        ..Default::default()
    };
    match instance().request_adapter(&options).await {
        Ok(adapter) => Ok(ranked(vec![adapter])),
        Err(error) => Err(Error::NoAdapter { looked: error.to_string() }),
    }
}

fn instance() -> wgpu::Instance {
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    wgpu::Instance::new(descriptor.with_env())
}

fn ranked(adapters: Vec<wgpu::Adapter>) -> Vec<(wgpu::Adapter, AdapterFacts)> {
    let mut known: Vec<AdapterFacts> = adapters.iter().enumerate().map(|(index, adapter)| facts(index, adapter)).collect();
    rank(&mut known);
    adapters.into_iter().zip(known).collect()
}
