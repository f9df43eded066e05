//! How the products of a layer are made: directly, or by minimal filtering where it pays.

use elbo_kernels::{
    Accumulate, Buffer, Direction, Epilogue, Gather, Geometry, Isa, Operand, WeightGradient, WinogradGather,
    WinogradInputGradient, WinogradWeightGradient, winograd_saves,
};
use rayon::prelude::*;

/// The least channels on either side for which the products outweigh the additions of minimal filtering.
const LEAST_CHANNELS: usize = 16;

/// Whether minimal filtering saves enough products to pay for its additions, of which there are more on the way up.
fn filtering_pays(geometry: &Geometry, direction: Direction, channels: [usize; 2]) -> bool {
    let least_saved = match direction {
        Direction::Down => 0.15,
        Direction::Up => 0.2,
    };
    channels.into_iter().all(|channels| channels >= LEAST_CHANNELS)
        && winograd_saves(geometry, direction).is_some_and(|saved| saved >= least_saved)
}

/// How a layer's product is made, forward or towards its input.
#[derive(Debug)]
pub(crate) enum Plan {
    Direct(Gather),
    Winograd(WinogradGather),
}

impl Plan {
    pub(crate) fn new(
        isa: Isa,
        geometry: &Geometry,
        direction: Direction,
        channels: [usize; 2],
        images: usize,
    ) -> Self {
        let [c_in, c_out] = channels;
        let winograd = filtering_pays(geometry, direction, channels)
            .then(|| WinogradGather::new(isa, geometry, direction, channels, images));
        match winograd.flatten() {
            Some(winograd) => Self::Winograd(winograd),
            None => Self::Direct(Gather::new(isa, geometry, direction, c_in, c_out, images)),
        }
    }
}

/// Weights of one direction, as the kernel reads them.
#[derive(Debug)]
pub(crate) struct Product {
    plan: Plan,
    operand: Operand,
    packed: Buffer,
}

impl Product {
    pub(crate) fn new(plan: Plan, operand: Operand) -> Self {
        let packed = Buffer::zeros(match &plan {
            Plan::Direct(gather) => gather.packed_len(),
            Plan::Winograd(winograd) => winograd.packed_len(),
        });
        Self { plan, operand, packed }
    }

    /// Lays the weights out anew, on all threads of the pool.
    pub(crate) fn pack(&mut self, weights: &[f32]) {
        let Self { plan, operand, packed } = self;
        let plan = &*plan;
        let panel_len = match plan {
            Plan::Direct(gather) => gather.panel_len(),
            Plan::Winograd(winograd) => winograd.panel_len(),
        };
        let panels = packed.par_chunks_mut(panel_len).with_max_len(1).enumerate();
        panels.for_each(|(number, panel)| match plan {
            Plan::Direct(gather) => gather.pack_panel(*operand, weights, number, panel),
            Plan::Winograd(winograd) => winograd.pack_panel(*operand, weights, number, panel),
        });
    }

    /// Numbers that [`Product::run`] needs as scratch.
    pub(crate) fn scratch_len(&self) -> usize {
        match &self.plan {
            Plan::Direct(_) => 0,
            Plan::Winograd(winograd) => winograd.scratch_len(),
        }
    }

    pub(crate) fn run(&self, images: usize, x: &[f32], epilogue: Epilogue<'_>, y: &mut [f32], scratch: &mut [f32]) {
        match &self.plan {
            Plan::Direct(gather) => gather.run(images, x, &self.packed, epilogue, y),
            Plan::Winograd(winograd) => winograd.run(images, x, &self.packed, epilogue, y, scratch),
        }
    }
}

/// How the gradient of a layer's weights is made.
#[derive(Debug)]
pub(crate) enum GradientPlan {
    Direct(WeightGradient),
    /// With the direction of the layer.
    Winograd(WinogradWeightGradient, Direction),
}

impl GradientPlan {
    pub(crate) fn new(
        isa: Isa,
        geometry: &Geometry,
        direction: Direction,
        channels: [usize; 2],
        images: usize,
    ) -> Self {
        let [c_in, c_out] = channels;
        // Its tiles are those of the way down, whatever the layer's direction.
        let winograd = filtering_pays(geometry, Direction::Down, channels)
            .then(|| WinogradWeightGradient::new(isa, geometry, direction, channels, images));
        match winograd.flatten() {
            Some(winograd) => Self::Winograd(winograd, direction),
            None => Self::Direct(WeightGradient::new(isa, geometry, direction, c_in, c_out, images)),
        }
    }

    /// Numbers that [`GradientPlan::run`] needs as scratch.
    pub(crate) fn scratch_len(&self) -> usize {
        match self {
            Self::Direct(_) => 0,
            Self::Winograd(winograd, _) => winograd.scratch_len(),
        }
    }

    /// Adds the gradient to `dw`.
    pub(crate) fn run(&self, images: usize, x: &[f32], dy: &[f32], dw: &mut [f32], scratch: &mut [f32]) {
        match self {
            Self::Direct(direct) => direct.run(images, x, dy, Accumulate::Yes, dw),
            Self::Winograd(winograd, _) => winograd.run(images, x, dy, Accumulate::Yes, dw, scratch),
        }
    }
}

/// The gradients of a layer's weights and of its input, as [`GradientPlan::run`] and [`Product::run`] have them; together
/// where that saves work. The epilogue is what is done to that of the input, `dx`, before it is written.
pub(crate) fn both_gradients(
    (gradient, backward): (&GradientPlan, &Product),
    images: usize,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
    (dx, epilogue): (&mut [f32], Epilogue<'_>),
    scratch: &mut [f32],
) {
    if let (GradientPlan::Winograd(gradient, Direction::Up), Plan::Winograd(plan)) = (gradient, &backward.plan) {
        let input = WinogradInputGradient { backward: plan, packed: &backward.packed, epilogue, dx };
        gradient.run_with_input_gradient(images, x, dy, dw, input, scratch);
    } else {
        gradient.run(images, x, dy, dw, scratch);
        backward.run(images, dy, epilogue, dx, scratch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the reference network's layers, minimal filtering takes those that are measured to gain.
    #[test]
    fn filtering_is_chosen_where_it_pays() {
        let pays = |side, direction, channels| filtering_pays(&Geometry::halving([side; 2]), direction, channels);
        assert!(pays(28, Direction::Up, [64, 32]) && pays(28, Direction::Down, [32, 64]));
        assert!(pays(14, Direction::Down, [32, 64]) && !pays(14, Direction::Up, [64, 64]));
        assert!(!pays(28, Direction::Up, [64, 8]) && !pays(28, Direction::Down, [1, 32]));
        assert!(!filtering_pays(&Geometry::same([28; 2]), Direction::Up, [32, 32]));
        assert!(!filtering_pays(&Geometry::whole([7; 2]), Direction::Up, [20, 64]));
    }
}
