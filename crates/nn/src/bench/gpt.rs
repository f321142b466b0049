//! A small GPT, made of plain ops: token and position embeddings, pre-norm blocks of causal attention and a gelu network of four
//! times the width, a norm, and a head without bias (Radford et al. 2019).

use super::ops::causal_attention;
use super::training::training;
use super::workload::classes;
use super::{Rate, Workload};
use crate::{Adam, Error, Init, Loss, Optimizer};
use wgrad_tensor::kernels::ops::{Gather, Slice};
use wgrad_tensor::{Data, Device, Tensor, Variable};

const LAYERS: usize = 4;
const WIDTH: usize = 128;
const HEADS: usize = 4;
const TIME: usize = 128;
const VOCABULARY: usize = 96;
const BATCH: usize = 8;

pub(super) fn workload() -> Workload {
    Workload {
        name: "train_gpt_adamw",
        shape: format!("L{LAYERS} d{WIDTH} h{HEADS} T{TIME} V{VOCABULARY} b{BATCH}"),
        rate: Rate::Samples(BATCH as f64),
        subject: None,
        build: Box::new(|device| {
            let mut parameters = Parameters { device: device.clone(), all: Vec::new() };
            let tokens = classes(device, &[BATCH, TIME], VOCABULARY as u64, 0)?;
            let targets = classes(device, &[BATCH * TIME], VOCABULARY as u64, 1)?;
            let logits = forward(&mut parameters, &tokens)?;
            let loss = Loss::CrossEntropy.apply(&logits, &targets);
            let optimizer = Optimizer::AdamW(Adam { learning_rate: 3e-4, weight_decay: 1e-4, ..Adam::default() });
            training(device, &loss, &parameters.all, optimizer)
        }),
    }
}

struct Parameters {
    device: Device,
    all: Vec<Variable>,
}

impl Parameters {
    fn take(&mut self, name: &str, shape: &[usize], values: &[f32]) -> Result<Tensor, Error> {
        let variable = Variable::new(&self.device, format!("{}.{name}", self.all.len()), &Data::f32(shape, values)?)?;
        let value = variable.value();
        self.all.push(variable);
        Ok(value)
    }

    fn drawn(&mut self, name: &str, shape: [usize; 2], init: Init) -> Result<Tensor, Error> {
        let values = init.draw(shape[0] * shape[1], shape[0], shape[1], 42, self.all.len() as u64);
        self.take(name, &shape, &values)
    }

    fn norm(&mut self, x: &Tensor) -> Result<Tensor, Error> {
        let (gamma, beta) = (self.take("gamma", &[WIDTH], &[1.0; WIDTH])?, self.take("beta", &[WIDTH], &[0.0; WIDTH])?);
        Ok(x.layer_norm(-1, Some(&gamma), Some(&beta), 1e-5))
    }

    /// x [rows, from] → x W + b [rows, to].
    fn linear(&mut self, x: &Tensor, to: usize) -> Result<Tensor, Error> {
        let weight = self.drawn("weight", [x.shape()[1], to], Init::Default)?;
        let bias = self.take("bias", &[to], &vec![0.0; to])?;
        Ok(&x.matmul(&weight) + &bias)
    }
}

/// tokens i32 [batch, time] → logits [batch·time, vocabulary]. Rows are positions throughout.
fn forward(p: &mut Parameters, tokens: &Tensor) -> Result<Tensor, Error> {
    let embedding = p.drawn("token", [VOCABULARY, WIDTH], Init::XavierNormal)?;
    let positions = p.drawn("position", [TIME, WIDTH], Init::XavierNormal)?;
    let x = &embedding.apply(Gather::default(), &[tokens]) + &positions;
    let mut x = x.reshape(&[-1, WIDTH as i64]);
    for _ in 0..LAYERS {
        let h = p.norm(&x)?;
        let qkv = p.linear(&h, 3 * WIDTH)?;
        // [batch·time, width] → [batch, heads, time, width of a head].
        let part = |n: usize| {
            let one = qkv.apply(Slice::along(1, n * WIDTH, (n + 1) * WIDTH), &[]);
            one.reshape(&[BATCH as i64, TIME as i64, HEADS as i64, -1]).permute(&[0, 2, 1, 3])
        };
        let y = causal_attention(&part(0), &part(1), &part(2))?;
        let y = y.permute(&[0, 2, 1, 3]).reshape(&[-1, WIDTH as i64]);
        x = &x + &p.linear(&y, WIDTH)?;
        let h = p.norm(&x)?;
        let h = p.linear(&h, 4 * WIDTH)?.gelu();
        x = &x + &p.linear(&h, WIDTH)?;
    }
    let x = p.norm(&x)?;
    let head = p.drawn("head", [WIDTH, VOCABULARY], Init::Default)?;
    Ok(x.matmul(&head))
}
