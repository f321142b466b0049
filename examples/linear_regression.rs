//! Gradient descent by hand: variables, a loss, its gradients, and a compiled step that updates in place.
//!
//! ```text
//! cargo run --example linear_regression
//! ```
//!
//! Fits y = w x + b through five points of y = 2x + 1.

use wgrad::prelude::*;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::open_blocking(&Select::Auto)?;
    let x = Tensor::from_f32(&device, [5], &[1.0, 2.0, 3.0, 4.0, 5.0])?;
    let y = Tensor::from_f32(&device, [5], &[3.0, 5.0, 7.0, 9.0, 11.0])?;

    // Variables live on the device from step to step.
    let w = Variable::new(&device, "w", &Data::f32([], &[0.0])?)?;
    let b = Variable::new(&device, "b", &Data::f32([], &[0.0])?)?;

    // One step as a graph: the loss, its gradients, and the new values.
    let prediction = &x * &w.value() + b.value();
    let loss = (prediction - y.clone()).square().mean();
    let grads = loss.gradients_of(&[w.clone(), b.clone()])?;
    let new_w = w.value() - &grads[0] * 0.02;
    let new_b = b.value() - &grads[1] * 0.02;

    // Compiled once, run many times: each run is one submit, and only runs that are read wait for the device.
    let step = device.step(&[&loss], &[(&w, &new_w), (&b, &new_b)])?;
    for number in 1..=2000 {
        if number % 400 == 0 {
            let loss = step.run_and_read()?.wait_blocking()?[0].f32s()?[0];
            println!("step {number:4}: loss {loss:.3e}");
        } else {
            step.run()?;
            // A few steps may wait on the device, not thousands.
            device.runtime().throttle_blocking(4)?;
        }
    }
    println!("w = {:.4}, b = {:.4}", w.value().to_vec()?[0], b.value().to_vec()?[0]);
    Ok(())
}
