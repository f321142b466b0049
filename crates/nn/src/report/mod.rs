//! What a run tells its user: the bar while it trains, the history and its curves, the pictures of a test.

#[cfg(not(target_arch = "wasm32"))]
mod axis;
#[cfg(not(target_arch = "wasm32"))]
mod canvas;
#[cfg(not(target_arch = "wasm32"))]
mod confusion;
#[cfg(not(target_arch = "wasm32"))]
pub mod curve;
#[cfg(not(target_arch = "wasm32"))]
mod heat;
pub mod history;
pub mod progress;
#[cfg(not(target_arch = "wasm32"))]
mod roc;
#[cfg(not(target_arch = "wasm32"))]
mod sheet;

#[cfg(not(target_arch = "wasm32"))]
pub use confusion::draw_confusion;
#[cfg(not(target_arch = "wasm32"))]
pub use curve::{draw_curves, save_curves};
#[cfg(not(target_arch = "wasm32"))]
pub use heat::{draw_heat, draw_saliency};
pub use history::{EpochRow, History};
#[cfg(not(target_arch = "wasm32"))]
pub use progress::{BarProgress, LineProgress, ProgressMode, Stream, progress};
pub use progress::{Progress, Quiet};
#[cfg(not(target_arch = "wasm32"))]
pub use roc::draw_roc;
#[cfg(not(target_arch = "wasm32"))]
pub use sheet::contact_sheet;
