//! A standard normal draw by the Box-Muller transform.

use rand::Rng;
use rand::rngs::SmallRng;

pub(crate) fn gauss(random: &mut SmallRng) -> f64 {
    let (a, b) = (1.0 - random.random::<f64>(), random.random::<f64>());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}
