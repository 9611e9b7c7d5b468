use crate::probe_each;

probe_each!(Lanes: math::erf::erf(x));
probe_each!(Lanes: math::exp::exp(x));
probe_each!(Lanes: math::expm1::expm1(x));
probe_each!(Lanes: math::gelu::gelu(x));
probe_each!(Lanes: math::ln::ln(x));
probe_each!(Lanes: math::ln_1p::ln_1p(x));
probe_each!(Lanes: math::normal_cdf::normal_cdf(x));
probe_each!(Lanes: math::pow::pow(x, y));
probe_each!(Lanes: math::rsqrt::rsqrt(x));
probe_each!(Lanes: math::sigmoid::sigmoid(x));
probe_each!(Lanes: math::sin_cos::sin_cos_turn(turn));
probe_each!(Lanes: math::softplus::log_sigmoid(x));
probe_each!(Lanes: math::softplus::softplus(x));
probe_each!(Lanes: math::tanh::tanh(x));
