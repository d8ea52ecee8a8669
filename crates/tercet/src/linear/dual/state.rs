//! The state of the solver: the dual variables, and W and b that follow from them.

use rand::seq::SliceRandom;
use rayon::prelude::*;
use tercet_kernels::Isa;
use tercet_kernels::dual_ascent::{self, Block, DualProblem, LANES, Row};

use super::circulation::{balance, surpluses};
use super::features::{Features, PIECE};
use super::{Settings, Variables};
use crate::loss::Loss;
use crate::random::Generator;
use crate::{Error, Result};

/// Limit on the partial sums of the weights that the threads of a gap check hold together: 64 MiB.
const MOST_SUMMED: usize = 64 << 20;

/// The fraction of the margin by which one variable, on its way from 0 to 1, moves the bias. The larger it is, the more
/// loosely the bias is held, and the more its examples interfere with one another.
const PULL: f64 = 1.0 / 16.0;

/// If a larger fraction of the variables than this is unbalanced, the bias is held twice as loosely from then on.
const FAR: f64 = 0.1;

/// The loosest hold on the bias, in margins per variable. The variables of softmax decrease as exp(−b) and are never 0,
/// so they need a much larger step for b to move at all.
fn loosest(loss: Loss) -> f64 {
    match loss {
        Loss::Svm { margin } => 1024.0 * f64::from(margin),
        Loss::Softmax => 1e9,
    }
}

/// A row takes part in the next sweeps unless every wrong class is beyond the margin by more than this fraction of it.
const SLACK: f64 = 0.1;

/// How many visits ahead rows are prefetched.
const AHEAD: usize = 3;

/// The result of a gap check: weights, their objective and the bound.
pub(super) struct GapCheck {
    /// The objective with these weights.
    pub(super) primal: f64,
    /// A lower bound on the objective of any weights.
    pub(super) dual: f64,
    /// (D, C) in blocks.
    pub(super) w: Vec<Block<f32>>,
    /// (C) in blocks.
    pub(super) b: Vec<Block<f32>>,
}

/// The dual step of a loss.
type Ascend = fn(
    Isa,
    &DualProblem,
    (Row<'_>, f32, usize),
    &mut [Block<f32>],
    &mut [Block<f32>],
    &mut [Block<f32>],
    &mut [Block<f32>],
) -> f32;

/// The state of the solver.
pub(super) struct State<'a> {
    features: &'a Features<'a>,
    labels: Vec<u32>,
    /// w_i, the weight of each example; all 1 if `None`.
    weights: Option<&'a [f32]>,
    classes: usize,
    width: usize,
    blocks: usize,
    isa: Isa,
    reg: f64,
    loss: Loss,
    /// Δ, which scales the steps of the bias; 1 for softmax.
    margin: f64,
    /// How far W moves along x when a variable grows by one: 1 / (2 reg N).
    step: f64,
    /// How far b moves in that case.
    bias_step: f64,
    /// The dual variables, (N, C) in blocks; 0 for the example's own class.
    a: Vec<Block<f32>>,
    /// (D, C) in blocks.
    w: Vec<Block<f32>>,
    /// (C) in blocks.
    b: Vec<Block<f32>>,
    /// The anchor b₀ of the bias, (C).
    anchor: Vec<f64>,
    /// The rows that the next sweep visits.
    active: Vec<u32>,
}

/// The values of a row of blocks, class by class.
fn flat<T>(blocks: &[Block<T>]) -> impl Iterator<Item = &T> + Clone {
    blocks.iter().flat_map(|block| &block.0)
}

impl<'a> State<'a> {
    /// All variables 0, and therefore W and b as well.
    ///
    /// # Errors
    /// A reg for which the steps of W exceed the range of f32.
    pub(super) fn new(
        features: &'a Features<'a>,
        labels: Vec<u32>,
        weights: Option<&'a [f32]>,
        (classes, width): (usize, usize),
        settings: &Settings,
    ) -> Result<Self> {
        let (n, blocks) = (features.len(), dual_ascent::blocks(classes));
        let reg = f64::from(settings.reg);
        let margin = match settings.loss {
            Loss::Svm { margin } => f64::from(margin),
            Loss::Softmax => 1.0,
        };
        let step = 1.0 / (2.0 * reg * n as f64);
        // Relative to the effect of one variable through W: at most that, and at least a 64th of it.
        let through_w = step * features.mean_squared();
        let bias_step =
            if through_w > 0.0 { (PULL * margin).clamp(through_w / 64.0, through_w) } else { PULL * margin };
        let weight = |i: usize| weights.map_or(1.0, |weights| f64::from(weights[i]));
        let largest = (0..n).map(|i| weight(i) * f64::from(features.squared(i))).fold(0.0, f64::max);
        let heaviest = (0..n).map(weight).fold(0.0, f64::max);
        if !((step * largest) as f32).is_finite()
            || !((step * heaviest) as f32).is_finite()
            || (step as f32) < f32::MIN_POSITIVE
        {
            return Err(Error::setting(
                "reg",
                settings.reg,
                "a number for which x² / (2 reg N) is within the range of f32",
            ));
        }
        Ok(State {
            features,
            labels,
            weights,
            classes,
            width,
            blocks,
            isa: Isa::active(),
            reg,
            loss: settings.loss,
            margin,
            step,
            bias_step,
            a: vec![Block::ZERO; n * blocks],
            w: vec![Block::ZERO; width * blocks],
            b: vec![Block::ZERO; blocks],
            anchor: vec![0.0; classes],
            active: (0..n as u32).collect(),
        })
    }

    /// w_i.
    fn weight(&self, i: usize) -> f32 {
        self.weights.map_or(1.0, |weights| weights[i])
    }

    /// C.
    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// The number of rows that the next sweep visits.
    pub(super) fn active(&self) -> usize {
        self.active.len()
    }

    /// The variables, for warm-starting another solution.
    pub(super) fn into_variables(self) -> Variables {
        let State { loss, labels, classes, a, anchor, .. } = self;
        Variables { loss, labels, classes, a, anchor }
    }

    /// Visits the active rows in random order and sets the variables of each to their optimum. Returns the number of
    /// visits; rows whose variables changed stay active.
    pub(super) fn sweep(&mut self, generator: &mut Generator) -> usize {
        self.active.shuffle(generator);
        let (classes, margin) = (self.classes, self.margin as f32);
        let (step, bias_step) = (self.step as f32, self.bias_step as f32);
        let (svm_step, scratch): (Ascend, usize) = match self.loss {
            Loss::Svm { .. } => (dual_ascent::svm_step, self.blocks),
            Loss::Softmax => (dual_ascent::softmax_step, 3 * self.blocks),
        };
        let mut scratch = vec![Block::ZERO; scratch];
        let mut moved = Vec::with_capacity(self.active.len());
        for (at, &i) in self.active.iter().enumerate() {
            if let Some(&next) = self.active.get(at + AHEAD) {
                let next = next as usize;
                self.features.prefetch(next);
                tercet_kernels::prefetch(&self.a[next * self.blocks..][..self.blocks]);
            }
            let i = i as usize;
            let weight = self.weight(i);
            let problem = DualProblem { classes, margin, step: step * weight, bias_step: bias_step * weight };
            let example = (self.features.row(i), self.features.squared(i), self.labels[i] as usize);
            let a = &mut self.a[i * self.blocks..][..self.blocks];
            let change = svm_step(self.isa, &problem, example, &mut self.w, &mut self.b, a, &mut scratch);
            if change > 0.0 {
                moved.push(i as u32);
            }
        }
        std::mem::replace(&mut self.active, moved).len()
    }

    /// The sums over all examples of class y of their variables for c, times the weight of the example, (C, C).
    fn flows(&self) -> Vec<f64> {
        let (c, blocks) = (self.classes, self.blocks);
        let piece = |(piece, (a, labels)): (usize, (&[Block<f32>], &[u32]))| {
            let mut flows = vec![0.0; c * c];
            for (i, (a, &y)) in (piece * PIECE..).zip(a.chunks_exact(blocks).zip(labels)) {
                let weight = f64::from(self.weight(i));
                for (flow, &a) in flows[y as usize * c..][..c].iter_mut().zip(flat(a)) {
                    *flow += weight * f64::from(a);
                }
            }
            flows
        };
        let pieces = self.a.par_chunks(PIECE * blocks).zip(self.labels.par_chunks(PIECE));
        sum(pieces.enumerate().map(piece).collect(), c * c)
    }

    /// Sums the weights that follow from the variables, exactly except for the rounding of f64; next to them, those
    /// that follow from the variables times `shares` (C, C), in a row of twice as many blocks. Returns both, and the
    /// contribution of the latter variables to the dual, times N: Δ Σ a for the SVM loss, the entropies for softmax.
    fn weights(&self, shares: &[f64]) -> (Vec<Block<f64>>, f64) {
        let (c, blocks, n) = (self.classes, self.blocks, self.features.len());
        let size = self.width * 2 * blocks;
        // The division of the rows depends only on the shapes.
        let most = (MOST_SUMMED / (size * size_of::<Block<f64>>())).clamp(1, 16);
        let cut = n.div_ceil(most).max(PIECE);
        let piece = |start: usize| {
            let mut w = vec![Block::<f64>::ZERO; size];
            let mut beta = vec![Block::<f64>::ZERO; 2 * blocks];
            let mut gain = 0.0;
            for i in start..n.min(start + cut) {
                let a = &self.a[i * blocks..][..blocks];
                if flat(a).all(|&a| a == 0.0) {
                    continue;
                }
                let y = self.labels[i] as usize;
                let (plain, shared) = beta.split_at_mut(blocks);
                let (mut sum, mut sum_shared, mut entropy) = (0.0, 0.0, 0.0);
                let weight = f64::from(self.weight(i));
                for (k, (&a, share)) in flat(a).zip(&shares[y * c..][..c]).enumerate() {
                    let a = f64::from(a);
                    plain[k / LANES].0[k % LANES] = -a * weight;
                    shared[k / LANES].0[k % LANES] = -a * share * weight;
                    sum += a;
                    sum_shared += a * share;
                    if self.loss == Loss::Softmax {
                        entropy += entropy_of(a * share);
                    }
                }
                gain += weight
                    * match self.loss {
                        Loss::Svm { .. } => self.margin * sum_shared,
                        Loss::Softmax => entropy + entropy_of(1.0 - sum_shared),
                    };
                plain[y / LANES].0[y % LANES] = sum * weight;
                shared[y / LANES].0[y % LANES] = sum_shared * weight;
                dual_ascent::add(self.isa, self.features.row(i), &beta, &mut w);
            }
            (w, gain)
        };
        let starts: Vec<usize> = (0..n).step_by(cut).collect();
        let pieces: Vec<(Vec<Block<f64>>, f64)> = starts.into_par_iter().map(piece).collect();
        let mut pieces = pieces.into_iter();
        let (mut w, mut gain) = pieces.next().unwrap_or_else(|| (vec![Block::ZERO; size], 0.0));
        for (piece, of_piece) in pieces {
            gain += of_piece;
            for (w, piece) in w.iter_mut().zip(&piece) {
                w.0.iter_mut().zip(&piece.0).for_each(|(w, piece)| *w += piece);
            }
        }
        w.iter_mut().for_each(|block| block.0.iter_mut().for_each(|w| *w *= self.step));
        (w, gain)
    }

    /// Goes over all rows: computes W and b from the variables, their objective, a lower bound on it, and the rows that
    /// the next sweeps visit.
    pub(super) fn check_gap(&mut self) -> GapCheck {
        let (c, blocks, n) = (self.classes, self.blocks, self.features.len() as f64);
        let flows = self.flows();
        let mut balanced = flows.clone();
        balance(&mut balanced, c);
        let shares: Vec<f64> =
            balanced.iter().zip(&flows).map(|(now, all)| if *all > 0.0 { now / all } else { 0.0 }).collect();
        let (both, gain) = self.weights(&shares);
        let mut squares = 0.0;
        for (w, both) in self.w.chunks_exact_mut(blocks).zip(both.chunks_exact(2 * blocks)) {
            let (plain, shared) = both.split_at(blocks);
            for (w, plain) in w.iter_mut().zip(plain) {
                w.0 = plain.0.map(|w| w as f32);
            }
            squares += flat(shared).map(|w| w * w).sum::<f64>();
        }
        let dual = gain / n - self.reg * squares;

        let surpluses = surpluses(&flows, c);
        self.pull(&surpluses);
        let (loss, active) = self.scan();
        self.active = active;
        let squares: f64 = flat(&self.w).map(|&w| f64::from(w) * f64::from(w)).sum();
        let check =
            GapCheck { primal: loss / n + self.reg * squares, dual, w: self.w.clone(), b: self.b.clone() };
        // From here on the bias is held at its current value.
        for (anchor, surplus) in self.anchor.iter_mut().zip(&surpluses) {
            *anchor += self.bias_step * surplus;
        }
        // Held more loosely if the variables are far from balanced, as with a single class.
        let unbalanced = surpluses.iter().map(|s| s.abs()).sum::<f64>() / 2.0;
        if unbalanced > FAR * flows.iter().sum::<f64>() {
            self.bias_step = (2.0 * self.bias_step).min(loosest(self.loss));
        }
        self.pull(&surpluses);
        check
    }

    /// Updates the bias from the variables.
    fn pull(&mut self, surpluses: &[f64]) {
        for (class, surplus) in surpluses.iter().enumerate() {
            let b = self.anchor[class] + self.bias_step * surplus;
            self.b[class / LANES].0[class % LANES] = b as f32;
        }
    }

    /// Starts from variables that were found for another regularisation.
    ///
    /// All are multiplied by the factor from 0 to 1 that maximises the dual, which grows with the variables and
    /// decreases with the square of the weights that follow from them.
    pub(super) fn begin_at(&mut self, a: &[Block<f32>], anchor: &[f64]) {
        self.a.copy_from_slice(a);
        self.anchor.copy_from_slice(anchor);
        let blocks = self.blocks;
        let all = vec![1.0; self.classes * self.classes];
        let (w, gain) = self.weights(&all);
        let plain = || w.chunks_exact(2 * blocks).flat_map(|row| &row[..blocks]);
        let squares: f64 = plain().flat_map(|block| &block.0).map(|w| w * w).sum();
        // The derivative of reg Σ W², which is proportional to the square of the scale, at scale 1.
        let price = 2.0 * self.reg * squares * self.features.len() as f64;
        let scale = match self.loss {
            _ if squares == 0.0 => 1.0,
            Loss::Svm { .. } => (gain / price).clamp(0.0, 1.0),
            Loss::Softmax => self.scale(gain, price),
        };
        self.a.iter_mut().for_each(|a| a.0 = a.0.map(|a| (f64::from(a) * scale) as f32));
        self.w = plain().map(|block| Block(block.0.map(|w| (w * scale) as f32))).collect();
        self.pull(&surpluses(&self.flows(), self.classes));
    }

    /// The scale s from 0 to 1 that maximises the entropies of s · a minus s²/2 · `price`. This is concave in s, with
    /// the derivative
    ///
    /// ```text
    /// −Σ a ln a − ln s Σ a + Σ_i A_i ln(1 − s A_i) − s · price         A_i = Σ_c a_ic
    /// ```
    ///
    /// `entropies` is their sum at s = 1.
    fn scale(&self, entropies: f64, price: f64) -> f64 {
        let sums: Vec<f64> =
            self.a.chunks_exact(self.blocks).map(|a| flat(a).map(|&a| f64::from(a)).sum()).collect();
        let weighted = || sums.iter().enumerate().map(|(i, &sum)| (f64::from(self.weight(i)), sum));
        let total: f64 = weighted().map(|(weight, sum)| weight * sum).sum();
        let of_others =
            entropies - weighted().map(|(weight, sum)| weight * entropy_of(1.0 - sum)).sum::<f64>();
        let derivative = |s: f64| {
            let of_y: f64 = weighted().map(|(weight, sum)| weight * sum * (1.0 - s * sum).ln()).sum();
            of_others - total * s.ln() + of_y - s * price
        };
        let (mut low, mut high) = (0.0, 1.0);
        // To a thousandth: the remaining error is negligible compared with what the first visits change.
        for _ in 0..10 {
            let s = f64::midpoint(low, high);
            if derivative(s) > 0.0 { low = s } else { high = s }
        }
        high
    }

    /// The sum of the losses of all rows, and the rows worth visiting.
    fn scan(&self) -> (f64, Vec<u32>) {
        let wide = |block: &Block<f32>| Block(block.0.map(f64::from));
        let w: Vec<Block<f64>> = self.w.iter().map(wide).collect();
        let b: Vec<Block<f64>> = self.b.iter().map(wide).collect();
        let near = -self.margin * SLACK;
        let piece = |start: usize| {
            let mut f = b.clone();
            let (mut loss, mut active) = (0.0, Vec::new());
            for i in start..self.features.len().min(start + PIECE) {
                f.copy_from_slice(&b);
                dual_ascent::scores(self.isa, self.features.row(i), &w, &mut f);
                let y = self.labels[i] as usize;
                let of_y = f[y / LANES].0[y % LANES];
                let weight = f64::from(self.weight(i));
                if self.loss == Loss::Softmax {
                    loss += weight * cross_entropy(flat(&f).take(self.classes), of_y);
                    active.push(i as u32);
                    continue;
                }
                let mut largest = f64::NEG_INFINITY;
                for (class, &score) in flat(&f).enumerate().take(self.classes) {
                    if class != y {
                        let excess = self.margin + score - of_y;
                        loss += if excess > 0.0 { weight * excess } else { 0.0 };
                        largest = largest.max(excess);
                    }
                }
                let holds = flat(&self.a[i * self.blocks..][..self.blocks]).any(|&a| a > 0.0);
                if holds || largest > near {
                    active.push(i as u32);
                }
            }
            (loss, active)
        };
        let starts: Vec<usize> = (0..self.features.len()).step_by(PIECE).collect();
        let pieces: Vec<(f64, Vec<u32>)> = starts.into_par_iter().map(piece).collect();
        let loss = pieces.iter().map(|(loss, _)| loss).sum();
        (loss, pieces.into_iter().flat_map(|(_, active)| active).collect())
    }
}

/// −p ln p.
fn entropy_of(p: f64) -> f64 {
    if p > 0.0 { -p * p.ln() } else { 0.0 }
}

/// ln Σ exp f − f_y.
fn cross_entropy<'a>(f: impl Iterator<Item = &'a f64> + Clone, of_y: f64) -> f64 {
    let largest = f.clone().copied().fold(f64::NEG_INFINITY, f64::max);
    f.map(|f| (f - largest).exp()).sum::<f64>().ln() + (largest - of_y)
}

/// Adds the sums of the pieces, in order.
fn sum(pieces: Vec<Vec<f64>>, len: usize) -> Vec<f64> {
    pieces.into_iter().fold(vec![0.0; len], |mut sum, piece| {
        sum.iter_mut().zip(piece).for_each(|(sum, piece)| *sum += piece);
        sum
    })
}
