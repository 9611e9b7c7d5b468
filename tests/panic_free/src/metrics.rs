use crate::probe;

probe!(metrics::accuracy);
probe!(metrics::argmax);
probe!(metrics::argmax_row);
probe!(metrics::correct);
