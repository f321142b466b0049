//! A shader program as data, and its linking into WGSL text.

use crate::shaders;
use std::fmt::Write as _;

/// A constant of the generated header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Const {
    /// `const NAME: u32`.
    U32(u32),
    /// `const NAME: bool`.
    Bool(bool),
}

/// What a pipeline is made of; equal programs share one pipeline. Shapes are not part of it: they ride in the
/// params block.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Program {
    /// The kernel's file in `shaders/`, without its ending.
    pub stem: &'static str,
    /// `const` lines.
    pub consts: Vec<(&'static str, Const)>,
    /// `alias` lines.
    pub aliases: Vec<(&'static str, &'static str)>,
    /// Files of shared bindings, types and functions, linked whole: names in [`shaders::PARTS`].
    pub parts: Vec<&'static str>,
    /// Generated bindings and functions (loads, fused bodies).
    pub code: String,
    /// Whether `enable f16;` is needed.
    pub f16: bool,
    /// Whether subgroup operations are used.
    pub subgroups: bool,
}

impl Program {
    /// The program of one kernel file.
    pub fn new(stem: &'static str) -> Self {
        Self { stem, ..Self::default() }
    }

    /// With a `const NAME: u32` line.
    pub fn u32(mut self, name: &'static str, value: u32) -> Self {
        self.consts.push((name, Const::U32(value)));
        self
    }

    /// With a `const NAME: bool` line.
    pub fn bool(mut self, name: &'static str, value: bool) -> Self {
        self.consts.push((name, Const::Bool(value)));
        self
    }

    /// With an `alias NAME = TYPE;` line.
    pub fn alias(mut self, name: &'static str, ty: &'static str) -> Self {
        self.aliases.push((name, ty));
        self
    }

    /// With a part of the shader library.
    pub fn part(mut self, name: &'static str) -> Self {
        self.parts.push(name);
        self
    }

    /// The stem and its constants, for labels: `matmul_tiled TILE_M=64`.
    pub fn label(&self) -> String {
        let mut out = self.stem.to_owned();
        for (name, value) in &self.consts {
            let _ = match value {
                Const::U32(v) => write!(out, " {name}={v}"),
                Const::Bool(v) => write!(out, " {name}={v}"),
            };
        }
        out
    }

    /// The linked WGSL: header, kernel file, parts, generated code, and every library function that these name.
    ///
    /// `enable subgroups;` is written only for browsers, which require it; naga rejects the line.
    pub fn wgsl(&self) -> String {
        let mut out = String::new();
        if self.f16 {
            out.push_str("enable f16;\n");
        }
        if self.subgroups && cfg!(target_arch = "wasm32") {
            out.push_str("enable subgroups;\n");
        }
        // Writing to a String cannot fail.
        for (name, value) in &self.consts {
            let _ = match value {
                Const::U32(v) => writeln!(out, "const {name}: u32 = {v}u;"),
                Const::Bool(v) => writeln!(out, "const {name}: bool = {v};"),
            };
        }
        for (name, ty) in &self.aliases {
            let _ = writeln!(out, "alias {name} = {ty};");
        }
        out.push_str(shaders::kernel(self.stem));
        for part in &self.parts {
            out.push('\n');
            out.push_str(shaders::part(part));
        }
        out.push('\n');
        out.push_str(&self.code);
        shaders::link(&mut out);
        out
    }
}
