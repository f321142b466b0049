//! Learning rates that change while a network trains. The optimiser's own `learning_rate` is what they start from, or, for
//! `one_cycle`, what they climb to.
//!
//! All but `plateau` are pure functions of where the run stands, so that a resumed run goes on exactly; what `plateau` remembers is in
//! every checkpoint. The rate is a number that each step reads, so that no schedule compiles or waits for anything.

use crate::Error;
use crate::recipe::{kinds, record};
use serde_json::{Value, json};

/// The rate times `gamma` after every `step_size` epochs: rate·gamma^⌊epoch/step_size⌋, epochs counted from 0 (PyTorch's StepLR).
#[derive(Debug, Clone, PartialEq)]
pub struct StepDecay {
    /// Epochs between two changes.
    pub step_size: u64,
    /// The factor.
    pub gamma: f64,
}

record!(StepDecay, "a step schedule" { step_size: required, gamma: or(0.1) });

/// The rate times `gamma` after every epoch: rate·gamma^epoch, epochs counted from 0 (PyTorch's ExponentialLR).
#[derive(Debug, Clone, PartialEq)]
pub struct Exponential {
    /// The factor.
    pub gamma: f64,
}

record!(Exponential, "an exponential schedule" { gamma: required });

/// Half a cosine from the rate down to `min_learning_rate` over all steps (Loshchilov and Hutter 2017, "SGDR", without restarts), after
/// a linear warm-up: step t of w, from 0, has rate·(t + 1)/w; step t of T behind it
/// min + (rate − min)·(1 + cos(π·(t − w)/(T − w)))/2.
#[derive(Debug, Clone, PartialEq)]
pub struct Cosine {
    /// Steps of the warm-up.
    pub warmup_steps: u64,
    /// Epochs of the warm-up, in the place of steps.
    pub warmup_epochs: u64,
    /// Where it ends.
    pub min_learning_rate: f64,
}

record!(Cosine, "a cosine schedule" { warmup_steps: or(0), warmup_epochs: or(0), min_learning_rate: or(0.0) });

/// Up by half a cosine from rate/`div_factor` to the rate over the first `pct_start` of all steps, then down to
/// rate/(`div_factor`·`final_div_factor`) at the last one (Smith and Topin 2018, "Super-convergence"; PyTorch's OneCycleLR with its two
/// phases; the momentum stays). With T steps, phase 1 ends at step pct_start·T − 1 and phase 2 at T − 1, counted from 0.
#[derive(Debug, Clone, PartialEq)]
pub struct OneCycle {
    /// The share of the steps in which the rate grows.
    pub pct_start: f64,
    /// The optimiser's rate by the first one.
    pub div_factor: f64,
    /// The first rate by the last one.
    pub final_div_factor: f64,
}

record!(OneCycle, "a one_cycle schedule" { pct_start: or(0.3), div_factor: or(25.0), final_div_factor: or(1e4) });

/// The rate times `factor` where the validation loss (the training loss without one) did not improve for more than `patience` epochs,
/// no lower than `min_learning_rate` (PyTorch's ReduceLROnPlateau).
#[derive(Debug, Clone, PartialEq)]
pub struct Plateau {
    /// The factor.
    pub factor: f64,
    /// Epochs without improvement that change nothing.
    pub patience: u64,
    /// The share of the best loss by which a better one must be lower.
    pub threshold: f64,
    /// Epochs after a change that are not counted.
    pub cooldown: u64,
    /// The lowest rate.
    pub min_learning_rate: f64,
}

record!(Plateau, "a plateau schedule" { factor: or(0.1), patience: or(10), threshold: or(1e-4), cooldown: or(0), min_learning_rate: or(0.0) });

/// A schedule, as a recipe writes it: `[schedule]`, `kind = "cosine"`.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Down by a factor every so many epochs.
    Step(StepDecay),
    /// Down by a factor every epoch.
    Exponential(Exponential),
    /// Half a cosine, with warm-up.
    Cosine(Cosine),
    /// Up and down again.
    OneCycle(OneCycle),
    /// Down where the loss no longer improves.
    Plateau(Plateau),
}

kinds!(Schedule, "[schedule]" {
    "step" => Step(StepDecay),
    "exponential" => Exponential(Exponential),
    "cosine" => Cosine(Cosine),
    "one_cycle" => OneCycle(OneCycle),
    "plateau" => Plateau(Plateau),
});

/// Where a run stands before a step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Place {
    /// Steps done.
    pub step: u64,
    /// Epochs finished.
    pub epoch: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
    /// Epochs of the whole run.
    pub epochs: u64,
}

/// What `plateau` remembers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PlateauState {
    best: Option<f64>,
    bad: u64,
    cooldown: u64,
    reductions: u64,
}

impl Schedule {
    /// What is wrong with the settings, if anything.
    ///
    /// # Errors
    /// Names the setting and its range.
    pub fn check(&self) -> Result<(), Error> {
        let at_least = |what, value: f64, low: f64| (value >= low && value.is_finite(), what, value, if low > 0.0 { "1 or more" } else { "0 or more" });
        let share = |what, value: f64| (value > 0.0 && value <= 1.0, what, value, "above 0 and at most 1");
        let (kind, wants) = match self {
            Schedule::Step(s) => ("step", vec![at_least("step_size", s.step_size as f64, 1.0), share("gamma", s.gamma)]),
            Schedule::Exponential(s) => ("exponential", vec![share("gamma", s.gamma)]),
            Schedule::Cosine(s) => {
                if s.warmup_steps > 0 && s.warmup_epochs > 0 {
                    return Err(Error::Setting("schedule cosine: `warmup_steps` and `warmup_epochs` are both given; give one of them".to_owned()));
                }
                ("cosine", vec![at_least("min_learning_rate", s.min_learning_rate, 0.0)])
            }
            Schedule::OneCycle(s) => {
                let factors = [at_least("div_factor", s.div_factor, 1.0), at_least("final_div_factor", s.final_div_factor, 1.0)];
                ("one_cycle", [vec![share("pct_start", s.pct_start)], factors.to_vec()].concat())
            }
            Schedule::Plateau(s) => {
                let factor = (s.factor > 0.0 && s.factor < 1.0, "factor", s.factor, "above 0 and below 1");
                let threshold = (s.threshold >= 0.0 && s.threshold < 1.0, "threshold", s.threshold, "at least 0 and below 1");
                ("plateau", vec![factor, threshold, at_least("min_learning_rate", s.min_learning_rate, 0.0)])
            }
        };
        match wants.into_iter().find(|want| !want.0) {
            Some((_, what, value, range)) => Err(Error::Setting(format!("schedule {kind}: `{what}` is {value}; it must be {range}"))),
            None => Ok(()),
        }
    }

    /// The rate of the next step, from the optimiser's `base`.
    pub fn rate(&self, base: f64, at: &Place, plateau: &PlateauState) -> f64 {
        let power = |gamma: f64, times: u64| libm::pow(gamma, times as f64);
        // Half a cosine from `from` at 0 to `to` at 1. The library's bits do not depend on the platform.
        let anneal = |from: f64, to: f64, part: f64| to + (from - to) * 0.5 * (1.0 + libm::cos(std::f64::consts::PI * part.clamp(0.0, 1.0)));
        let (t, total) = (at.step as f64, at.steps_per_epoch.saturating_mul(at.epochs).max(1) as f64);
        match self {
            Schedule::Step(s) => base * power(s.gamma, at.epoch / s.step_size.max(1)),
            Schedule::Exponential(s) => base * power(s.gamma, at.epoch),
            Schedule::Cosine(s) => {
                let warmup = s.warmup_steps.saturating_add(s.warmup_epochs.saturating_mul(at.steps_per_epoch)) as f64;
                if t < warmup { base * (t + 1.0) / warmup } else { anneal(base, s.min_learning_rate.min(base), (t - warmup) / (total - warmup).max(1.0)) }
            }
            Schedule::OneCycle(s) => {
                let (first, peak, end) = (base / s.div_factor, s.pct_start * total - 1.0, total - 1.0);
                if t <= peak {
                    anneal(first, base, if peak > 0.0 { t / peak } else { 1.0 })
                } else {
                    anneal(base, first / s.final_div_factor, (t - peak) / (end - peak).max(1.0))
                }
            }
            // Bounded, since the number may come from a file.
            Schedule::Plateau(s) => (0..plateau.reductions.min(100_000)).fold(base, |rate, _| reduced(rate, s)),
        }
    }
}

fn reduced(rate: f64, s: &Plateau) -> f64 {
    (rate * s.factor).max(s.min_learning_rate.min(rate))
}

impl PlateauState {
    /// Takes the loss of an epoch into account.
    pub(crate) fn judge(&mut self, s: &Plateau, loss: f64) {
        if self.best.is_none_or(|best| loss < best * (1.0 - s.threshold)) {
            self.best = Some(loss);
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.cooldown > 0 {
            self.cooldown -= 1;
            self.bad = 0;
        }
        if self.bad > s.patience {
            self.reductions += 1;
            self.cooldown = s.cooldown;
            self.bad = 0;
        }
    }

    /// For a checkpoint. The best loss as its bits too: decimals may come back a little off.
    pub(crate) fn to_json(self) -> Value {
        json!({ "best": self.best, "best_bits": self.best.map(f64::to_bits), "bad": self.bad, "cooldown": self.cooldown, "reductions": self.reductions })
    }

    /// From a checkpoint; as at first where it holds nothing of the kind.
    pub(crate) fn from_json(value: Option<&Value>) -> Self {
        let number = |name: &str| value.and_then(|v| v.get(name)).and_then(Value::as_u64);
        let count = |name| number(name).unwrap_or(0);
        Self { best: number("best_bits").map(f64::from_bits), bad: count("bad"), cooldown: count("cooldown"), reductions: count("reductions") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rates of the first steps of 4 epochs of 5 steps, from 1.
    fn rates(schedule: &Schedule) -> Vec<f64> {
        let state = PlateauState::default();
        (0..20).map(|step| schedule.rate(1.0, &Place { step, epoch: step / 5, steps_per_epoch: 5, epochs: 4 }, &state)).collect()
    }

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-12, "{found}, expected {expected}");
    }

    #[test]
    fn step_and_exponential_change_between_epochs() {
        let step = rates(&Schedule::Step(StepDecay { step_size: 2, gamma: 0.1 }));
        assert_eq!(step[..10], [1.0; 10]);
        step[10..].iter().for_each(|&r| near(r, 0.1));
        let exponential = rates(&Schedule::Exponential(Exponential { gamma: 0.5 }));
        for (k, &rate) in exponential.iter().enumerate() {
            near(rate, [1.0, 0.5, 0.25, 0.125][k / 5]);
        }
    }

    #[test]
    fn cosine_warms_up_in_a_line_and_goes_down_to_its_end() {
        let found = rates(&Schedule::Cosine(Cosine { warmup_steps: 4, warmup_epochs: 0, min_learning_rate: 0.2 }));
        [0.25, 0.5, 0.75, 1.0].iter().zip(&found).for_each(|(&e, &r)| near(r, e));
        near(found[4], 1.0);
        // A quarter, half and three quarters of the 16 steps behind the warm-up: cos(π/4) = 0.7071…
        near(found[8], 0.2 + 0.8 * (1.0 + 0.5f64.sqrt()) / 2.0);
        near(found[12], 0.6);
        near(found[16], 0.2 + 0.8 * (1.0 - 0.5f64.sqrt()) / 2.0);
        assert!(found[19] > 0.2 && found[19] < 0.21);
        let epochs = rates(&Schedule::Cosine(Cosine { warmup_steps: 0, warmup_epochs: 1, min_learning_rate: 0.0 }));
        near(epochs[0], 0.2);
        near(epochs[4], 1.0);
    }

    #[test]
    fn one_cycle_goes_through_pytorchs_values() {
        // torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=20): the peak is step 0.3·20 - 1 = 5.
        let found = rates(&Schedule::OneCycle(OneCycle { pct_start: 0.3, div_factor: 25.0, final_div_factor: 1e4 }));
        near(found[0], 0.04);
        near(found[5], 1.0);
        // A fifth of the way up: 1 + (0.04 - 1)/2·(1 + cos(π/5)), cos(π/5) = (1 + √5)/4.
        near(found[1], 1.0 - 0.48 * (1.0 + (1.0 + 5f64.sqrt()) / 4.0));
        // Half way down, at (5 + 19)/2.
        near(found[12], (1.0 + 4e-6) / 2.0);
        near(found[19], 4e-6);
    }

    #[test]
    fn plateau_waits_reduces_and_cools_down() {
        let settings = Plateau { factor: 0.5, patience: 1, threshold: 0.1, cooldown: 2, min_learning_rate: 0.2 };
        let schedule = Schedule::Plateau(settings.clone());
        let mut state = PlateauState::default();
        let mut rates = Vec::new();
        // 1.0 is the best; 0.95 is no tenth better. Two bad epochs are one more than its patience.
        for loss in [1.0, 0.95, 0.92, 0.91, 0.91, 0.91, 0.91, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5] {
            state.judge(&settings, loss);
            rates.push(schedule.rate(1.0, &Place::default(), &state));
        }
        assert_eq!(rates, [1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2]);
        assert_eq!(PlateauState::from_json(Some(&state.to_json())), state);
        let third = PlateauState { best: Some(1.0 / 3.0), ..state };
        let text = third.to_json().to_string();
        assert_eq!(PlateauState::from_json(Some(&serde_json::from_str(&text).unwrap())), third);
        assert_eq!(PlateauState::from_json(None), PlateauState::default());
    }

    #[test]
    fn numbers_without_measure_do_no_harm() {
        let place = Place { step: u64::MAX, epoch: u64::MAX, steps_per_epoch: u64::MAX, epochs: u64::MAX };
        let cosine = Cosine { warmup_steps: 0, warmup_epochs: u64::MAX, min_learning_rate: 0.0 };
        let plateau = Plateau { factor: 0.5, patience: 1, threshold: 0.0, cooldown: 0, min_learning_rate: 0.1 };
        let state = PlateauState::from_json(Some(&json!({ "best_bits": u64::MAX, "bad": -1, "cooldown": "x", "reductions": u64::MAX })));
        assert!(Schedule::Cosine(cosine).rate(1.0, &place, &state).is_finite());
        assert_eq!(Schedule::Plateau(plateau).rate(1.0, &place, &state), 0.1);
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let refused = |schedule: Schedule| schedule.check().unwrap_err().to_string();
        assert!(refused(Schedule::Step(StepDecay { step_size: 0, gamma: 0.1 })).contains("`step_size` is 0"));
        assert!(refused(Schedule::Exponential(Exponential { gamma: f64::NAN })).contains("`gamma` is NaN"));
        assert!(refused(Schedule::Cosine(Cosine { warmup_steps: 1, warmup_epochs: 1, min_learning_rate: 0.0 })).contains("give one of them"));
        assert!(refused(Schedule::OneCycle(OneCycle { pct_start: 1.5, div_factor: 25.0, final_div_factor: 1.0 })).contains("`pct_start`"));
        let plateau = Plateau { factor: 1.0, patience: 1, threshold: 0.0, cooldown: 0, min_learning_rate: 0.0 };
        assert!(refused(Schedule::Plateau(plateau)).contains("`factor` is 1"));
    }
}
