//! ML observability: monitors over rows and labels, and the series that the platform keeps of itself.

mod kinds;
pub mod monitors;
pub mod series;

pub use kinds::register;
