use crate::probe;
use flatgrad::kernel::Softmax;

probe!(softmax::Softmax::new);
probe!(softmax::log_softmax as fn(_, _, Softmax) -> _);
probe!(softmax::log_softmax_backward as fn(_, _, _, Softmax) -> _);
probe!(softmax::log_softmax_backward_in_place as fn(_, _, Softmax) -> _);
probe!(softmax::log_softmax_in_place as fn(_, Softmax) -> _);
probe!(softmax::log_sum_exp as fn(_, _, Softmax) -> _);
probe!(softmax::log_sum_exp_backward as fn(_, _, _, _, Softmax) -> _);
probe!(softmax::log_sum_exp_backward_in_place as fn(_, _, _, Softmax) -> _);
probe!(softmax::softmax as fn(_, _, Softmax) -> _);
probe!(softmax::softmax_backward as fn(_, _, _, Softmax) -> _);
probe!(softmax::softmax_backward_in_place as fn(_, _, Softmax) -> _);
probe!(softmax::softmax_in_place as fn(_, Softmax) -> _);
probe!(softmax::softmin as fn(_, _, Softmax) -> _);
probe!(softmax::softmin_backward as fn(_, _, _, Softmax) -> _);
probe!(softmax::softmin_backward_in_place as fn(_, _, Softmax) -> _);
probe!(softmax::softmin_in_place as fn(_, Softmax) -> _);
