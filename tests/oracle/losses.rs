//! The losses of one element, in the textbook's words.

/// `ln(1 + e^x)`
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

pub fn l1(x: f64, t: f64) -> f64 {
    (x - t).abs()
}

pub fn mse(x: f64, t: f64) -> f64 {
    (x - t) * (x - t)
}

pub fn smooth_l1(x: f64, t: f64, beta: f64) -> f64 {
    let d = (x - t).abs();
    if d < beta { d * d / (2.0 * beta) } else { d - beta / 2.0 }
}

pub fn huber(x: f64, t: f64, delta: f64) -> f64 {
    let d = (x - t).abs();
    if d < delta { d * d / 2.0 } else { delta * (d - delta / 2.0) }
}

pub fn bce(x: f64, t: f64, w: f64) -> f64 {
    -w * (t * x.ln().max(-100.0) + (1.0 - t) * (-x).ln_1p().max(-100.0))
}

pub fn bce_with_logits(x: f64, t: f64, w: f64, pos_weight: f64) -> f64 {
    w * ((1.0 - t) * softplus(x) + pos_weight * t * softplus(-x))
}

fn stirling(t: f64) -> f64 {
    if t > 1.0 { t * t.ln() - t + (std::f64::consts::TAU * t).ln() / 2.0 } else { 0.0 }
}

pub fn poisson_log(x: f64, t: f64) -> f64 {
    x.exp() - t * x + stirling(t)
}

pub fn poisson_rate(x: f64, t: f64, eps: f64) -> f64 {
    x - t * (x + eps).ln() + stirling(t)
}

pub fn gaussian(x: f64, t: f64, var: f64, eps: f64) -> f64 {
    let v = var.max(eps);
    (v.ln() + (x - t) * (x - t) / v + std::f64::consts::TAU.ln()) / 2.0
}

pub fn kl_div(x: f64, t: f64) -> f64 {
    if t == 0.0 { 0.0 } else { t * (t.ln() - x) }
}

pub fn kl_div_log(x: f64, t: f64) -> f64 {
    t.exp() * (t - x)
}

pub fn margin_ranking(x1: f64, x2: f64, y: f64, margin: f64) -> f64 {
    (margin - y * (x1 - x2)).max(0.0)
}

pub fn hinge_embedding(x: f64, y: f64, margin: f64) -> f64 {
    if y == 1.0 { x } else { (margin - x).max(0.0) }
}

pub fn soft_margin(x: f64, y: f64) -> f64 {
    softplus(-y * x)
}

/// `||x - y + eps||_p`
pub fn distance(x: &[f64], y: &[f64], p: f64, eps: f64) -> f64 {
    let sizes = x.iter().zip(y).map(|(x, y)| (x - y + eps).abs());
    if p == f64::INFINITY { sizes.fold(0.0, f64::max) } else { sizes.map(|v| v.powf(p)).sum::<f64>().powf(1.0 / p) }
}

pub fn triplet(ap: f64, an: f64, pn: Option<f64>, margin: f64) -> f64 {
    let near = pn.map_or(an, |pn| if an.is_nan() || pn.is_nan() { f64::NAN } else { an.min(pn) });
    (ap - near + margin).max(0.0)
}

pub fn cosine_embedding(a: &[f64], b: &[f64], y: f64, margin: f64) -> f64 {
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let cos = dot(a, b) / ((dot(a, a) + 1e-12) * (dot(b, b) + 1e-12)).sqrt();
    if y == 1.0 {
        1.0 - cos
    } else if y == -1.0 {
        (cos - margin).max(0.0)
    } else {
        0.0
    }
}
