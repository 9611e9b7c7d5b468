use crate::probe;

probe!(checkpoint::header);
probe!(checkpoint::len);
probe!(checkpoint::load);
probe!(checkpoint::newest);
probe!(checkpoint::next);
probe!(checkpoint::save);
