use crate::probe;
use crate::tape::AnyRng;

probe!(init::Init::fill as fn(_, _, _, _, &mut AnyRng) -> _);
probe!(init::calculate_gain);
probe!(init::constant);
probe!(init::fans);
probe!(init::kaiming_normal as fn(_, _, _, _, &mut AnyRng) -> _);
probe!(init::kaiming_uniform as fn(_, _, _, _, &mut AnyRng) -> _);
probe!(init::normal as fn(_, _, _, &mut AnyRng) -> _);
probe!(init::uniform as fn(_, _, _, &mut AnyRng) -> _);
probe!(init::xavier_normal as fn(_, _, _, &mut AnyRng) -> _);
probe!(init::xavier_uniform as fn(_, _, _, &mut AnyRng) -> _);
