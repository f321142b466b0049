//! Optimisers. Their updates are graph nodes like all others: fused kernels that work in place.

use crate::Error;
use crate::recipe::{kinds, record};
use wgrad_tensor::{Data, Device, Tensor, Variable, kernels::ops};

/// Stochastic gradient descent, by PyTorch's formulas.
#[derive(Debug, Clone, PartialEq)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f64,
    /// v ← momentum·v + g, and the step goes along v.
    pub momentum: f64,
    /// Nesterov's look-ahead: the step goes along g + momentum·v.
    pub nesterov: bool,
    /// λ: g ← g + λ·w.
    pub weight_decay: f64,
}

record!(Sgd, "sgd" {
    learning_rate: or(Self::default().learning_rate),
    momentum: or(Self::default().momentum),
    nesterov: or(Self::default().nesterov),
    weight_decay: or(Self::default().weight_decay),
});

impl Default for Sgd {
    fn default() -> Self {
        Self { learning_rate: 0.01, momentum: 0.0, nesterov: false, weight_decay: 0.0 }
    }
}

/// Adam (Kingma and Ba 2015), and AdamW (Loshchilov and Hutter 2019) where the decay is decoupled.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// λ: on the gradient for Adam, on the weight for AdamW.
    pub weight_decay: f64,
}

record!(Adam, "adam" {
    learning_rate: or(Self::default().learning_rate),
    beta1: or(Self::default().beta1),
    beta2: or(Self::default().beta2),
    epsilon: or(Self::default().epsilon),
    weight_decay: or(Self::default().weight_decay),
});

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

/// RMSprop (Tieleman and Hinton 2012), by PyTorch's formulas.
#[derive(Debug, Clone, PartialEq)]
pub struct RmsProp {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the mean of the squares.
    pub alpha: f64,
    /// Added to the root of that mean.
    pub epsilon: f64,
    /// λ: g ← g + λ·w.
    pub weight_decay: f64,
    /// b ← momentum·b + step, and the weights move along b.
    pub momentum: f64,
    /// Whether the mean of the gradients is taken off the squares.
    pub centered: bool,
}

record!(RmsProp, "rmsprop" {
    learning_rate: or(Self::default().learning_rate),
    alpha: or(Self::default().alpha),
    epsilon: or(Self::default().epsilon),
    weight_decay: or(Self::default().weight_decay),
    momentum: or(Self::default().momentum),
    centered: or(Self::default().centered),
});

impl Default for RmsProp {
    fn default() -> Self {
        Self { learning_rate: 0.01, alpha: 0.99, epsilon: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false }
    }
}

/// Lion (Chen et al. 2023): every weight moves by the learning rate, up or down.
#[derive(Debug, Clone, PartialEq)]
pub struct Lion {
    /// Step size; a tenth to a third of what Adam takes.
    pub learning_rate: f64,
    /// The share of the mean of the gradients in the direction.
    pub beta1: f64,
    /// Decay of that mean.
    pub beta2: f64,
    /// λ, on the weight.
    pub weight_decay: f64,
}

record!(Lion, "lion" {
    learning_rate: or(Self::default().learning_rate),
    beta1: or(Self::default().beta1),
    beta2: or(Self::default().beta2),
    weight_decay: or(Self::default().weight_decay),
});

impl Default for Lion {
    fn default() -> Self {
        Self { learning_rate: 1e-4, beta1: 0.9, beta2: 0.99, weight_decay: 0.0 }
    }
}

/// An optimiser, as a recipe writes it: `{ kind = "adam", learning_rate = 0.001 }`.
#[derive(Debug, Clone, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd(Sgd),
    /// Adam.
    Adam(Adam),
    /// Adam with decoupled weight decay.
    AdamW(Adam),
    /// RMSprop.
    RmsProp(RmsProp),
    /// Lion.
    Lion(Lion),
}

kinds!(Optimizer, "[optimizer]" { "sgd" => Sgd(Sgd), "adam" => Adam(Adam), "adamw" => AdamW(Adam), "rmsprop" => RmsProp(RmsProp), "lion" => Lion(Lion) });

impl From<Sgd> for Optimizer {
    fn from(sgd: Sgd) -> Self {
        Optimizer::Sgd(sgd)
    }
}

impl From<Adam> for Optimizer {
    fn from(adam: Adam) -> Self {
        Optimizer::Adam(adam)
    }
}

impl From<RmsProp> for Optimizer {
    fn from(rmsprop: RmsProp) -> Self {
        Optimizer::RmsProp(rmsprop)
    }
}

impl From<Lion> for Optimizer {
    fn from(lion: Lion) -> Self {
        Optimizer::Lion(lion)
    }
}

impl Optimizer {
    /// Its name in recipes and checkpoints.
    pub fn name(&self) -> &'static str {
        match self {
            Optimizer::Sgd(_) => "sgd",
            Optimizer::Adam(_) => "adam",
            Optimizer::AdamW(_) => "adamw",
            Optimizer::RmsProp(_) => "rmsprop",
            Optimizer::Lion(_) => "lion",
        }
    }

    /// The step size.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Optimizer::Sgd(sgd) => sgd.learning_rate,
            Optimizer::Adam(adam) | Optimizer::AdamW(adam) => adam.learning_rate,
            Optimizer::RmsProp(rmsprop) => rmsprop.learning_rate,
            Optimizer::Lion(lion) => lion.learning_rate,
        }
    }

    /// What is wrong with the settings, if anything.
    ///
    /// # Errors
    /// Names the setting and its range.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |what: &str, value: f64, range: &str| Err(Error::Setting(format!("optimizer {}: `{what}` is {value}; it must be {range}", self.name())));
        let (decay, rate) = match self {
            Optimizer::Sgd(sgd) => {
                if !(0.0..1.0).contains(&sgd.momentum) {
                    return bad("momentum", sgd.momentum, "at least 0 and below 1");
                }
                if sgd.nesterov && sgd.momentum == 0.0 {
                    return bad("momentum", 0.0, "above 0 where `nesterov` is true");
                }
                (sgd.weight_decay, sgd.learning_rate)
            }
            Optimizer::Adam(adam) | Optimizer::AdamW(adam) => {
                for (name, beta) in [("beta1", adam.beta1), ("beta2", adam.beta2)] {
                    if !(0.0..1.0).contains(&beta) {
                        return bad(name, beta, "at least 0 and below 1");
                    }
                }
                if !(adam.epsilon > 0.0 && adam.epsilon.is_finite()) {
                    return bad("epsilon", adam.epsilon, "above 0");
                }
                (adam.weight_decay, adam.learning_rate)
            }
            Optimizer::RmsProp(r) => {
                for (name, value) in [("alpha", r.alpha), ("momentum", r.momentum)] {
                    if !(0.0..1.0).contains(&value) {
                        return bad(name, value, "at least 0 and below 1");
                    }
                }
                if !(r.epsilon > 0.0 && r.epsilon.is_finite()) {
                    return bad("epsilon", r.epsilon, "above 0");
                }
                (r.weight_decay, r.learning_rate)
            }
            Optimizer::Lion(lion) => {
                for (name, beta) in [("beta1", lion.beta1), ("beta2", lion.beta2)] {
                    if !(0.0..1.0).contains(&beta) {
                        return bad(name, beta, "at least 0 and below 1");
                    }
                }
                (lion.weight_decay, lion.learning_rate)
            }
        };
        if !(rate >= 0.0 && rate.is_finite()) {
            return bad("learning_rate", rate, "0 or more");
        }
        if !(decay >= 0.0 && decay.is_finite()) {
            return bad("weight_decay", decay, "0 or more");
        }
        Ok(())
    }
}

/// An optimiser with its moments on the device.
pub struct OptimizerState {
    optimizer: Optimizer,
    /// The moments of each parameter, in the parameters' order.
    moments: Vec<Vec<Variable>>,
    /// What changes from step to step; see [`OptimizerState::rates`].
    rates: Tensor,
}

impl OptimizerState {
    /// Zero moments for `parameters`.
    ///
    /// # Errors
    /// Where a setting makes no sense or the device has no memory left.
    pub fn new(optimizer: Optimizer, device: &Device, parameters: &[Variable]) -> Result<Self, Error> {
        optimizer.check()?;
        let names: Vec<&str> = match &optimizer {
            Optimizer::Sgd(sgd) if sgd.momentum == 0.0 => vec![],
            Optimizer::Sgd(_) => vec!["velocity"],
            Optimizer::Adam(_) | Optimizer::AdamW(_) => vec!["m", "v"],
            Optimizer::RmsProp(r) => {
                let optional = [(r.centered, "grad_avg"), (r.momentum != 0.0, "momentum_buffer")];
                std::iter::once("square_avg").chain(optional.into_iter().filter(|o| o.0).map(|o| o.1)).collect()
            }
            Optimizer::Lion(_) => vec!["m"],
        };
        let moment = |parameter: &Variable, name: &str| {
            let shape = parameter.ty().shape.clone();
            let zeros = vec![0.0; shape.numel()];
            Variable::new(device, format!("optimizer.{name}.{}", parameter.name()), &Data::f32(shape, &zeros)?)
        };
        let moments = parameters.iter().map(|p| names.iter().map(|n| moment(p, n)).collect()).collect::<Result<_, _>>()?;
        let rates = Self::first_rates(&optimizer);
        let rates = Tensor::from_f32(device, [rates.len()], &rates)?;
        Ok(Self { optimizer, moments, rates })
    }

    fn first_rates(optimizer: &Optimizer) -> Vec<f32> {
        rates(optimizer, optimizer.learning_rate(), 1)
    }

    /// The optimiser.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// Every moment, for checkpoints.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.moments.iter().flatten()
    }

    /// Prepares step number `step` (from 1) at a learning rate: uploads what the update reads.
    ///
    /// # Errors
    /// Where the device fails.
    pub fn prepare(&self, learning_rate: f64, step: u64) -> Result<(), Error> {
        let values = rates(&self.optimizer, learning_rate, step);
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Ok(self.rates.write_bytes(&bytes)?)
    }

    /// The new value of every parameter and moment, given the gradients, in the parameters' order.
    #[track_caller]
    pub fn updates(&self, parameters: &[Variable], grads: &[Tensor]) -> Vec<(Variable, Tensor)> {
        let mut updates = Vec::new();
        for ((parameter, grad), moments) in parameters.iter().zip(grads).zip(&self.moments) {
            let values: Vec<Tensor> = moments.iter().map(Variable::value).collect();
            let others: Vec<&Tensor> = std::iter::once(grad).chain(&values).chain(std::iter::once(&self.rates)).collect();
            let outputs = match &self.optimizer {
                Optimizer::Sgd(s) => {
                    let op = ops::Sgd { momentum: s.momentum, nesterov: s.nesterov, weight_decay: s.weight_decay, ..Default::default() };
                    parameter.value().apply_all(op, &others)
                }
                Optimizer::Adam(a) => parameter.value().apply_all(adam(a, false), &others),
                Optimizer::AdamW(a) => parameter.value().apply_all(adam(a, true), &others),
                Optimizer::RmsProp(r) => {
                    let &RmsProp { alpha, epsilon, weight_decay, momentum, centered, .. } = r;
                    parameter.value().apply_all(ops::RmsProp { alpha, epsilon, weight_decay, momentum, centered }, &others)
                }
                Optimizer::Lion(l) => {
                    let op = ops::Lion { beta1: l.beta1, beta2: l.beta2, weight_decay: l.weight_decay };
                    parameter.value().apply_all(op, &others)
                }
            };
            updates.extend(std::iter::once(parameter).chain(moments).cloned().zip(outputs));
        }
        updates
    }
}

fn adam(a: &Adam, decoupled: bool) -> ops::Adam {
    ops::Adam { beta1: a.beta1, beta2: a.beta2, epsilon: a.epsilon, weight_decay: a.weight_decay, decoupled }
}

/// What the update kernels read anew each step: the learning rate and, for Adam, 1/(1 − βᵗ) of both moments. In f64 on the
/// host, because 1 − 0.999ᵗ loses a thousand times its precision in f32.
fn rates(optimizer: &Optimizer, learning_rate: f64, step: u64) -> Vec<f32> {
    match optimizer {
        Optimizer::Sgd(_) | Optimizer::RmsProp(_) | Optimizer::Lion(_) => vec![learning_rate as f32],
        Optimizer::Adam(a) | Optimizer::AdamW(a) => {
            let correction = |beta: f64| (1.0 / (1.0 - beta.powf(step as f64))) as f32;
            vec![learning_rate as f32, correction(a.beta1), correction(a.beta2)]
        }
    }
}

/// The gradients scaled so that their joint 2-norm is at most `max_norm` (Pascanu et al. 2013, PyTorch's formula).
#[track_caller]
pub fn clip_by_norm(grads: &[Tensor], max_norm: f64) -> Vec<Tensor> {
    let squares = grads.iter().map(|g| g.square().sum());
    let Some(total) = squares.reduce(|a, b| a + b) else { return Vec::new() };
    let scale = &(total.sqrt() + 1e-6).reciprocal() * max_norm;
    let scale = scale.minimum(&scale.constant(1.0));
    grads.iter().map(|g| g * &scale).collect()
}

/// Penalties on the weights: l1·Σ|w| + l2·Σw², over the parameters of two axes or more; biases and what norms multiply by have but
/// one. `None` where both are 0.
#[track_caller]
pub fn penalty(parameters: &[Variable], l1: f64, l2: f64) -> Option<Tensor> {
    let weights = parameters.iter().filter(|p| p.ty().shape.rank() >= 2).map(Variable::value);
    let terms = weights.flat_map(|w| [(l1, w.abs()), (l2, w.square())].into_iter().filter(|(factor, _)| *factor != 0.0));
    terms.map(|(factor, term)| &term.sum() * factor).reduce(|a, b| &a + &b)
}
