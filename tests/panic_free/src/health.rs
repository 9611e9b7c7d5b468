use crate::probe;

probe!(Health::is_good);
