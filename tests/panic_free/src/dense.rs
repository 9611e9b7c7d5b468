use crate::probe;

probe!(dense::Dense::forward_scratch_len);
probe!(dense::Dense::param_len);
probe!(dense::Dense::scratch_len);
probe!(dense::Dense::weight_len);
probe!(dense::backward);
probe!(dense::backward_accumulate);
probe!(dense::forward);
