//! Tensors, gradients of gradients, what the engine makes of a computation, and a check of it against f64.
//!
//! ```text
//! cargo run --example autodiff
//! ```

use wgrad::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::open_blocking(&Select::Auto)?;
    println!("on {}\n", device.runtime().facts());

    // f(x) = Σ x·sin(x). Nothing runs yet: a tensor is a node of a graph.
    let x = Tensor::from_f32(&device, [4], &[0.0, 0.5, 1.0, 1.5])?;
    let f = (&x * &x.sin()).sum();

    // The gradient is appended to the same graph, so it can be differentiated again.
    let first = f.gradients(&[&x])?.remove(0);
    let second = first.sum().gradients(&[&x])?.remove(0);
    println!("f      = {:?}", f.to_vec()?);
    println!("f'(x)  = {:?}   (sin x + x cos x)", first.to_vec()?);
    println!("f''(x) = {:?}   (2 cos x − x sin x)\n", second.to_vec()?);

    // A layer and its gradient: what will run, and in how much memory, before it runs.
    let input = Tensor::from_f32(&device, [32, 64], &waves(32 * 64))?;
    let weight = Tensor::from_f32(&device, [64, 16], &waves(64 * 16))?;
    let loss = input.matmul(&weight).tanh().square().mean();
    let grad = loss.gradients(&[&weight])?.remove(0);
    let step = device.step(&[&loss, &grad], &[])?;
    println!("The memory of a layer with its gradient:\n{}", step.plan());

    // The same graph on the CPU in f64, compared after every launch.
    let report = pollster::block_on(device.check_against_reference(&[&loss, &grad]))?;
    println!("Against the f64 reference (normalised mean squared error):");
    for (launch, error) in &report.steps {
        println!("  {error:9.2e}  {launch}");
    }
    Ok(())
}

/// Some numbers between -1 and 1.
fn waves(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i as f32 * 0.7).sin()).collect()
}
