//! ML observability: monitors over rows and labels, and time series of the platform itself.

mod kinds;
pub mod monitors;
pub mod series;

pub use kinds::register;
