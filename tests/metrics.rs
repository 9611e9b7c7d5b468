//! Metrics against their definitions, batch by batch.

#![allow(clippy::cast_possible_wrap, reason = "classes are few")]

use flatgrad::Error;
use flatgrad::metrics::{Accuracy, Average, Confusion, Mean, Scores, argmax_row, correct, correct_in_top};
use rand_xoshiro::Xoshiro128PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// From the list of labels and predictions, as the definitions say.
fn by_definition(labels: &[i32], predictions: &[i32], class: i32) -> [f64; 4] {
    let count = |wanted: &dyn Fn(i32, i32) -> bool| {
        labels.iter().zip(predictions).filter(|(label, prediction)| wanted(**label, **prediction)).count() as f64
    };
    let right = count(&|label, prediction| label == class && prediction == class);
    let wrong = count(&|label, prediction| label != class && prediction == class);
    let missed = count(&|label, prediction| label == class && prediction != class);
    let divide = |a: f64, b: f64| if b == 0.0 { 0.0 } else { a / b };
    let f1 = divide(2.0 * right, 2.0 * right + wrong + missed);
    [divide(right, right + wrong), divide(right, right + missed), f1, right + missed]
}

#[track_caller]
fn check(got: Scores, expected: [f64; 3]) {
    let got = [got.precision, got.recall, got.f1].map(f64::from);
    assert!(got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-6), "{got:?} {expected:?}");
}

#[test]
fn scores_are_those_of_their_definitions() {
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(1);
    for rows in [0usize, 1, 7, 15, 16, 17, 31, 33, 1000] {
        // Two classes too many, so that some do not occur.
        let mut draw = |classes: u32| (0..rows).map(|_| (rng.next_u32() % classes) as i32).collect::<Vec<i32>>();
        let (labels, predictions) = (draw(4), draw(5));
        let mut counts = [0; 36];
        let mut confusion = Confusion::new(&mut counts, 6).expect("it fits");
        for (labels, predictions) in labels.chunks(10).zip(predictions.chunks(10)) {
            confusion.add(labels, predictions).expect("classes");
        }
        let (mut means, mut weighted, mut present) = ([0.0; 3], [0.0; 3], 0.0);
        for class in 0..6 {
            let [precision, recall, f1, support] = by_definition(&labels, &predictions, class);
            let got = confusion.class(class as usize);
            check(got, [precision, recall, f1]);
            assert_eq!(got.support as f64, support);
            let occurs = labels.contains(&class) || predictions.contains(&class);
            present += f64::from(u8::from(occurs));
            for (i, score) in [precision, recall, f1].into_iter().enumerate() {
                means[i] += score;
                weighted[i] += score * support;
            }
        }
        check(confusion.average(Average::Macro), means.map(|sum| sum / f64::max(present, 1.0)));
        check(confusion.average(Average::Weighted), weighted.map(|sum| sum / rows.max(1) as f64));
        let right = labels.iter().zip(&predictions).filter(|(a, b)| a == b).count() as f64;
        check(confusion.average(Average::Micro), [right / rows.max(1) as f64; 3]);
        assert_eq!(confusion.accuracy().is_nan(), rows == 0);
        assert_eq!(confusion.average(Average::Macro).support, rows as u64);
    }
}

/// The example of scikit-learn's `precision_recall_fscore_support` and its like.
#[test]
fn scikit_learns_example() {
    let mut counts = [0; 9];
    let mut confusion = Confusion::new(&mut counts, 3).expect("it fits");
    confusion.add(&[0, 1, 2, 0, 1, 2], &[0, 2, 1, 0, 0, 1]).expect("classes");
    check(confusion.average(Average::Macro), [2.0 / 9.0, 1.0 / 3.0, 0.266_666_667]);
    check(confusion.average(Average::Micro), [1.0 / 3.0; 3]);
    check(confusion.average(Average::Weighted), [2.0 / 9.0, 1.0 / 3.0, 0.266_666_667]);
    check(confusion.class(0), [2.0 / 3.0, 1.0, 0.8]);
    assert_eq!(confusion.class(1), Scores { support: 2, ..Scores::default() });
    assert_eq!(confusion.class(7), Scores::default());
    assert_eq!([confusion.count(1, 2), confusion.count(2, 1), confusion.count(3, 0)], [1, 2, 0]);
}

#[test]
fn the_top_are_the_first_of_a_stable_sort() {
    const VALUES: [f32; 6] = [-1.0, 0.0, 0.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    let mut rng = Xoshiro128PlusPlus::seed_from_u64(2);
    for classes in [1usize, 2, 7, 16, 33] {
        let logits: Vec<f32> = (0..50 * classes).map(|_| VALUES[rng.next_u32() as usize % 6]).collect();
        let labels: Vec<i32> = (0..50).map(|_| (rng.next_u32() as usize % (classes + 1)) as i32 - 1).collect();
        for k in [0, 1, 2, 5, classes, classes + 1] {
            let is_right = |(row, label): (&[f32], &i32)| {
                let mut order: Vec<usize> = (0..classes).collect();
                let key = |i: usize| if row[i].is_nan() { f64::MAX } else { f64::from(row[i]).min(1e300) };
                order.sort_by(|a, b| key(*b).total_cmp(&key(*a)));
                order.iter().take(k).any(|class| *class as i32 == *label)
            };
            let expected = logits.chunks_exact(classes).zip(&labels).filter(|item| is_right(*item)).count();
            assert_eq!(correct_in_top(k, &logits, &labels, classes), Ok(expected), "top {k} of {classes}");
            let mut running = Accuracy::top_k(k);
            for (logits, labels) in logits.chunks(7 * classes).zip(labels.chunks(7)) {
                running.add(logits, labels, classes).expect("whole rows");
            }
            assert_eq!((running.correct, running.count), (expected as u64, 50));
        }
        assert_eq!(correct_in_top(1, &logits, &labels, classes), correct(&logits, &labels, classes));
    }
}

#[test]
fn logits_are_counted_by_their_largest() {
    let (mut counts, mut others) = ([0; 9], [0; 9]);
    let logits = [0.1, 0.9, 0.3, f32::NAN, 1.0, 2.0, 0.5, 0.5, 0.2];
    let labels = [1, 2, 0];
    Confusion::new(&mut counts, 3).and_then(|mut c| c.add_logits(&logits, &labels)).expect("rows");
    let predictions: Vec<i32> = logits.chunks_exact(3).map(|row| argmax_row(row) as i32).collect();
    Confusion::new(&mut others, 3).and_then(|mut c| c.add(&labels, &predictions)).expect("classes");
    assert_eq!(counts, others);
    assert_eq!(counts, [1, 0, 0, 0, 1, 0, 1, 0, 0]);
}

#[test]
fn means_of_nothing_and_of_batches() {
    let mut mean = Mean::new();
    assert!(mean.value().is_nan());
    mean.add(f32::NAN, 0);
    mean.add(0.25, 3);
    mean.add(1.0, 1);
    assert_eq!((mean.value(), mean.count), (0.4375, 4));
    assert!(Accuracy::new().value().is_nan());
}

#[test]
fn on_an_error_nothing_is_counted() {
    let mut counts = [0; 4];
    assert_eq!(Confusion::new(&mut counts, 3), Err(Error::Length { argument: "counts", expected: 9, found: 4 }));
    assert!(Confusion::new(&mut [], 0).is_err());
    let mut confusion = Confusion::new(&mut counts, 2).expect("it fits");
    let label = |argument, found| Err(Error::Label { argument, index: 1, classes: 2, found });
    assert_eq!(confusion.add(&[0, 2], &[0, 0]), label("labels", 2));
    assert_eq!(confusion.add(&[0, 1], &[0, -1]), label("predictions", -1));
    assert!(confusion.add(&[0, 1], &[0]).is_err() && confusion.add_logits(&[0.0; 3], &[0, 1]).is_err());
    assert_eq!(confusion.add_logits(&[0.0; 4], &[0, 2]), label("labels", 2));
    let mut accuracy = Accuracy::top_k(2);
    assert!(accuracy.add(&[0.0; 3], &[0, 1], 2).is_err());
    assert_eq!((counts, accuracy), ([0; 4], Accuracy::top_k(2)));
}
