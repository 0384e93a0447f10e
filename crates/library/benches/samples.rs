//! Complete training samples of 256×256 pixels, image and five labels, a second.

#![allow(clippy::unwrap_used)]

use adatom_library::{Generator, Recipe};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::sync::atomic::{AtomicU64, Ordering};

const BATCH: u64 = 64;

fn samples(criterion: &mut Criterion) {
    let generator = Generator::new(Recipe::open("paper").unwrap(), 1).unwrap();
    let mut group = criterion.benchmark_group("paper 256x256");
    group.throughput(Throughput::Elements(BATCH)).sample_size(10);
    for threads in [1, 2] {
        group.bench_function(format!("{threads} threads"), |bencher| {
            bencher.iter(|| {
                let next = AtomicU64::new(0);
                std::thread::scope(|scope| {
                    for _ in 0..threads {
                        scope.spawn(|| {
                            while let index @ 0..BATCH = next.fetch_add(1, Ordering::Relaxed) {
                                std::hint::black_box(generator.sample(index).unwrap());
                            }
                        });
                    }
                });
            });
        });
    }
    group.finish();
}

criterion_group!(benches, samples);
criterion_main!(benches);
