//! Metrics against values worked out by hand.

use wgrad_nn::metrics::{Classification, Metrics, Predictions, Regression, mean_and_deviation, roc_auc, roc_curve, top_k_accuracy};

#[track_caller]
fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|k| format!("c{k}")).collect()
}

/// Predictions whose confusion matrix is the one given: one sure prediction a sample.
fn with_confusion(confusion: &[&[u64]]) -> Predictions {
    let n = confusion.len();
    let (mut probabilities, mut truth) = (Vec::new(), Vec::new());
    for (row, counts) in confusion.iter().enumerate() {
        for (column, &count) in counts.iter().enumerate() {
            for _ in 0..count {
                probabilities.extend((0..n).map(|k| f64::from(u8::from(k == column))));
                truth.push(row);
            }
        }
    }
    Predictions::new(names(n), probabilities, truth).unwrap()
}

#[test]
fn precision_recall_and_f1_of_three_classes() {
    // Rows are the truth: 3 + 1 + 1 samples of c0, 2 of c1, 4 of c2.
    let confusion: [&[u64]; 3] = [&[3, 1, 1], &[1, 1, 0], &[0, 2, 2]];
    let m = Classification::of(&with_confusion(&confusion));
    assert_eq!(m.confusion, confusion);
    near(m.accuracy, 6.0 / 11.0);
    let expected = [(3.0 / 4.0, 3.0 / 5.0, 6.0 / 9.0, 5), (1.0 / 4.0, 1.0 / 2.0, 2.0 / 6.0, 2), (2.0 / 3.0, 2.0 / 4.0, 4.0 / 7.0, 4)];
    for (class, (precision, recall, f1, support)) in m.classes.iter().zip(expected) {
        near(class.precision, precision);
        near(class.recall, recall);
        near(class.f1, f1);
        assert_eq!(class.support, support);
    }
    near(m.macro_average.precision, (0.75 + 0.25 + 2.0 / 3.0) / 3.0);
    near(m.macro_average.recall, (0.6 + 0.5 + 0.5) / 3.0);
    near(m.macro_average.f1, (2.0 / 3.0 + 1.0 / 3.0 + 4.0 / 7.0) / 3.0);
    near(m.weighted_average.precision, (5.0 * 0.75 + 2.0 * 0.25 + 4.0 * 2.0 / 3.0) / 11.0);
    near(m.weighted_average.recall, m.accuracy);
    near(m.weighted_average.f1, (5.0 * 2.0 / 3.0 + 2.0 / 3.0 + 4.0 * 4.0 / 7.0) / 11.0);
    near(m.micro_average.f1, 6.0 / 11.0);
    assert_eq!(m.top_k.len(), 1);
}

#[test]
fn a_share_of_nothing_is_zero() {
    // c1 is never predicted, c2 has no samples, c3 does not occur at all.
    let m = Classification::of(&with_confusion(&[&[2, 0, 1, 0], &[1, 0, 0, 0], &[0, 0, 0, 0], &[0, 0, 0, 0]]));
    assert_eq!((m.classes[1].precision, m.classes[1].recall, m.classes[1].f1), (0.0, 0.0, 0.0));
    assert_eq!((m.classes[2].precision, m.classes[2].recall, m.classes[2].f1), (0.0, 0.0, 0.0));
    assert_eq!((m.classes[3].precision, m.classes[3].f1, m.classes[3].support), (0.0, 0.0, 0));
    // The mean is over the three that occur, as in scikit-learn.
    near(m.macro_average.precision, (2.0 / 3.0) / 3.0);
    near(m.weighted_average.precision, 3.0 * (2.0 / 3.0) / 4.0);
    // One against the rest is defined for the classes that have samples: scores of c0 are 1, 1, 0 | 1; of c1 all 0.
    near(m.classes[0].roc_auc.unwrap(), (2.0 * 0.5) / 3.0);
    near(m.classes[1].roc_auc.unwrap(), 0.5);
    assert_eq!((m.classes[2].roc_auc, m.classes[3].roc_auc), (None, None));
    near(m.roc_auc.unwrap(), (1.0 / 3.0 + 0.5) / 2.0);
}

#[test]
fn the_roc_curve_of_the_textbook() {
    // scikit-learn's example: scores 0.1, 0.4, 0.35, 0.8 of classes 0, 0, 1, 1.
    let (scores, positive) = ([0.1, 0.4, 0.35, 0.8], [false, false, true, true]);
    let points: Vec<(f64, f64, f64)> =
        roc_curve(&scores, &positive).unwrap().iter().map(|p| (p.threshold, p.false_positive_rate, p.true_positive_rate)).collect();
    assert_eq!(points, [(f64::INFINITY, 0.0, 0.0), (0.8, 0.0, 0.5), (0.4, 0.5, 0.5), (0.35, 0.5, 1.0), (0.1, 1.0, 1.0)]);
    near(roc_auc(&scores, &positive).unwrap(), 0.75);
    // Of equal scores, a positive and a negative one count half: pairs (2 > 1), (2 = 2), (3 > 1), (3 > 2).
    near(roc_auc(&[1.0, 2.0, 2.0, 3.0], &[false, false, true, true]).unwrap(), 3.5 / 4.0);
    near(roc_auc(&[0.0, -0.0], &[true, false]).unwrap(), 0.5);
    near(roc_auc(&[5.0; 7], &[true, false, true, false, false, false, true]).unwrap(), 0.5);
    near(roc_auc(&[1.0, 2.0], &[true, false]).unwrap(), 0.0);
    // What is not a number is the lowest score, and breaks nothing.
    near(roc_auc(&[f64::NAN, 0.5, f64::NEG_INFINITY], &[false, true, false]).unwrap(), 1.0);
    assert_eq!(roc_auc(&[1.0, 2.0], &[true, true]), None);
    assert_eq!(roc_auc(&[], &[]), None);
}

#[test]
fn the_area_is_the_share_of_pairs_in_the_right_order() {
    let mut state = 1u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 24
    };
    let scores: Vec<f64> = (0..300).map(|_| f64::from(draw() % 40)).collect();
    let positive: Vec<bool> = (0..300).map(|_| draw() % 3 == 0).collect();
    let pairs = || (0..300).flat_map(|a| (0..300).map(move |b| (a, b))).filter(|&(a, b)| positive[a] && !positive[b]);
    let order = |(a, b): (usize, usize)| f64::from(u8::from(scores[a] > scores[b])) + 0.5 * f64::from(u8::from(scores[a] == scores[b]));
    near(roc_auc(&scores, &positive).unwrap(), pairs().map(order).sum::<f64>() / pairs().count() as f64);
}

#[test]
fn top_k_counts_the_true_class_among_the_k_best() {
    let rows = [0.5, 0.2, 0.2, 0.1, 0.1, 0.2, 0.3, 0.4, 0.25, 0.25, 0.25, 0.25];
    let predictions = Predictions::new(names(4), rows.to_vec(), vec![2, 0, 1]).unwrap();
    // Ranks of the true classes, ties to the first index: 2, 3, 1.
    for (k, hits) in [(0, 0.0), (1, 0.0), (2, 1.0), (3, 2.0), (4, 3.0), (9, 3.0)] {
        near(top_k_accuracy(&predictions, k), hits / 3.0);
    }
    assert_eq!(Classification::of(&predictions).top_k, [(2, 1.0 / 3.0), (3, 2.0 / 3.0)]);
    let lost = Predictions::new(names(2), vec![f64::NAN; 2], vec![1]).unwrap();
    near(top_k_accuracy(&lost, 2), 0.0);
}

#[test]
fn logits_become_probabilities_that_large_ones_do_not_blur() {
    let p = Predictions::from_logits(names(3), &[1.0, 1.0, 1.0, 60.0, 20.0, 0.0], vec![0, 0]).unwrap();
    let rows: Vec<&[f64]> = p.rows().collect();
    rows[0].iter().for_each(|&x| near(x, 1.0 / 3.0));
    assert!((rows[1][1] / (-40.0f64).exp() - 1.0).abs() < 1e-9 && rows[1][2] > 0.0, "{rows:?}");
    assert_eq!(p.predicted().collect::<Vec<_>>(), [0, 0]);
    let b = Predictions::from_binary_logits(names(2), &[0.0, -90.0, 1e-30, 3.0f32.ln()], vec![1, 1, 0, 1]).unwrap();
    let rows: Vec<&[f64]> = b.rows().collect();
    assert!((rows[1][1] / (-90.0f64).exp() - 1.0).abs() < 1e-9);
    assert!((rows[3][1] - 0.75).abs() < 1e-7);
    // A logit of 0 is not above 0: the first class.
    assert_eq!(b.predicted().collect::<Vec<_>>()[..2], [0, 0]);
    assert_eq!(Classification::of(&b).roc_auc, Classification::of(&b).classes[1].roc_auc);
}

#[test]
fn what_does_not_fit_is_refused() {
    for (classes, probabilities, truth, text) in [(3, 5, vec![0], "5 probabilities"), (2, 2, vec![2], "class number 2"), (0, 0, vec![], "0 classes")] {
        let error = Predictions::new(names(classes), vec![0.5; probabilities], truth).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn errors_of_values() {
    // scikit-learn's example.
    let m = Regression::of(&[2.5, 0.0, 2.0, 8.0], &[3.0, -0.5, 2.0, 7.0], 1);
    near(m.mse, 0.375);
    near(m.mae, 0.5);
    near(m.r2.unwrap(), 1.0 - 1.5 / 29.1875);
    // Two outputs: the mean of both R², 1 − 1/2 and a constant that is missed.
    let m = Regression::of(&[0.0, 3.0, 3.0, 3.0], &[1.0, 2.0, 3.0, 2.0], 2);
    near(m.r2.unwrap(), (0.5 + 0.0) / 2.0);
    near(m.mae, 3.0 / 4.0);
    assert_eq!(Regression::of(&[2.0, 2.0], &[2.0, 2.0], 1).r2, Some(1.0));
    assert_eq!(Regression::of(&[2.0], &[1.0], 1), Regression { mse: 1.0, mae: 1.0, r2: None });
}

#[test]
fn numbers_over_several_runs() {
    assert_eq!(mean_and_deviation(&[2.0, 4.0, 6.0]), Some((4.0, 2.0)));
    assert_eq!(mean_and_deviation(&[3.0]), Some((3.0, 0.0)));
    assert_eq!(mean_and_deviation(&[]), None);
    let names = |metrics: &Metrics| metrics.scalars().into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(" ");
    let classes = Metrics::Classes(Classification::of(&with_confusion(&[&[1, 0, 0], &[0, 1, 0], &[0, 0, 1]])));
    assert_eq!(names(&classes), "accuracy macro_precision macro_recall macro_f1 weighted_f1 roc_auc top_2_accuracy");
    // What is not defined is left out.
    assert_eq!(names(&Metrics::Values(Regression::of(&[1.0], &[2.0], 1))), "mse mae");
}
