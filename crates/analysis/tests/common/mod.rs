//! Simulated columns whose lattice is known.
#![allow(dead_code)]

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// A crystal in projection: vectors before rotation, and fractional sites with their brightness.
#[derive(Clone)]
pub struct Crystal {
    pub a: (f64, f64),
    pub b: (f64, f64),
    pub motif: Vec<(f64, f64, f64)>,
}

impl Crystal {
    pub fn simple(a: (f64, f64), b: (f64, f64)) -> Self {
        Self { a, b, motif: vec![(0.0, 0.0, 1.0)] }
    }

    /// Si \[110\] in ångström: 5.431 × 3.840 with dumbbells at the corners and the centre.
    pub fn silicon() -> Self {
        let (a, b) = (5.431, 5.431 / 2_f64.sqrt());
        let motif = vec![(0.0, 0.0, 1.0), (0.25, 0.0, 1.0), (0.5, 0.5, 1.0), (0.75, 0.5, 1.0)];
        Self { a: (a, 0.0), b: (0.0, b), motif }
    }

    pub fn perovskite() -> Self {
        Self { a: (3.905, 0.0), b: (0.0, 3.905), motif: vec![(0.0, 0.0, 1.0), (0.5, 0.5, 0.6)] }
    }

    pub fn honeycomb() -> Self {
        let third = 1.0 / 3.0;
        let (a, b) = ((2.46, 0.0), (-1.23, 1.23 * 3_f64.sqrt()));
        Self { a, b, motif: vec![(third, 2.0 * third, 1.0), (2.0 * third, third, 1.0)] }
    }

    /// Three of the four points of a hexagonal lattice: half of a vector holds for two thirds.
    pub fn kagome() -> Self {
        let motif = vec![(0.0, 0.0, 1.0), (0.5, 0.0, 1.0), (0.0, 0.5, 1.0)];
        Self { a: (6.0, 0.0), b: (-3.0, 27_f64.sqrt()), motif }
    }

    /// Six sites that all but make a lattice of a sixth of the cell, as layered perovskites do.
    pub fn layered() -> Self {
        let motif = [(0.0, 0.0), (0.5, 0.18), (0.0, 0.37), (0.5, 0.5), (0.0, 0.63), (0.5, 0.82)];
        Self { a: (3.9, 0.0), b: (0.0, 11.7), motif: motif.map(|(u, v)| (u, v, 1.0)).to_vec() }
    }

    /// Five sites at no special places of a long oblique cell.
    pub fn long() -> Self {
        let motif = [(0.0, 0.0), (0.3, 0.21), (0.9, 0.43), (0.2, 0.62), (0.55, 0.8)];
        Self { a: (3.0, 0.0), b: (0.7, 14.0), motif: motif.map(|(u, v)| (u, v, 1.0)).to_vec() }
    }

    pub fn turned(&self, degrees: f64) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let turn = |(x, y): (f64, f64)| (cos * x - sin * y, sin * x + cos * y);
        Self { a: turn(self.a), b: turn(self.b), motif: self.motif.clone() }
    }
}

/// What goes wrong with columns; lengths in the unit of the positions.
#[derive(Clone, Copy, Default)]
pub struct Flaws {
    pub noise: f64,
    pub missing: f64,
    pub spurious: f64,
}

/// Columns in a field of `width` × `height`, with their brightness, in random order.
pub fn columns(
    crystal: &Crystal,
    (width, height): (f64, f64),
    flaws: Flaws,
    seed: u64,
) -> (Vec<(f64, f64)>, Vec<f64>) {
    let mut random = Random(seed);
    let (a, b) = (crystal.a, crystal.b);
    let shift = (random.uniform(), random.uniform());
    let short = a.0.hypot(a.1).min(b.0.hypot(b.1));
    let reach = (2.0 * width.max(height) / short) as i32 + 2;
    let mut all = Vec::new();
    for i in -reach..=reach {
        for j in -reach..=reach {
            for &(u, v, brightness) in &crystal.motif {
                let (p, q) = (f64::from(i) + u + shift.0, f64::from(j) + v + shift.1);
                let (x, y) = (p * a.0 + q * b.0, p * a.1 + q * b.1);
                if x < 0.0 || y < 0.0 || x >= width || y >= height || random.uniform() < flaws.missing {
                    continue;
                }
                let at = (x + flaws.noise * random.normal(), y + flaws.noise * random.normal());
                all.push((at, brightness * (1.0 + 0.08 * random.normal())));
            }
        }
    }
    for _ in 0..(flaws.spurious * all.len() as f64).round() as usize {
        all.push(((width * random.uniform(), height * random.uniform()), 0.5 + random.uniform()));
    }
    for i in (1..all.len()).rev() {
        all.swap(i, (random.uniform() * (i + 1) as f64) as usize);
    }
    all.into_iter().unzip()
}

/// Whether (a, b) and (p, q) span the same lattice, to `part` of the lengths.
pub fn same_lattice(a: (f64, f64), b: (f64, f64), p: (f64, f64), q: (f64, f64), part: f64) -> bool {
    let area = a.0 * b.1 - a.1 * b.0;
    let whole = |v: (f64, f64)| {
        let (m, n) = ((v.0 * b.1 - v.1 * b.0) / area, (a.0 * v.1 - a.1 * v.0) / area);
        let (m, n) = (m.round(), n.round());
        let off = (v.0 - m * a.0 - n * b.0).hypot(v.1 - m * a.1 - n * b.1);
        (off < part * v.0.hypot(v.1)).then_some((m, n))
    };
    matches!((whole(p), whole(q)), (Some(s), Some(t)) if (s.0 * t.1 - s.1 * t.0).abs() == 1.0)
}
