//! Lazy tensors on a device: results, plans, fusion, in-place updates, gradients of gradients.

mod common;

use common::device;
use wgrad_tensor::{DType, Data, Error, Tensor, Variable};

fn close(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() <= 1e-5 + 1e-5 * y.abs())
}

#[test]
fn a_chain_over_views_and_broadcasts() {
    let x = Tensor::from_f32(device(), [2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let b = Tensor::from_f32(device(), [2], &[10.0, 20.0]).unwrap();
    let y = (&(&x.transpose() * 2.0) + &b).relu();
    assert_eq!(y.to_vec().unwrap(), [12.0, 28.0, 14.0, 30.0, 16.0, 32.0]);
}

#[test]
fn matmul_reads_a_transposed_operand_in_place() {
    let a = Tensor::from_f32(device(), [3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let y = a.transpose().matmul(&a);
    assert_eq!(y.to_vec().unwrap(), [35.0, 44.0, 44.0, 56.0]);
}

#[test]
fn shapes_that_do_not_fit_panic_with_both_shapes() {
    let a = Tensor::from_f32(device(), [2, 3], &[0.0; 6]).unwrap();
    let message = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| a.matmul(&a))).unwrap_err();
    let message = message.downcast_ref::<String>().unwrap();
    assert!(message.contains("[2, 3] and [2, 3]"), "{message}");
}

#[test]
fn gradients_of_a_small_network() {
    let x = Tensor::from_f32(device(), [2, 2], &[1.0, -2.0, 3.0, 0.5]).unwrap();
    let w = Tensor::from_f32(device(), [2, 2], &[0.5, -1.0, 2.0, 0.25]).unwrap();
    let loss = x.matmul(&w).tanh().square().sum();
    let grad = loss.gradients(&[&w]).unwrap().swap_remove(0).to_vec().unwrap();
    let value = |w: [f32; 4]| {
        let x = [1.0f64, -2.0, 3.0, 0.5];
        let w = w.map(f64::from);
        let mut sum = 0.0;
        for i in 0..2 {
            for j in 0..2 {
                sum += (x[2 * i] * w[j] + x[2 * i + 1] * w[2 + j]).tanh().powi(2);
            }
        }
        sum
    };
    let w0 = [0.5f32, -1.0, 2.0, 0.25];
    for k in 0..4 {
        let (mut up, mut down) = (w0, w0);
        up[k] += 1e-3;
        down[k] -= 1e-3;
        let expected = (value(up) - value(down)) / f64::from(up[k] - down[k]);
        assert!((f64::from(grad[k]) - expected).abs() < 1e-3, "{k}: {} vs {expected}", grad[k]);
    }
}

#[test]
fn gradients_of_gradients() {
    let x = Tensor::from_f32(device(), [3], &[1.0, 2.0, -3.0]).unwrap();
    let cube = &x.square() * &x;
    let first = cube.sum().gradients(&[&x]).unwrap().swap_remove(0);
    let second = first.sum().gradients(&[&x]).unwrap().swap_remove(0);
    let third = second.sum().gradients(&[&x]).unwrap().swap_remove(0);
    assert!(close(&first.to_vec().unwrap(), &[3.0, 12.0, 27.0]));
    assert!(close(&second.to_vec().unwrap(), &[6.0, 12.0, -18.0]));
    assert!(close(&third.to_vec().unwrap(), &[6.0, 6.0, 6.0]));
}

#[test]
fn derivatives_flow_through_values_that_were_read() {
    let x = Tensor::from_f32(device(), [2], &[1.0, 2.0]).unwrap();
    let square = x.square();
    assert_eq!(square.to_vec().unwrap(), [1.0, 4.0]);
    let loss = (&square * &square).sum();
    assert_eq!(loss.to_vec().unwrap(), [17.0]);
    let grad = loss.gradients(&[&x]).unwrap().remove(0);
    assert_eq!(grad.to_vec().unwrap(), [4.0, 32.0]);
    let second = grad.sum().gradients(&[&x]).unwrap().remove(0);
    assert_eq!(second.to_vec().unwrap(), [12.0, 48.0]);
}

#[test]
fn a_gradient_that_needs_an_old_value_is_stale() {
    let w = Variable::new(device(), "w", &Data::f32([1], &[3.0]).unwrap()).unwrap();
    let square = w.value().square();
    let old = w.value();
    assert_eq!(square.to_vec().unwrap(), [9.0]);
    device().run(&[], &[(&w, &(&w.value() + 1.0))]).unwrap();
    // d/dw needs w as it was; d/dsquare does not.
    let loss = square.square().sum();
    let grads = loss.gradients(&[&old, &square]).unwrap();
    assert!(matches!(grads[0].to_vec(), Err(wgrad_tensor::Error::Stale { .. })));
    assert_eq!(grads[1].to_vec().unwrap(), [18.0]);
}

#[test]
fn a_gradient_that_does_not_exist_is_zero() {
    let x = Tensor::from_f32(device(), [2], &[1.0, 2.0]).unwrap();
    let other = Tensor::from_f32(device(), [3], &[1.0, 2.0, 3.0]).unwrap();
    let grad = x.sum().gradients(&[&other]).unwrap().swap_remove(0);
    assert_eq!(grad.to_vec().unwrap(), [0.0; 3]);
    assert!(matches!(x.gradients(&[&x]), Err(Error::NotScalar(_))));
}

#[test]
fn a_diamond_fuses_into_one_dispatch() {
    let x = Tensor::from_f32(device(), [64], &[0.5; 64]).unwrap();
    let s = x.sigmoid();
    let y = &(&x * &s) + &(&s * &(&s.neg() + 1.0));
    let step = device().step(&[&y], &[]).unwrap();
    assert_eq!(step.plan().slots().len(), 0, "{}", step.plan());
    let got = step.run_and_read().unwrap().wait_blocking().unwrap()[0].f32s().unwrap();
    let s = 1.0 / (1.0 + (-0.5f32).exp());
    assert!(close(&got, &[0.5 * s + s * (1.0 - s); 64]));
}

#[test]
fn variables_are_updated_in_place_and_in_the_right_order() {
    let a = Variable::new(device(), "a", &Data::f32([3], &[1.0, 2.0, 3.0]).unwrap()).unwrap();
    let b = Variable::new(device(), "b", &Data::f32([3], &[10.0, 20.0, 30.0]).unwrap()).unwrap();
    // Both read the other's old value: a swap with a shift.
    let (va, vb) = (a.value(), b.value());
    let (new_a, new_b) = (&vb + 1.0, &va + 2.0);
    let step = device().step(&[], &[(&a, &new_a), (&b, &new_b)]).unwrap();
    drop((va, vb, new_a, new_b));
    step.run().unwrap();
    step.run().unwrap();
    let read = |v: &Variable| pollster::block_on(v.read()).unwrap().f32s().unwrap();
    assert_eq!(read(&a), [4.0, 5.0, 6.0]);
    assert_eq!(read(&b), [13.0, 23.0, 33.0]);
}

#[test]
fn a_swap_without_arithmetic() {
    let a = Variable::new(device(), "a", &Data::f32([2], &[1.0, 2.0]).unwrap()).unwrap();
    let b = Variable::new(device(), "b", &Data::f32([2], &[3.0, 4.0]).unwrap()).unwrap();
    let (va, vb) = (a.value(), b.value());
    device().run(&[], &[(&a, &vb), (&b, &va)]).unwrap();
    drop((va, vb));
    let read = |v: &Variable| pollster::block_on(v.read()).unwrap().f32s().unwrap();
    assert_eq!((read(&a), read(&b)), (vec![3.0, 4.0], vec![1.0, 2.0]));
}

#[test]
fn a_sum_accumulates_in_place_without_scratch_memory() {
    let sum = Variable::new(device(), "sum", &Data::f32([4], &[0.0; 4]).unwrap()).unwrap();
    let x = Tensor::from_f32(device(), [4], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    let step = device().step(&[], &[(&sum, &(&sum.value() + &x))]).unwrap();
    assert_eq!(step.plan().slots().len(), 0, "{}", step.plan());
    for _ in 0..3 {
        step.run().unwrap();
    }
    assert_eq!(pollster::block_on(sum.read()).unwrap().f32s().unwrap(), [3.0, 6.0, 9.0, 12.0]);
}

#[test]
fn a_tensor_from_before_an_update_is_stale() {
    let w = Variable::new(device(), "layer.weight", &Data::f32([1], &[1.0]).unwrap()).unwrap();
    let old = &w.value() * 2.0;
    device().run(&[], &[(&w, &(&w.value() + 1.0))]).unwrap();
    let error = old.to_vec().unwrap_err().to_string();
    assert!(error.contains("layer.weight"), "{error}");
    assert_eq!((&w.value() * 2.0).to_vec().unwrap(), [4.0]);
}

#[test]
fn equal_structures_share_a_plan() {
    let run = |v: f32| {
        let x = Tensor::from_f32(device(), [5], &[v; 5]).unwrap();
        (&(&x * 3.25) + 0.125).to_vec().unwrap()
    };
    let first = run(1.0);
    let plans = device().plans();
    let second = run(2.0);
    assert_eq!((first[0], second[0]), (3.375, 6.625));
    assert_eq!(device().plans(), plans);
}

#[test]
fn a_chain_ten_thousand_ops_deep_neither_overflows_nor_loses_a_step() {
    let mut x = Tensor::from_f32(device(), [4], &[0.0; 4]).unwrap();
    for _ in 0..10_000 {
        x = &x + 1.0;
    }
    assert_eq!(x.to_vec().unwrap(), [10_000.0; 4]);
}

#[test]
fn types_are_kept_apart() {
    let i = Tensor::from_i32(device(), [3], &[1, -2, 3]).unwrap();
    assert!(i.to_vec().is_err());
    assert_eq!((&i * &i).read_blocking().unwrap().i32s().unwrap(), [1, 4, 9]);
    assert_eq!(i.cast(DType::F32).to_vec().unwrap(), [1.0, -2.0, 3.0]);
}

#[test]
fn the_device_agrees_with_the_reference_step_by_step() {
    let n = 33;
    let x = Tensor::from_f32(device(), [n, n], &(0..n * n).map(|i| (i as f32 * 0.37).sin()).collect::<Vec<_>>()).unwrap();
    let loss = x.matmul(&x.transpose()).tanh().sum_axes(&[0], true).square().mean();
    let grad = loss.gradients(&[&x]).unwrap().swap_remove(0);
    let report = pollster::block_on(device().check_against_reference(&[&loss, &grad])).unwrap();
    assert!(report.steps.len() >= 4, "{report:?}");
}

#[test]
fn indexing_and_joining() {
    let x = Tensor::from_f32(device(), [3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let rows = Tensor::from_i32(device(), [3], &[2, 0, 2]).unwrap();
    let picked = x.gather(&rows);
    assert_eq!(picked.to_vec().unwrap(), [5.0, 6.0, 1.0, 2.0, 5.0, 6.0]);
    assert_eq!(rows.scatter_add(&picked, 3).to_vec().unwrap(), [1.0, 2.0, 0.0, 0.0, 10.0, 12.0]);
    assert_eq!(x.narrow(0, 1, 3).concat(&[&x.narrow(0, 0, 1)], 0).to_vec().unwrap(), [3.0, 4.0, 5.0, 6.0, 1.0, 2.0]);
    assert_eq!(x.argmax(0, false).read_blocking().unwrap().i32s().unwrap(), [2, 2]);
    assert_eq!(x.softmax(1).sum_axes(&[1], false).to_vec().unwrap(), [1.0; 3]);
}

#[test]
fn random_numbers_are_a_function_of_their_key() {
    let key = |step| Tensor::from_data(device(), &Data::u32([3], &[7, 0, step]).unwrap()).unwrap();
    let draw = |step, stream| key(step).random_uniform([64], 0.0, 1.0, stream).to_vec().unwrap();
    assert_eq!(draw(1, 0), draw(1, 0));
    assert_ne!(draw(1, 0), draw(2, 0));
    assert_ne!(draw(1, 0), draw(1, 1));
    assert!(draw(3, 0).iter().all(|v| (0.0..1.0).contains(v)));
}

#[test]
fn gradients_at_kinks_are_those_of_pytorch() {
    let slope = |at: f32, f: fn(&Tensor) -> Tensor| {
        let x = Tensor::from_f32(device(), [1], &[at]).unwrap();
        f(&x).sum().gradients(&[&x]).unwrap().swap_remove(0).to_vec().unwrap()[0]
    };
    assert_eq!(slope(0.0, Tensor::relu), 0.0);
    assert_eq!(slope(0.0, |x| x.leaky_relu(0.25)), 0.25);
    assert_eq!(slope(0.0, |x| x.elu(0.5)), 0.5);
    assert_eq!([slope(-3.0, Tensor::hardswish), slope(3.0, Tensor::hardswish)], [0.0, 1.0]);
    assert_eq!([-1.0, 0.0, 1.0].map(|at| slope(at, |x| x.clamp(-1.0, 1.0))), [0.0, 1.0, 0.0]);
}
