use crate::probe;

probe!(dropout::Dropout::alpha);
probe!(dropout::Dropout::new);
probe!(dropout::Stream::new);
probe!(dropout::backward);
probe!(dropout::backward_in_place);
probe!(dropout::forward);
probe!(dropout::forward_in_place);
