//! The energy of a network, and how its atoms find their places.

use super::network::Network;
use super::{BOND, nearest_image};

impl Network {
    /// Relaxes positions, and the period if asked, by damped steps with inertia (FIRE; Bitzek et al., Phys.
    /// Rev. Lett. 97, 170201 (2006)).
    pub(super) fn relax(&mut self, steps: usize, with_period: bool) {
        let mut velocities = vec![[0.0f64; 2]; self.positions.len()];
        let mut stretch_velocity = [0.0f64; 2];
        let (mut time_step, mut mixing, mut downhill) = (0.05f64, 0.1f64, 0);
        for _ in 0..steps {
            let (forces, tension) = self.forces();
            let largest = forces.iter().flatten().fold(0.0f64, |m, f| m.max(f.abs()));
            if largest < 1e-3 && (!with_period || tension.iter().all(|t| t.abs() < 1e-2)) {
                break;
            }
            let power: f64 = forces.iter().zip(&velocities).map(|(f, v)| f[0] * v[0] + f[1] * v[1]).sum();
            if power > 0.0 {
                let speed = velocities.iter().flatten().map(|v| v * v).sum::<f64>().sqrt();
                let force = forces.iter().flatten().map(|f| f * f).sum::<f64>().sqrt().max(1e-300);
                for (v, f) in velocities.iter_mut().flatten().zip(forces.iter().flatten()) {
                    *v = (1.0 - mixing) * *v + mixing * speed * f / force;
                }
                downhill += 1;
                if downhill > 5 {
                    time_step = (time_step * 1.1).min(0.25);
                    mixing *= 0.99;
                }
            } else {
                velocities.fill([0.0; 2]);
                stretch_velocity = [0.0; 2];
                (time_step, mixing, downhill) = (time_step * 0.5, 0.1, 0);
            }
            for ((position, velocity), force) in self.positions.iter_mut().zip(&mut velocities).zip(&forces) {
                for k in 0..2 {
                    velocity[k] += time_step * force[k];
                    // No atom moves further than a small part of a bond at once.
                    position[k] += (time_step * velocity[k]).clamp(-0.1, 0.1);
                }
            }
            if with_period {
                let mass = self.positions.len() as f64;
                for k in 0..2 {
                    stretch_velocity[k] += time_step * tension[k] / mass;
                    let stretch = 1.0 + (0.05 * time_step * stretch_velocity[k]).clamp(-0.002, 0.002);
                    self.period[k] *= stretch;
                    for position in &mut self.positions {
                        position[k] *= stretch;
                    }
                }
            }
        }
    }

    /// Lets the first `moved.len()` of the `centers` move to lower energy, by descent with momentum.
    pub(super) fn relax_patch(&mut self, moved: &[usize], centers: &[usize]) {
        let mut velocities = vec![[0.0f64; 2]; moved.len()];
        let place = |atom: usize| moved.iter().position(|&m| m == atom);
        let places: Vec<[Option<usize>; 4]> = centers
            .iter()
            .map(|&atom| {
                let [p, q, r] = self.neighbors[atom];
                [place(p), place(q), place(r), place(atom)]
            })
            .collect();
        for _ in 0..20 {
            let mut forces = vec![[0.0f64; 2]; moved.len()];
            for (&atom, places) in centers.iter().zip(&places) {
                let (_, _, on_neighbors) = self.center(atom);
                for (m, force) in on_neighbors.into_iter().enumerate() {
                    for k in 0..2 {
                        if let Some(to) = places[m] {
                            forces[to][k] += force[k];
                        }
                        if let Some(to) = places[3] {
                            forces[to][k] -= force[k];
                        }
                    }
                }
            }
            for ((&atom, velocity), force) in moved.iter().zip(&mut velocities).zip(&forces) {
                for k in 0..2 {
                    velocity[k] = (0.7 * velocity[k] + 0.02 * force[k]).clamp(-0.15, 0.15);
                    self.positions[atom][k] += velocity[k];
                }
            }
        }
    }

    /// Forces on the atoms, and on the logarithm of the period.
    pub(super) fn forces(&self) -> (Vec<[f64; 2]>, [f64; 2]) {
        let mut forces = vec![[0.0; 2]; self.positions.len()];
        let mut tension = [0.0; 2];
        for (i, neighbors) in self.neighbors.iter().enumerate() {
            let (_, arms, on_neighbors) = self.center(i);
            for m in 0..3 {
                for k in 0..2 {
                    forces[neighbors[m]][k] += on_neighbors[m][k];
                    forces[i][k] -= on_neighbors[m][k];
                    tension[k] += on_neighbors[m][k] * arms[m][k];
                }
            }
        }
        (forces, tension)
    }

    /// The energy around one atom, the vectors to its neighbours, and the forces that it puts on them:
    /// Σ_bonds 3/(16 r²) α (d² − r²)² + Σ_angles 3/(8 r²) β [(d₁·d₂ + r²/2)² + (d₁×d₂ − √3 r²/2)²]
    ///
    /// after Keating (Phys. Rev. 145, 637 (1966)), for 120°; of each bond, one half belongs to either end. The
    /// signed cross product keeps the bonds of an atom in their order around it, so that no ring folds over.
    pub(super) fn center(&self, i: usize) -> (f64, [[f64; 2]; 3], [[f64; 2]; 3]) {
        const STRETCH: f64 = 8.0;
        const BEND: f64 = 0.8;
        const SQUARE: f64 = BOND * BOND;
        const SINE: f64 = 0.866_025_403_784_438_6;
        let arms =
            self.neighbors[i].map(|j| nearest_image(self.positions[i], self.positions[j], self.period));
        let (mut energy, mut forces) = (0.0, [[0.0; 2]; 3]);
        for m in 0..3 {
            let (p, q) = (arms[m], arms[(m + 1) % 3]);
            let length = p[0] * p[0] + p[1] * p[1] - SQUARE;
            let angle = p[0] * q[0] + p[1] * q[1] + SQUARE / 2.0;
            let order = p[0] * q[1] - p[1] * q[0] - SINE * SQUARE;
            energy += 3.0 / (32.0 * SQUARE) * STRETCH * length * length
                + 3.0 / (8.0 * SQUARE) * BEND * (angle * angle + order * order);
            let stretch = -3.0 / (8.0 * SQUARE) * STRETCH * length;
            let bend = -3.0 / (4.0 * SQUARE) * BEND * angle;
            let twist = -3.0 / (4.0 * SQUARE) * BEND * order;
            let next = (m + 1) % 3;
            forces[m][0] += stretch * p[0] + bend * q[0] + twist * q[1];
            forces[m][1] += stretch * p[1] + bend * q[1] - twist * q[0];
            forces[next][0] += bend * p[0] - twist * p[1];
            forces[next][1] += bend * p[1] + twist * p[0];
        }
        (energy, arms, forces)
    }
}
