//! `wgrad info`

use super::{say, say_json};
use crate::args::Global;
use crate::{Ending, Failure};
use serde_json::json;
use wgrad_tensor::runtime::{AdapterFacts, Device, Error, choose, human};

/// Arguments of `wgrad info`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  wgrad info\n  wgrad info --json --device nvidia")]
pub(crate) struct Args {
    /// Writes JSON.
    #[arg(long)]
    json: bool,
}

/// Lists the adapters.
pub(crate) fn run(global: &Global, args: &Args) -> Result<Ending, Failure> {
    let adapters = Device::adapters();
    let select = global.select();
    let chosen = match choose(&adapters, &select) {
        Ok(position) => Ok(&adapters[position]),
        Err(_) if adapters.is_empty() => Err(Error::NoAdapter { looked: "Vulkan, Metal and Direct3D 12 were tried".to_owned() }),
        Err(error) => Err(error),
    };
    if args.json {
        say_json(&json!({
            "wgrad": env!("CARGO_PKG_VERSION"),
            "wgpu": wgrad_tensor::verify::WGPU,
            "naga": wgrad_tensor::verify::NAGA,
            "asked_for": select.to_string(),
            "chosen": chosen.as_ref().ok().map(|facts| facts.index),
            "why": chosen.as_ref().ok().map(|facts| why(facts, global)),
            "adapters": adapters,
        }))?;
    } else {
        for facts in &adapters {
            say(describe(facts, chosen.as_ref().is_ok_and(|c| c.index == facts.index)));
        }
    }
    let facts = chosen?;
    if !args.json {
        say(format!("chosen: {} {}: {}", facts.index, facts.name, why(facts, global)));
    }
    Ok(Ending::Good)
}

fn why(facts: &AdapterFacts, global: &Global) -> String {
    match &global.device {
        Some(text) => format!("--device {text}; {}", facts.reason),
        None => facts.reason.clone(),
    }
}

fn describe(facts: &AdapterFacts, chosen: bool) -> String {
    let caps = &facts.caps;
    let subgroup = caps.subgroup.map_or_else(|| "none".to_owned(), |(low, high)| if low == high { low.to_string() } else { format!("{low} to {high}") });
    [
        format!("{} {facts}", if chosen { "*" } else { " " }),
        format!(
            "    subgroup {subgroup}, f16 {}, {} invocations a workgroup, {} workgroup memory",
            yes(caps.f16),
            caps.max_invocations,
            human(caps.max_workgroup_bytes.into())
        ),
        format!(
            "    {} a binding, {} a buffer, {} storage buffers a shader, {} groups a dimension",
            human(caps.max_binding_bytes),
            human(caps.max_buffer_bytes),
            caps.max_storage_buffers,
            caps.max_groups
        ),
        format!("    features: {}", if facts.features.is_empty() { "none of interest".to_owned() } else { facts.features.join(", ") }),
    ]
    .join("\n")
}

fn yes(it: bool) -> &'static str {
    if it { "yes" } else { "no" }
}
