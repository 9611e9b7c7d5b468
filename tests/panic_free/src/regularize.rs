use crate::probe;

probe!(regularize::ElasticNet::l1);
probe!(regularize::ElasticNet::l2);
probe!(regularize::Stream::new);
probe!(regularize::gaussian_noise);
probe!(regularize::label_noise);
probe!(regularize::max_norm);
probe!(regularize::penalty);
probe!(regularize::uniform_noise);
