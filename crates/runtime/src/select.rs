//! Which adapter to take: a pure choice over facts.

use crate::{AdapterFacts, AdapterKind, Error};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// Which adapter to open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Select {
    /// The best real GPU; a software adapter where there is none.
    #[default]
    Auto,
    /// The best real GPU, never a software adapter.
    Gpu,
    /// A software adapter.
    Cpu,
    /// The adapter of this number, as listed.
    Index(usize),
    /// The best adapter whose name, driver or vendor holds this text, in any case.
    Name(String),
}

impl FromStr for Select {
    type Err = Infallible;

    /// `auto`, `gpu`, `cpu`, a number, or a part of a name.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let text = text.trim();
        Ok(match text.to_ascii_lowercase().as_str() {
            "" | "auto" => Self::Auto,
            "gpu" => Self::Gpu,
            "cpu" => Self::Cpu,
            _ => text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index),
        })
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Gpu => f.write_str("gpu"),
            Self::Cpu => f.write_str("cpu"),
            Self::Index(index) => write!(f, "{index}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// PCI vendor numbers by the names people use.
const VENDORS: [(u32, &str); 6] =
    [(0x10de, "nvidia"), (0x1002, "amd radeon"), (0x8086, "intel"), (0x106b, "apple"), (0x13b5, "arm mali"), (0x5143, "qualcomm adreno")];

/// Gives every adapter its rank and the reason for it. The order of the list breaks ties.
pub fn rank(adapters: &mut [AdapterFacts]) {
    let mut order: Vec<usize> = (0..adapters.len()).collect();
    order.sort_by_key(|&i| adapters[i].kind);
    let best = order.first().map(|&i| adapters[i].kind);
    for (place, &i) in order.iter().enumerate() {
        let kind = adapters[i].kind;
        adapters[i].rank = place;
        adapters[i].reason = match (place, best) {
            (0, _) if order.len() == 1 => "the only adapter".to_owned(),
            (0, _) => format!("a {kind}: real GPUs come first, discrete before integrated before virtual, software last"),
            (_, Some(best)) if best == kind => format!("a {kind}, listed after another"),
            (_, Some(best)) => format!("a {kind}: a {best} comes before it"),
            (_, None) => String::new(),
        };
    }
}

/// The position in `adapters`, which [`rank`] has ordered, of the one to open.
///
/// # Errors
/// [`Error::NoAdapter`] for an empty list; [`Error::UnknownAdapter`], which lists all, where none fits.
pub fn choose(adapters: &[AdapterFacts], select: &Select) -> Result<usize, Error> {
    if adapters.is_empty() {
        return Err(Error::NoAdapter { looked: "the list of adapters is empty".to_owned() });
    }
    let fits = |facts: &AdapterFacts| match select {
        Select::Auto => true,
        Select::Gpu => facts.kind != AdapterKind::Cpu,
        Select::Cpu => facts.kind == AdapterKind::Cpu,
        Select::Index(index) => facts.index == *index,
        Select::Name(name) => matches_name(facts, name),
    };
    let found = adapters.iter().enumerate().filter(|(_, facts)| fits(facts)).min_by_key(|(_, facts)| facts.rank);
    found.map(|(position, _)| position).ok_or_else(|| Error::UnknownAdapter {
        wanted: match select {
            Select::Auto => "there".to_owned(),
            Select::Gpu => "a real GPU".to_owned(),
            Select::Cpu => "a software adapter (on Debian or Ubuntu: `apt-get install mesa-vulkan-drivers`)".to_owned(),
            Select::Index(index) => format!("number {index}"),
            Select::Name(name) => format!("called `{name}`"),
        },
        available: adapters.iter().map(ToString::to_string).collect(),
    })
}

fn matches_name(facts: &AdapterFacts, wanted: &str) -> bool {
    let wanted = wanted.to_ascii_lowercase();
    let vendor = VENDORS.iter().find(|(id, _)| *id == facts.vendor).map_or("", |(_, name)| name);
    [facts.name.as_str(), &facts.driver, vendor].iter().any(|text| text.to_ascii_lowercase().contains(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wgrad_kernels::Caps;

    fn adapters(list: &[(&str, AdapterKind, u32)]) -> Vec<AdapterFacts> {
        let facts = |(index, (name, kind, vendor)): (usize, &(&str, AdapterKind, u32))| AdapterFacts {
            index,
            name: (*name).to_owned(),
            backend: "vulkan".to_owned(),
            kind: *kind,
            driver: "driver".to_owned(),
            driver_info: "1".to_owned(),
            vendor: *vendor,
            device: 0,
            subgroup: (4, 128),
            features: Vec::new(),
            caps: Caps::default(),
            max_uniform_bytes: 65536,
            rank: 0,
            reason: String::new(),
        };
        let mut adapters: Vec<_> = list.iter().enumerate().map(facts).collect();
        rank(&mut adapters);
        adapters
    }

    fn all() -> Vec<AdapterFacts> {
        use AdapterKind::{Cpu, Discrete, Integrated, Other, Virtual};
        adapters(&[
            ("llvmpipe", Cpu, 0x10005),
            ("Mystery", Other, 0),
            ("Venus", Virtual, 0x1af4),
            ("UHD 770", Integrated, 0x8086),
            ("H100", Discrete, 0x10de),
            ("RTX 4090", Discrete, 0x10de),
        ])
    }

    #[test]
    fn discrete_integrated_virtual_other_cpu() {
        let adapters = all();
        let ranks: Vec<usize> = adapters.iter().map(|facts| facts.rank).collect();
        assert_eq!(ranks, [5, 4, 3, 2, 0, 1]);
        assert!(adapters[0].reason.contains("discrete GPU comes before"), "{}", adapters[0].reason);
    }

    #[test]
    fn auto_takes_software_only_where_nothing_else_is() {
        assert_eq!(choose(&all(), &Select::Auto), Ok(4));
        assert_eq!(choose(&adapters(&[("llvmpipe", AdapterKind::Cpu, 0)]), &Select::Auto), Ok(0));
    }

    #[test]
    fn gpu_never_takes_software() {
        let error = choose(&adapters(&[("llvmpipe", AdapterKind::Cpu, 0)]), &Select::Gpu).unwrap_err();
        assert!(error.to_string().contains("real GPU") && error.to_string().contains("llvmpipe"), "{error}");
        assert_eq!(choose(&all(), &Select::Gpu), Ok(4));
    }

    #[test]
    fn cpu_takes_software_beside_a_gpu() {
        assert_eq!(choose(&all(), &Select::Cpu), Ok(0));
        assert!(choose(&adapters(&[("H100", AdapterKind::Discrete, 0)]), &Select::Cpu).is_err());
    }

    #[test]
    fn names_match_in_any_case_by_name_driver_or_vendor() {
        let name = |text: &str| choose(&all(), &Select::Name(text.to_owned()));
        assert_eq!(name("rtx"), Ok(5));
        assert_eq!(name("nvidia"), Ok(4));
        assert_eq!(name("Intel"), Ok(3));
        assert_eq!(name("LLVM"), Ok(0));
    }

    #[test]
    fn an_unknown_name_or_number_lists_all() {
        for select in [Select::Name("voodoo".to_owned()), Select::Index(6)] {
            let text = choose(&all(), &select).unwrap_err().to_string();
            assert!(text.contains(&select.to_string()) && text.contains("H100") && text.contains("llvmpipe"), "{text}");
        }
    }

    #[test]
    fn no_adapter_says_what_to_install() {
        let text = choose(&[], &Select::Auto).unwrap_err().to_string();
        assert!(text.contains("apt-get install") && text.contains("mesa-vulkan-drivers"), "{text}");
    }

    #[test]
    fn text_is_parsed_and_printed_alike() {
        for (text, select) in
            [("auto", Select::Auto), ("gpu", Select::Gpu), ("cpu", Select::Cpu), ("2", Select::Index(2)), ("nvidia", Select::Name("nvidia".to_owned()))]
        {
            assert_eq!(text.parse(), Ok(select.clone()));
            assert_eq!(select.to_string(), text);
        }
    }
}
