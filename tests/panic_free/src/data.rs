use crate::probe;
use crate::tape::AnyRng;

probe!(data::batch_count);
probe!(
    data::batches = |order: &[u32], size, drop_last, i| {
        flatgrad::data::batches(order, size, drop_last).map(|mut all| all.nth(i).map(<[u32]>::len))
    }
);
probe!(data::fit_standard);
probe!(data::gather as fn(&[f32], _, _, _) -> _);
probe!(data::identity);
probe!(data::idx::Idx::dim);
probe!(data::idx::Idx::parse);
probe!(data::idx::Idx::rank);
probe!(data::idx::Idx::values);
probe!(data::k_fold = flatgrad::data::k_fold::<u32>);
probe!(data::one_hot);
probe!(data::shuffle as fn(&mut [u32], &mut AnyRng));
probe!(data::shuffle_epoch = flatgrad::data::shuffle_epoch::<u32>);
probe!(data::split = flatgrad::data::split::<u32, 3>);
probe!(data::standardize);
