use super::config::CELL;
use super::region::Region;
use burn::tensor::{Device, Int, Tensor, TensorData};

/// RoIAlign (He et al. 2017), aligned: features `[batch, channels, rows, columns]` at the centres
/// of `pooled` × `pooled` equal parts of each region, interpolated bilinearly, as
/// `[regions, pooled² × channels]`. Beyond the border the outermost features go on. Gradients flow
/// into the features, not into the regions.
pub(crate) fn roi_align(
    features: Tensor<4>,
    regions: &[(usize, Region)],
    pooled: usize,
    device: &Device,
) -> Tensor<2> {
    let [batch, channels, rows, columns] = features.dims();
    let points = regions.len() * pooled * pooled;
    let mut indices: [Vec<i32>; 4] = std::array::from_fn(|_| Vec::with_capacity(points));
    let mut weights: [Vec<f32>; 4] = std::array::from_fn(|_| Vec::with_capacity(points));
    for (image, region) in regions {
        let along = |centre: f32, side: f32, size: usize| -> Vec<(usize, usize, f32)> {
            let part = |i: usize| centre + side * ((i as f32 + 0.5) / pooled as f32 - 0.5);
            (0..pooled).map(|i| neighbours(part(i), size)).collect()
        };
        let across = along(region.x, region.width, columns);
        for (top, bottom, down) in along(region.y, region.height, rows) {
            for &(left, right, over) in &across {
                let corners = [
                    (top, left, (1.0 - down) * (1.0 - over)),
                    (top, right, (1.0 - down) * over),
                    (bottom, left, down * (1.0 - over)),
                    (bottom, right, down * over),
                ];
                for (corner, (row, column, weight)) in corners.into_iter().enumerate() {
                    indices[corner].push(((image * rows + row) * columns + column) as i32);
                    weights[corner].push(weight);
                }
            }
        }
    }
    let list = features.permute([0, 2, 3, 1]).reshape([batch * rows * columns, channels]);
    let corner = |(indices, weights): (Vec<i32>, Vec<f32>)| {
        let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [points]), device);
        let weights = Tensor::<2>::from_data(TensorData::new(weights, [points, 1]), device);
        list.clone().select(0, indices) * weights
    };
    let [a, b, c, d] = indices;
    let [e, f, g, h] = weights;
    let sum = corner((a, e)) + corner((b, f)) + corner((c, g)) + corner((d, h));
    sum.reshape([regions.len(), pooled * pooled * channels])
}

/// The features on either side of a place in the image, and the part of the second.
fn neighbours(at: f32, size: usize) -> (usize, usize, f32) {
    let cell = CELL as f32;
    let at = ((at + 0.5) / cell - 0.5).clamp(0.0, (size - 1) as f32);
    let first = at.floor() as usize;
    (first, (first + 1).min(size - 1), at - at.floor())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceChoice;
    use crate::weights::numbers;

    const SHAPE: [usize; 4] = [2, 3, 9, 11];
    const POOLED: usize = 3;

    fn features() -> Vec<f32> {
        (0..SHAPE.iter().product()).map(|i: usize| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect()
    }

    /// Inside, over the border, upright and on the other image.
    fn regions() -> Vec<(usize, Region)> {
        vec![
            (0, Region::square(9.3, 8.6, 7.0)),
            (1, Region { x: 20.0, y: 0.4, width: 5.0, height: 9.5 }),
            (0, Region { x: -1.0, y: 16.9, width: 12.0, height: 3.0 }),
        ]
    }

    /// One feature, interpolated from the definition: by tents around the cells' centres.
    fn at(features: &[f32], image: usize, channel: usize, x: f32, y: f32) -> f32 {
        let [_, channels, rows, columns] = SHAPE;
        let tent = |centre: usize, at: f32, size: usize| {
            let at = ((at - 0.5) / 2.0).clamp(0.0, (size - 1) as f32);
            (1.0 - (at - centre as f32).abs()).max(0.0)
        };
        let plane = &features[(image * channels + channel) * rows * columns..];
        (0..rows * columns)
            .map(|i| plane[i] * tent(i / columns, y, rows) * tent(i % columns, x, columns))
            .sum()
    }

    fn expected(features: &[f32]) -> Vec<f32> {
        let mut values = Vec::new();
        for (image, r) in regions() {
            for part in 0..POOLED * POOLED {
                let place = |centre: f32, side: f32, i: usize| {
                    centre - side / 2.0 + side * (i as f32 + 0.5) / POOLED as f32
                };
                let (x, y) = (place(r.x, r.width, part % POOLED), place(r.y, r.height, part / POOLED));
                values.extend((0..SHAPE[1]).map(|channel| at(features, image, channel, x, y)));
            }
        }
        values
    }

    fn tensor(values: Vec<f32>, device: &Device) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values, SHAPE), device)
    }

    #[test]
    fn parts_are_interpolated_as_by_plain_loops() {
        let device = DeviceChoice::Cpu.open().unwrap();
        let pooled = roi_align(tensor(features(), &device), &regions(), POOLED, &device);
        assert_eq!(pooled.dims(), [3, POOLED * POOLED * SHAPE[1]]);
        let count = pooled.shape().num_elements();
        for (value, expected) in numbers(pooled.reshape([count])).unwrap().iter().zip(expected(&features())) {
            assert!((value - expected).abs() < 1e-5, "{value}, not {expected}");
        }
    }

    /// The sum of squares, whose gradient is known from the plain loops by finite differences.
    #[test]
    fn gradients_flow_into_the_features() {
        let device = DeviceChoice::Cpu.open().unwrap().autodiff();
        let leaf = tensor(features(), &device).require_grad();
        let pooled = roi_align(leaf.clone(), &regions(), POOLED, &device);
        let gradients = (pooled.clone() * pooled).sum().backward();
        let gradient = leaf.grad(&gradients).unwrap();
        let gradient = numbers(gradient.reshape([SHAPE.iter().product::<usize>()])).unwrap();
        let loss = |features: &[f32]| expected(features).iter().map(|v| v * v).sum::<f32>();
        for index in 0..gradient.len() {
            let moved = |by: f32| {
                let mut features = features();
                features[index] += by;
                loss(&features)
            };
            let numeric = (moved(0.05) - moved(-0.05)) / 0.1;
            assert!((gradient[index] - numeric).abs() < 1e-3, "{index}: {}, not {numeric}", gradient[index]);
        }
    }
}
