//! Muon's nearest orthogonal matrices, by Newton and Schulz's iteration.

use super::products::{GatherTo, Product, gather_parts};
use super::{MuonPlaces, Plan, Precision};
use crate::args::{Address, Gram, MATRICES, MuonArgs, PolynomialArgs};
use crate::launch::{Launch, Order};
use crate::network::{Layer, Role};
use elbo_kernels::{Direction, Geometry};

/// Newton-Schulz iterations.
const ITERATIONS: usize = 5;
/// The most columns of a matrix that one block takes Muon's iteration of.
const SMALL_MATRIX: usize = 64;
const MUON_THREADS: usize = 256;

impl Plan {
    /// Of each matrix the nearest orthogonal one.
    pub(super) fn orthogonalize(&self) -> Vec<Launch> {
        let product = Product { precision: Precision::F32, ..self.product() };
        let mut launches = Vec::new();
        let mut grams = [Gram::default(); MATRICES];
        let mut small = 0;
        for (position, (number, places)) in self.muon.iter().enumerate() {
            let layer = &self.network.layers[*number];
            let columns = layer.channels_large_small().1;
            let count = layer.weights.len() / columns;
            let rows = Geometry::pointwise([count, 1]);
            let part_count = gather_parts(count);
            let gram = product.weight_gradient(
                &rows,
                Direction::Down,
                1,
                [columns; 2],
                [places.rows; 2],
                ([places.gram_parts, 0], part_count),
            );
            launches.push(gram.ordered(by_turns(position)));
            let part_count = part_count as i32;
            if columns <= SMALL_MATRIX {
                let polynomial = places.squares[0];
                grams[small] = Gram { parts: places.gram_parts, polynomial, columns: columns as i32, part_count };
                small += 1;
            } else {
                launches.extend(large_polynomial(product, places, columns, part_count));
            }
        }
        if small > 0 {
            let row = SMALL_MATRIX + 4;
            let shared = 4 * 4 * SMALL_MATRIX * row + 8 * MUON_THREADS;
            let args = PolynomialArgs { grams };
            let polynomial = Launch::new("muon_polynomial", [small, 1, 1], MUON_THREADS as u32, shared, args);
            launches.push(polynomial.ordered(Order::Joined));
        }
        for (position, (number, places)) in self.muon.iter().enumerate() {
            let layer = &self.network.layers[*number];
            let columns = layer.channels_large_small().1;
            let rows = Geometry::pointwise([layer.weights.len() / columns, 1]);
            let product = product.gather(
                &rows,
                Direction::Down,
                1,
                [columns; 2],
                (places.rows, places.squares[0], false),
                GatherTo::new(places.product),
            );
            launches.push(product.ordered(by_turns(position)));
        }
        launches
    }
}

/// Every other of launches that need nothing of each other goes beside the next.
fn by_turns(position: usize) -> Order {
    if position.is_multiple_of(2) { Order::Beside } else { Order::Next }
}

/// Muon's iteration among matrices that one block's memory does not hold.
fn large_polynomial(product: Product, places: &MuonPlaces, columns: usize, part_count: i32) -> Vec<Launch> {
    let geometry = Geometry::pointwise([columns, 1]);
    let times = |a: Address, b: Address, to: Address| {
        product.gather(&geometry, Direction::Down, 1, [columns; 2], (a, b, false), GatherTo::new(to))
    };
    let [mut all, gram, square, mut next, other] = places.squares;
    let args = |iteration: usize, all: Address| MuonArgs {
        parts: places.gram_parts,
        gram,
        square,
        all,
        scale: places.scale,
        columns: columns as i32,
        part_count,
        iteration: iteration as i32,
    };
    let threads = MUON_THREADS as u32;
    let mut launches =
        vec![Launch::new("muon_normalize", [1; 3], threads, 8 * MUON_THREADS, args(0, all)).ordered(Order::Joined)];
    let grid = [(columns * columns).div_ceil(MUON_THREADS), 1, 1];
    for iteration in 0..ITERATIONS {
        launches.push(times(gram, gram, square));
        launches.push(Launch::new("muon_combine", grid, threads, 0, args(iteration, all)));
        if iteration > 0 {
            launches.push(times(all, square, next));
            std::mem::swap(&mut all, &mut next);
        }
        if iteration + 1 < ITERATIONS {
            launches.push(times(gram, square, other));
            launches.push(times(other, square, gram));
        }
    }
    // After an even number of swaps all is where it began.
    debug_assert_eq!(all, places.squares[0]);
    launches
}

/// Whether Muon steps the layer's weights.
pub(super) fn is_matrix(layer: &Layer) -> bool {
    !matches!(layer.role, Role::Image | Role::Logits)
}
