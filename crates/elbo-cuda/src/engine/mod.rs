//! A network's parameters on a card, and what is done with them.

mod inference;
mod profile;

use crate::args::{Control, OUTCOME_LEN, SLOTS};
use crate::card::{Card, Graph};
use crate::error::CudaError;
use crate::launch::Launch;
use crate::memory::{Memory, Pinned};
use crate::network::Network;
use crate::plan::{self, Layout, Part, Plan, Precision, StatePlaces};
use cudarc::driver::CudaEvent;
use elbo_kernels::Adam;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

pub use profile::Profile;

/// Images as they come from the host.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// `[N, H, W, C]`, of `value_bytes` bytes each.
    pub pixels: &'a [u8],
    /// Bytes of a value: 1, or 2 with the lower one first.
    pub value_bytes: usize,
    /// Standard normal draws, `[N, Z]`.
    pub noise: &'a [f32],
    /// The class of each, `[N]`; empty where the network knows none.
    pub classes: &'a [u16],
}

impl Batch<'_> {
    /// How many images of so many values there are.
    fn images(&self, image_len: usize) -> usize {
        self.pixels.len() / (image_len * self.value_bytes)
    }
}

/// What a step minimises.
#[derive(Clone, Copy, Debug)]
pub struct Objective {
    /// The weight of the divergence.
    pub beta: f32,
    /// What the divergence of a latent dimension counts at least.
    pub free_bits: f32,
    /// Whether the divergence's gradient is taken along the draw alone.
    pub path_gradient: bool,
}

/// How a step is taken: Adam, and for the inner weights Muon if there is one.
#[derive(Clone, Copy, Debug)]
pub struct Optimizer {
    /// Adam's learning rate.
    pub learning_rate: f32,
    /// Decay of the mean of the gradients.
    pub beta1: f32,
    /// Decay of the mean of their squares.
    pub beta2: f32,
    /// What keeps the denominator from zero.
    pub epsilon: f32,
    /// Muon's learning rate and momentum.
    pub muon: Option<[f32; 2]>,
}

/// What the optimiser remembers.
#[derive(Clone, PartialEq, Debug)]
pub struct Moments {
    /// Steps taken.
    pub step: u64,
    /// Running mean of the gradients.
    pub mean: Vec<f32>,
    /// Running mean of their squares.
    pub square: Vec<f32>,
}

/// Batches on their way to the card at once.
const INPUTS: usize = 2;

/// A network on a card.
pub struct Engine {
    card: Arc<Card>,
    network: Network,
    precision: Precision,
    layout: Layout,
    state: StatePlaces,
    _state_memory: Memory,
    /// What belongs to a number of images, once there have been some.
    work: Option<Work>,
    outcome: Pinned,
    /// Of each step whose loss was not handed out: its slot, and what has happened when its loss is there.
    pending: VecDeque<(usize, CudaEvent)>,
    ready: VecDeque<[f64; 2]>,
    slot: usize,
    step: u64,
    graphs: bool,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { card, precision, step, .. } = self;
        f.debug_struct("Engine")
            .field("card", card)
            .field("precision", precision)
            .field("step", step)
            .finish_non_exhaustive()
    }
}

/// Which graph.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    images: usize,
    input: usize,
    part: Part,
    /// Whether a step follows, and whether it is Muon's.
    update: Option<bool>,
}

struct Work {
    plan: Plan,
    _memory: Memory,
    staging: [Staging; INPUTS],
    next: usize,
    graphs: HashMap<Key, Graph>,
}

/// Where a batch waits for its copy.
struct Staging {
    memory: Pinned,
    /// The last copy from here.
    copied: Option<CudaEvent>,
    /// The last launches that read what was copied.
    used: Option<CudaEvent>,
}

impl Engine {
    /// A network with these parameters.
    ///
    /// # Errors
    /// If the card's memory is too small, or the driver fails.
    ///
    /// # Panics
    /// If the parameters are not as many as the network has.
    pub fn new(card: Arc<Card>, network: Network, precision: Precision, parameters: &[f32]) -> Result<Self, CudaError> {
        assert_eq!(parameters.len(), network.parameters, "a number for each parameter");
        let layout = Layout::new(&network);
        let places = StatePlaces::new(&layout);
        let memory = Memory::new(&card, places.bytes)?;
        let state = places.at(memory.address);
        let outcome = Pinned::new(&card, OUTCOME_LEN)?;
        let mut engine = Self {
            card,
            network,
            precision,
            layout,
            state,
            _state_memory: memory,
            work: None,
            outcome,
            pending: VecDeque::new(),
            ready: VecDeque::new(),
            slot: 0,
            step: 0,
            graphs: true,
        };
        let zeros = vec![0.0_f32; engine.layout.len];
        for place in [state.gradient, state.mean, state.square, state.rounded] {
            engine.card.write(place, &zeros)?;
        }
        engine.card.write(state.outcome, &[0_u8; OUTCOME_LEN])?;
        engine.set_parameters(parameters)?;
        Ok(engine)
    }

    /// Launches kernels one by one, or as graphs, which is the default: the same bits.
    pub fn set_graphs(&mut self, graphs: bool) {
        self.graphs = graphs;
    }

    /// The card.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Images that are worked on at once at most.
    #[must_use]
    pub fn most_images(&self) -> usize {
        plan::most_images(&self.network)
    }

    /// How products are made.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    fn set_parameters(&mut self, parameters: &[f32]) -> Result<(), CudaError> {
        self.card.write(self.state.parameters, &self.layout.scatter(parameters))?;
        let plan = Plan::new(&self.network, self.precision, self.card.block_memory(), 1).at(self.state, 0);
        let launches: Vec<Launch> = plan.round_parameters().into_iter().collect();
        self.card.launch(&launches)?;
        self.card.wait()
    }

    /// All parameters after all steps that were asked for.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn parameters(&self) -> Result<Vec<f32>, CudaError> {
        self.read(self.state.parameters)
    }

    fn read(&self, place: u64) -> Result<Vec<f32>, CudaError> {
        let mut card = vec![0.0_f32; self.layout.len];
        self.card.read(place, &mut card)?;
        Ok(self.layout.gather(&card, self.network.parameters))
    }

    /// What the optimiser remembers after all steps that were asked for.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn moments(&self) -> Result<Moments, CudaError> {
        Ok(Moments { step: self.step, mean: self.read(self.state.mean)?, square: self.read(self.state.square)? })
    }

    /// Goes on from this.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn set_moments(&mut self, moments: &Moments) -> Result<(), CudaError> {
        self.step = moments.step;
        self.card.write(self.state.mean, &self.layout.scatter(&moments.mean))?;
        self.card.write(self.state.square, &self.layout.scatter(&moments.square))
    }

    /// What belongs to so many images at once.
    fn work(&mut self, images: usize) -> Result<(), CudaError> {
        if self.work.as_ref().is_some_and(|work| work.plan.capacity >= images) {
            return Ok(());
        }
        self.card.wait()?;
        self.work = None;
        let plan = Plan::new(&self.network, self.precision, self.card.block_memory(), images);
        let memory = Memory::new(&self.card, plan.bytes)?;
        let plan = plan.at(self.state, memory.address);
        self.card.write(plan.segments_place(), &plan.segments())?;
        let part = Part { first: true, last: true };
        let mut launches = plan.gradient_of(images, 0, part);
        launches.extend(plan.update(true, true));
        self.card.allow(&launches)?;
        let bytes = self.input_bytes(images);
        let staging = || -> Result<Staging, CudaError> {
            Ok(Staging { memory: Pinned::new(&self.card, bytes)?, copied: None, used: None })
        };
        let staging = [staging()?, staging()?];
        self.work = Some(Work { plan, _memory: memory, staging, next: 0, graphs: HashMap::new() });
        Ok(())
    }

    /// Bytes of a batch and of the control block that goes with it.
    fn input_bytes(&self, images: usize) -> usize {
        let Network { latent_dim, .. } = self.network;
        size_of::<Control>() + images * (2 * self.network.image_len() + 4 * latent_dim + 2) + 64
    }

    /// Copies a batch, or a part of one, to the card, and what is to be done with it. Which input it has gone to.
    fn upload(&mut self, batch: Batch<'_>, control: Control) -> Result<usize, CudaError> {
        let Self { card, state, work, .. } = self;
        let work = ready(work);
        let input = work.next;
        work.next = (input + 1) % INPUTS;
        let staging = &mut work.staging[input];
        if let Some(copied) = staging.copied.take() {
            copied.synchronize().map_err(|source| CudaError::Driver { what: "waiting for a copy", source })?;
        }
        let places = work.plan.inputs[input];
        let bytes = staging.memory.bytes_mut(0..staging.memory.len());
        let mut begin = 0;
        let mut pieces = Vec::new();
        let mut put = |to: u64, from: &[u8]| {
            bytes[begin..][..from.len()].copy_from_slice(from);
            pieces.push((to, begin..begin + from.len()));
            begin = (begin + from.len()).next_multiple_of(16);
        };
        put(places.bytes, batch.pixels);
        put(places.noise, bytes_of(batch.noise));
        put(places.classes, bytes_of(batch.classes));
        let control = [control];
        put(state.control, bytes_of(&control));
        if let Some(used) = &staging.used {
            card.copies_wait_for(used)?;
        }
        let (last, first) = pieces.split_last().expect("four pieces");
        for (to, range) in first {
            if !range.is_empty() {
                card.begin_write(*to, &staging.memory, range.clone())?;
            }
        }
        // The control block is read by all steps: it is written when those before are done.
        let done = card.mark()?;
        card.copies_wait_for(&done)?;
        card.begin_write(last.0, &staging.memory, last.1.clone())?;
        staging.copied = Some(card.wait_for_copies()?);
        Ok(input)
    }

    /// What a launch is told: the objective, and of the update by which optimiser it is made and as which step.
    fn control(
        &self,
        objective: Objective,
        update: Option<(&Optimizer, u64)>,
        images: usize,
        value_bytes: usize,
    ) -> Control {
        let mut control = Control {
            adam_rate: 0.0,
            square_scale: 0.0,
            beta1: 0.0,
            beta2: 0.0,
            epsilon: 0.0,
            muon_rate: 0.0,
            momentum: 0.0,
            beta: objective.beta,
            free_bits: objective.free_bits,
            path_gradient: i32::from(objective.path_gradient),
            images: images as i32,
            slot: self.slot as i32,
            value_bytes: value_bytes as i32,
        };
        if let Some((optimizer, step)) = update {
            let Optimizer { learning_rate, beta1, beta2, epsilon, .. } = *optimizer;
            let [adam_rate, square_scale] = Adam { learning_rate, beta1, beta2, epsilon }.corrected(step);
            (control.adam_rate, control.square_scale) = (adam_rate, square_scale);
            (control.beta1, control.beta2, control.epsilon) = (optimizer.beta1, optimizer.beta2, optimizer.epsilon);
            [control.muon_rate, control.momentum] = optimizer.muon.unwrap_or_default();
        }
        control
    }

    /// Runs the gradient of a batch, in parts where it is large, and the step that follows, if one does.
    fn run(
        &mut self,
        batch: Batch<'_>,
        objective: Objective,
        update: Option<(&Optimizer, u64)>,
    ) -> Result<(), CudaError> {
        let image_len = self.network.image_len();
        let images = batch.images(image_len);
        let most = self.most_images().min(images);
        self.work(most)?;
        let control = self.control(objective, update, images, batch.value_bytes);
        let mut start = 0;
        while start < images {
            let count = most.min(images - start);
            let part = Part { first: start == 0, last: start + count == images };
            let input = self.upload(part_of(&batch, start, count, image_len, self.network.latent_dim), control)?;
            let update = if part.last { update.map(|(optimizer, _)| optimizer.muon.is_some()) } else { None };
            self.launch(Key { images: count, input, part, update })?;
            start += count;
        }
        Ok(())
    }

    fn launch(&mut self, key: Key) -> Result<(), CudaError> {
        let Self { card, work, graphs, .. } = self;
        let work = ready(work);
        let plan = &work.plan;
        let launches = || {
            let mut launches = plan.gradient_of(key.images, key.input, key.part);
            if let Some(muon) = key.update {
                launches.extend(plan.update(muon, true));
            }
            launches
        };
        if !*graphs {
            card.launch(&launches())?;
        } else if let Some(graph) = work.graphs.get(&key) {
            graph.run()?;
        } else {
            let graph = card.graph(&launches())?;
            graph.run()?;
            work.graphs.insert(key, graph);
        }
        work.staging[key.input].used = Some(card.mark()?);
        Ok(())
    }

    /// Asks for a step. Its loss comes from [`next_loss`](Self::next_loss).
    ///
    /// # Errors
    /// If the driver fails, in this step or one before.
    pub fn step(&mut self, batch: Batch<'_>, objective: Objective, optimizer: &Optimizer) -> Result<(), CudaError> {
        if batch.pixels.is_empty() {
            self.ready_after_pending([0.0; 2])?;
            return Ok(());
        }
        while self.pending.len() + 1 >= SLOTS {
            self.fetch(true)?;
        }
        // A step that fails was none: what is saved then has as many steps as its parameters.
        self.run(batch, objective, Some((optimizer, self.step + 1)))?;
        self.step += 1;
        let place = 8 + 16 * self.slot;
        self.card.begin_read(self.state.outcome + place as u64, &mut self.outcome, place..place + 16)?;
        self.pending.push_back((self.slot, self.card.mark()?));
        self.slot = (self.slot + 1) % SLOTS;
        Ok(())
    }

    /// A loss that is known, in its turn.
    fn ready_after_pending(&mut self, loss: [f64; 2]) -> Result<(), CudaError> {
        while !self.pending.is_empty() {
            self.fetch(true)?;
        }
        self.ready.push_back(loss);
        Ok(())
    }

    /// Fetches the oldest loss that is not here yet, if it is there or is waited for.
    fn fetch(&mut self, wait: bool) -> Result<(), CudaError> {
        let Some((slot, event)) = self.pending.front() else { return Ok(()) };
        let what = "waiting for a step";
        if wait {
            event.synchronize().map_err(|source| CudaError::Driver { what, source })?;
        } else if !event.try_is_complete().map_err(|source| CudaError::Driver { what, source })? {
            return Ok(());
        }
        let place = 8 + 16 * slot;
        let bytes = self.outcome.bytes(place..place + 16);
        let number = |i: usize| f64::from_le_bytes(bytes[8 * i..][..8].try_into().expect("eight bytes"));
        self.ready.push_back([number(0), number(1)]);
        self.pending.pop_front();
        Ok(())
    }

    /// Reconstruction and divergence, the mean over the batch, of the oldest step that was not asked for yet.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn next_loss(&mut self, wait: bool) -> Result<Option<[f64; 2]>, CudaError> {
        if self.ready.is_empty() {
            self.fetch(wait)?;
        }
        Ok(self.ready.pop_front())
    }

    /// The mean loss of a batch and its gradient.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn gradient(&mut self, batch: Batch<'_>, objective: Objective) -> Result<([f64; 2], Vec<f32>), CudaError> {
        while !self.pending.is_empty() {
            self.fetch(true)?;
        }
        if batch.pixels.is_empty() {
            return Ok(([0.0; 2], vec![0.0; self.network.parameters]));
        }
        self.run(batch, objective, None)?;
        let mut loss = [0.0_f64; 2];
        self.card.read(self.state.outcome + 8 + 16 * self.slot as u64, &mut loss)?;
        // What is not finite here is the caller's to see, and stops no later step.
        self.card.write(self.state.outcome, &[0_u8; 8])?;
        Ok((loss, self.read(self.state.gradient)?))
    }

    /// Takes the step that a gradient asks for.
    ///
    /// # Errors
    /// If the driver fails.
    pub fn apply(&mut self, gradient: &[f32], optimizer: &Optimizer) -> Result<(), CudaError> {
        self.work(1)?;
        self.card.write(self.state.gradient, &self.layout.scatter(gradient))?;
        let none = Objective { beta: 0.0, free_bits: 0.0, path_gradient: false };
        let control = self.control(none, Some((optimizer, self.step + 1)), 1, 1);
        self.card.write(self.state.control, &[control])?;
        let plan = &ready(&mut self.work).plan;
        self.card.launch(&plan.update(optimizer.muon.is_some(), false))?;
        self.step += 1;
        self.card.wait()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.card.wait();
    }
}

/// What `Engine::work` has made.
fn ready(work: &mut Option<Work>) -> &mut Work {
    work.as_mut().expect("there is room for the images")
}

/// Images `start` and on of a batch.
fn part_of<'a>(batch: &Batch<'a>, start: usize, count: usize, image_len: usize, dim: usize) -> Batch<'a> {
    let classes = if batch.classes.is_empty() { batch.classes } else { &batch.classes[start..][..count] };
    let noise = if batch.noise.is_empty() { batch.noise } else { &batch.noise[start * dim..][..count * dim] };
    let image_bytes = image_len * batch.value_bytes;
    Batch { pixels: &batch.pixels[start * image_bytes..][..count * image_bytes], noise, classes, ..*batch }
}

/// What lies in memory as numbers without bytes between them.
///
/// # Safety
/// No byte of a value is without a value of its own.
unsafe trait Dense: Copy {}
// SAFETY: one number.
unsafe impl Dense for f32 {}
// SAFETY: one number.
unsafe impl Dense for u16 {}
// SAFETY: `repr(C)` of thirteen numbers of four bytes each.
unsafe impl Dense for Control {}

/// Numbers as they lie in memory.
fn bytes_of<T: Dense>(numbers: &[T]) -> &[u8] {
    // SAFETY: `T: Dense`, so that every byte has a value; the slice is of as many bytes, and lives as long.
    unsafe { std::slice::from_raw_parts(numbers.as_ptr().cast(), size_of_val(numbers)) }
}
