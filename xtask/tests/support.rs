//! docs/support.md, made from the list of ops. `cargo xtask support` writes it; otherwise the test compares.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use wgrad_kernels::op::{Entry, catalogue};
use wgrad_kernels::{Caps, Case, DType, Lowering, Operand, TensorType};

const HEAD: &str = "\
# Ops

Every op with its attributes and their defaults. The table is made from the list of ops by `cargo xtask support`. *Types* are the element types
of its test cases; *cases* is their number, and each is run forward and, where there is a backward rule, backward, on a device against the f64
reference (`wgrad verify`). *Variants* are kernels for the same op: which one runs is chosen from facts about the adapter and the shapes. A dash
stands for one kernel, or none: element-wise ops are fused into others, and views move no data.

| op | what it is | attributes | types | cases | backward | variants |
|---|---|---|---|---:|---|---|
";

/// An adapter with the portable limits, and two with all that kernels ask for: a GPU and a processor.
fn adapters() -> [Caps; 3] {
    let rich = Caps { subgroup: Some((8, 32)), f16: true, max_invocations: 1024, max_workgroup_bytes: 32 << 10, ..Caps::default() };
    [Caps::default(), rich.clone(), Caps { software: true, subgroup: Some((8, 8)), ..rich }]
}

fn dtypes(cases: &[Case]) -> Vec<&'static str> {
    let named = [(DType::F32, "f32"), (DType::F16, "f16"), (DType::I32, "i32"), (DType::U32, "u32"), (DType::Bool, "bool")];
    let used = |dtype: DType| cases.iter().any(|c| types(c).iter().any(|t| t.dtype == dtype));
    named.into_iter().filter(|(dtype, _)| used(*dtype)).map(|(_, name)| name).collect()
}

/// The types of a case's operands, then of its results.
fn types(case: &Case) -> Vec<TensorType> {
    let inputs: Vec<TensorType> = case.inputs.iter().map(|i| i.ty.clone()).collect();
    let outputs = case.op.kernel().infer(&inputs).unwrap();
    [inputs, outputs].concat()
}

fn variants(cases: &[Case]) -> BTreeSet<&'static str> {
    let mut all = BTreeSet::new();
    for case in cases {
        let types = types(case);
        let (inputs, outputs) = types.split_at(case.inputs.len());
        let operands: Vec<Operand> = inputs.iter().map(Operand::contiguous).collect();
        for caps in adapters() {
            all.extend(case.op.kernel().variants(&Lowering::new(&operands, outputs, &caps)));
        }
    }
    all
}

fn row(entry: &Entry) -> String {
    let attributes =
        entry.attributes.defaults.as_object().into_iter().flatten().map(|(key, value)| format!("`{key}` = `{value}`")).collect::<Vec<_>>().join(", ");
    let backward = entry.cases.iter().any(|c| (0..c.inputs.len()).any(|n| c.differentiable(n)));
    let variants = variants(&entry.cases);
    let variants = if variants.len() > 1 { variants.into_iter().collect::<Vec<_>>().join(", ") } else { "–".to_owned() };
    // A bar would end the cell.
    let about = entry.about.replace('|', "\\|");
    let types = dtypes(&entry.cases).join(", ");
    let backward = if backward { "yes" } else { "no" };
    format!("| `{}` | {about} | {attributes} | {types} | {} | {backward} | {variants} |", entry.name, entry.cases.len())
}

#[test]
fn the_support_table_is_up_to_date() {
    let mut expected = HEAD.to_owned();
    let (mut ops, mut cases) = (0, 0);
    for entry in catalogue() {
        writeln!(expected, "{}", row(&entry)).unwrap();
        ops += 1;
        cases += entry.cases.len();
    }
    writeln!(expected, "\n{ops} ops, {cases} cases.").unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/support.md");
    if std::env::var_os("WGRAD_WRITE_SUPPORT").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(found.lines()).find(|(a, b)| a != b);
    assert!(expected == found, "docs/support.md is not up to date, run `cargo xtask support`; first line that differs: {differs:?}");
}
