//! Element types.

use serde::{Deserialize, Serialize};

/// The type of one element of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DType {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16: a storage type; arithmetic happens in f32.
    F16,
    /// Two's complement 32-bit integer; arithmetic wraps.
    I32,
    /// Unsigned 32-bit integer; arithmetic wraps.
    U32,
    /// A truth value, stored as a u32 that is 0 or 1 (WGSL has no storable bool).
    Bool,
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 5] = [DType::F32, DType::F16, DType::I32, DType::U32, DType::Bool];

    /// Bytes of one element in device memory.
    pub fn bytes(self) -> usize {
        if self == DType::F16 { 2 } else { 4 }
    }

    /// Whether gradients flow through this type.
    pub fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F16)
    }

    /// The WGSL type of one element in a storage buffer.
    pub fn wgsl(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::I32 => "i32",
            DType::U32 | DType::Bool => "u32",
        }
    }

    /// The letter of the compute class in WGSL function suffixes and aliases: floats compute in f32.
    pub fn class(self) -> char {
        match self {
            DType::F32 | DType::F16 => 'F',
            DType::I32 => 'I',
            DType::U32 => 'U',
            DType::Bool => 'B',
        }
    }

    /// The unit roundoff's double: the distance from 1 to the next value; 0 for exact types.
    pub fn epsilon(self) -> f64 {
        match self {
            DType::F32 => f64::from(f32::EPSILON),
            DType::F16 => f64::from(half::f16::EPSILON),
            _ => 0.0,
        }
    }

    /// `value` as this type would store it: rounded, wrapped, or made 0 or 1.
    pub fn store(self, value: f64) -> f64 {
        match self {
            DType::F32 => f64::from(value as f32),
            DType::F16 => half::f16::from_f64(value).to_f64(),
            DType::I32 => f64::from(wrap(value) as i32),
            DType::U32 => f64::from(wrap(value)),
            DType::Bool => f64::from(u8::from(value != 0.0)),
        }
    }
}

/// The integer part of `value`, modulo 2³².
fn wrap(value: f64) -> u32 {
    (value.trunc() as i64) as u32
}

impl std::fmt::Display for DType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DType::F32 => "f32",
            DType::F16 => "f16",
            DType::I32 => "i32",
            DType::U32 => "u32",
            DType::Bool => "bool",
        })
    }
}
