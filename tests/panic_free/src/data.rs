use crate::probe;
use crate::tape::AnyRng;

probe!(data::gather as fn(&[f32], _, _, _) -> _);
probe!(data::identity);
probe!(data::idx::Idx::dim);
probe!(data::idx::Idx::parse);
probe!(data::idx::Idx::rank);
probe!(data::idx::Idx::values);
probe!(data::shuffle as fn(&mut [u32], &mut AnyRng));
probe!(data::split = flatgrad::data::split::<u32, 3>);
