//! The step that a gradient asks for.

use super::{Plan, Precision, StatePlaces, UPDATE_THREADS};
use crate::args::{MATRICES, Matrix, RoundArgs, UpdateArgs};
use crate::launch::{Launch, Order};
use elbo_kernels::Direction;

impl Plan {
    /// The step that the gradient asks for; unless `checked`, also after a loss that was not finite.
    pub(crate) fn update(&self, muon: bool, checked: bool) -> Vec<Launch> {
        let mut matrices = [Matrix::default(); MATRICES];
        for (matrix, (number, places)) in matrices.iter_mut().zip(&self.muon) {
            let layer = &self.network.layers[*number];
            let columns = layer.channels_large_small().1;
            *matrix = Matrix {
                first: self.layout.place(layer.weights.start) as i64,
                len: layer.weights.len() as i64,
                rows: places.rows,
                columns: columns as i32,
                others: layer.channels_large_small().0 as i32,
                turned: i32::from(layer.direction == Direction::Up),
            };
        }
        let StatePlaces { parameters, rounded, gradient, mean, square, control, outcome, .. } = self.state;
        let args = UpdateArgs {
            gradient,
            parameters,
            mean,
            square,
            rounded: if self.precision == Precision::Tf32 { rounded } else { 0 },
            control,
            outcome: if checked { outcome } else { 0 },
            len: self.layout.len as i64,
            matrix_count: if muon { self.muon.len() as i32 } else { 0 },
            matrices,
        };
        let grid = [self.layout.len.div_ceil(UPDATE_THREADS), 1, 1];
        let mut launches = vec![Launch::new("update", grid, UPDATE_THREADS as u32, 0, args)];
        if muon && !self.muon.is_empty() {
            launches.extend(self.orthogonalize());
            let mut args = args;
            for (matrix, (_, places)) in args.matrices.iter_mut().zip(&self.muon) {
                matrix.rows = places.product;
            }
            launches.push(Launch::new("muon_step", grid, UPDATE_THREADS as u32, 0, args).ordered(Order::Joined));
        }
        launches
    }

    /// Rounds the parameters, where products take them so.
    pub(crate) fn round_parameters(&self) -> Option<Launch> {
        (self.precision == Precision::Tf32).then(|| {
            let args = RoundArgs { from: self.state.parameters, to: self.state.rounded, len: self.layout.len as i64 };
            Launch::new("round_all", [self.layout.len.div_ceil(UPDATE_THREADS), 1, 1], UPDATE_THREADS as u32, 0, args)
        })
    }
}
