//! How far a result may be from the reference, and how far it is.

use super::{Direction, Outcome, Row};
use crate::check::normalised_error;
use wgrad_kernels::case::Tolerance;
use wgrad_kernels::{Array, DType};

/// Normalised mean squared error allowed over one result: what per-element tolerances cannot see, a small bias everywhere.
/// The backward rule of an f16 op rounds between its ops: (2⁻¹¹)² each time.
fn aggregate(dtype: DType, direction: Direction) -> f64 {
    match (dtype, direction) {
        (DType::F16, Direction::Backward) => 1e-5,
        (DType::F16, Direction::Forward) => 1e-6,
        _ => 1e-10,
    }
}

/// Elements from which on the aggregate is weighed: over fewer, one result near zero decides it alone.
const AGGREGATE_FROM: usize = 16;

/// How far a result is from the reference.
pub(super) struct Measured {
    ulp: f64,
    of_allowed: f64,
    nmse: f64,
    failure: Option<String>,
}

impl Measured {
    pub(super) fn into_row(self, row: Row) -> Row {
        let outcome = match self.failure {
            Some(message) => Outcome::Fail { message },
            None => Outcome::Pass,
        };
        Row { worst_ulp: self.ulp, worst_of_allowed: self.of_allowed, nmse: self.nmse, outcome, ..row }
    }
}

/// Compares a result with the reference, element by element and as a whole.
pub(super) fn measure(got: &Array, want: &Array, tolerance: Tolerance, direction: Direction) -> Measured {
    let dtype = want.ty.dtype;
    let mut m = Measured { ulp: 0.0, of_allowed: 0.0, nmse: normalised_error(&got.data, &want.data), failure: None };
    let mut worst = 0;
    for (i, (&a, &b)) in got.data.iter().zip(&want.data).enumerate() {
        let error = (a - b).abs();
        if error == 0.0 {
            continue;
        }
        let allowed = tolerance.atol + tolerance.rtol * b.abs();
        // NaN anywhere is infinitely wrong.
        let ratio = if !error.is_finite() || allowed == 0.0 { f64::INFINITY } else { error / allowed };
        if dtype.is_float() {
            m.ulp = m.ulp.max(if error.is_finite() { error / ulp(b, dtype) } else { f64::INFINITY });
        }
        if ratio > m.of_allowed {
            (m.of_allowed, worst) = (ratio, i);
        }
    }
    let (limit, ty) = (aggregate(dtype, direction), &want.ty);
    let weighs = dtype.is_float() && want.data.len() >= AGGREGATE_FROM && want.data.iter().any(|v| v.abs() > tolerance.atol);
    if m.of_allowed > 1.0 {
        m.failure = Some(format!(
            "element {worst} of {ty}: device {}, reference {}, allowed ±{:.3e} (atol {:.1e}, rtol {:.1e})",
            got.data[worst],
            want.data[worst],
            tolerance.atol + tolerance.rtol * want.data[worst].abs(),
            tolerance.atol,
            tolerance.rtol
        ));
    } else if m.nmse > limit && weighs {
        m.failure = Some(format!("normalised mean squared error {:.3e} over {ty}, allowed {limit:.0e}", m.nmse));
    }
    m
}

/// The distance between neighbours of `dtype` around `value`.
fn ulp(value: f64, dtype: DType) -> f64 {
    let (digits, smallest) = if dtype == DType::F16 { (10, -24) } else { (23, -149) };
    let exponent = if value == 0.0 { smallest } else { (value.abs().log2().floor() as i32 - digits).max(smallest) };
    2f64.powi(exponent)
}
