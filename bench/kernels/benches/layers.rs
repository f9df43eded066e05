//! Each layer of the reference network in each direction, on one thread: elements per second are floating-point
//! operations per second, so that `Gelem/s` reads as GFLOP/s.
//!
//!     cargo bench -p elbo-kernels-bench            # all
//!     cargo bench -p elbo-kernels-bench deconv2    # one layer

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use elbo_kernels::{
    Accumulate, Buffer, Direction, Epilogue, Gather, Geometry, Isa, Operand, WeightGradient, WinogradGather,
    WinogradWeightGradient,
};
use std::hint::black_box;

/// Images of a micro-batch.
const IMAGES: usize = 16;

fn filled(len: usize) -> Buffer {
    let mut buffer = Buffer::zeros(len);
    for (i, number) in buffer.iter_mut().enumerate() {
        *number = (i as f32 * 0.7).sin();
    }
    buffer
}

/// The layers whose three products all take the general way.
fn layers() -> [(&'static str, Geometry, Direction, [usize; 2]); 5] {
    [
        ("conv2", Geometry::halving([14, 14]), Direction::Down, [32, 64]),
        ("head", Geometry::whole([7, 7]), Direction::Down, [64, 40]),
        ("project", Geometry::whole([7, 7]), Direction::Up, [20, 64]),
        ("deconv1", Geometry::halving([14, 14]), Direction::Up, [64, 64]),
        ("deconv2", Geometry::halving([28, 28]), Direction::Up, [64, 32]),
    ]
}

fn bench(criterion: &mut Criterion) {
    for isa in Isa::available() {
        let mut group = criterion.benchmark_group(isa.name());
        for (name, geometry, direction, [c_in, c_out]) in layers() {
            let flops = 2 * geometry.small_pixels() * geometry.taps() * c_in * c_out * IMAGES;
            group.throughput(Throughput::Elements(flops as u64));

            let forward = Gather::new(isa, &geometry, direction, c_in, c_out, IMAGES);
            let backward = Gather::new(isa, &geometry, direction.reversed(), c_out, c_in, IMAGES);
            let gradient = WeightGradient::new(isa, &geometry, direction, c_in, c_out, IMAGES);
            let x = filled(IMAGES * forward.source_len());
            let weights = filled(geometry.taps() * c_in * c_out);
            let bias = filled(c_out);
            let mut y = filled(IMAGES * forward.target_len());
            let mut dx = filled(x.len());
            let mut dw = filled(weights.len());
            let mut packed = Buffer::zeros(forward.packed_len());
            forward.pack(Operand::Weights, &weights, &mut packed);
            let mut packed_back = Buffer::zeros(backward.packed_len());
            backward.pack(Operand::Transposed, &weights, &mut packed_back);

            group.bench_function(BenchmarkId::new(name, "forward"), |bencher| {
                bencher.iter(|| forward.run(IMAGES, black_box(&x), &packed, Epilogue::BiasRelu(&bias), &mut y));
            });
            group.bench_function(BenchmarkId::new(name, "input gradient"), |bencher| {
                bencher
                    .iter(|| backward.run(IMAGES, black_box(&y), &packed_back, Epilogue::WherePositive(&x), &mut dx));
            });
            group.bench_function(BenchmarkId::new(name, "weight gradient"), |bencher| {
                bencher.iter(|| gradient.run(IMAGES, black_box(&x), &y, Accumulate::Yes, &mut dw));
            });

            let channels = [c_in, c_out];
            let Some(forward) = WinogradGather::new(isa, &geometry, direction, channels, IMAGES) else { continue };
            let Some(backward) = WinogradGather::new(isa, &geometry, direction.reversed(), [c_out, c_in], IMAGES)
            else {
                continue;
            };
            let Some(gradient) = WinogradWeightGradient::new(isa, &geometry, direction, channels, IMAGES) else {
                continue;
            };
            let scratch = [forward.scratch_len(), backward.scratch_len(), gradient.scratch_len()];
            let mut scratch = filled(scratch.into_iter().max().unwrap_or(0));
            let mut packed = Buffer::zeros(forward.packed_len());
            forward.pack(Operand::Weights, &weights, &mut packed);
            let mut packed_back = Buffer::zeros(backward.packed_len());
            backward.pack(Operand::Transposed, &weights, &mut packed_back);

            group.bench_function(BenchmarkId::new(name, "forward, filtered"), |bencher| {
                let epilogue = Epilogue::BiasRelu(&bias);
                bencher.iter(|| forward.run(IMAGES, black_box(&x), &packed, epilogue, &mut y, &mut scratch));
            });
            group.bench_function(BenchmarkId::new(name, "input gradient, filtered"), |bencher| {
                let gate = Epilogue::WherePositive(&x);
                bencher.iter(|| backward.run(IMAGES, black_box(&y), &packed_back, gate, &mut dx, &mut scratch));
            });
            group.bench_function(BenchmarkId::new(name, "weight gradient, filtered"), |bencher| {
                bencher.iter(|| gradient.run(IMAGES, black_box(&x), &y, Accumulate::Yes, &mut dw, &mut scratch));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
