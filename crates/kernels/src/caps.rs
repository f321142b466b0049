//! What an adapter can do: the facts by which a kernel variant is chosen.

use serde::{Deserialize, Serialize};

/// Facts about a device. The default is what WebGPU guarantees everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Caps {
    /// The adapter is the processor itself (lavapipe, SwiftShader): loads are dear, barriers dearer.
    pub software: bool,
    /// Threads that a software adapter works with; 2 where unknown, and of no meaning for other adapters.
    pub workers: u32,
    /// Smallest and largest subgroup size, where subgroup operations exist.
    pub subgroup: Option<(u32, u32)>,
    /// f16 in storage and arithmetic.
    pub f16: bool,
    /// Invocations a workgroup.
    pub max_invocations: u32,
    /// Bytes of workgroup memory.
    pub max_workgroup_bytes: u32,
    /// Storage buffers a shader stage.
    pub max_storage_buffers: u32,
    /// Workgroups along one dimension of a dispatch.
    pub max_groups: u32,
    /// Bytes of one storage binding.
    pub max_binding_bytes: u64,
    /// Bytes of one buffer.
    pub max_buffer_bytes: u64,
    /// Alignment of a uniform binding's offset in bytes.
    pub uniform_align: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            software: false,
            workers: 2,
            subgroup: None,
            f16: false,
            max_invocations: 256,
            max_workgroup_bytes: 16 << 10,
            max_storage_buffers: 8,
            max_groups: 65_535,
            max_binding_bytes: 128 << 20,
            max_buffer_bytes: 256 << 20,
            uniform_align: 256,
        }
    }
}

impl Caps {
    /// `groups` workgroups in a row, folded into a grid no side of which is over the limit.
    /// The kernel recovers its number as `x + y * num_workgroups.x` and guards its end.
    pub fn fold(&self, groups: u64) -> [u32; 3] {
        let max = u64::from(self.max_groups);
        if groups <= max {
            return [groups as u32, 1, 1];
        }
        let rows = groups.div_ceil(max);
        [groups.div_ceil(rows) as u32, rows as u32, 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fold_covers_every_group_within_the_limit() {
        let caps = Caps::default();
        for groups in [0, 1, 65_535, 65_536, 65_537, 1 << 24, (1 << 31) + 1] {
            let [x, y, z] = caps.fold(groups);
            assert!(x <= caps.max_groups && y <= caps.max_groups && z == 1);
            assert!(u64::from(x) * u64::from(y) >= groups, "{groups}");
        }
    }
}
