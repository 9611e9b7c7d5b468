"""Writes golden cases that nobody has seen yet, in the format of README.md here, into a folder of your choice.

    /opt/torch/bin/python tests/golden/fresh.py SEED DIR
    FLATGRAD_GOLDEN_DIR=DIR cargo test --test golden --test losses_golden ...

`expected` is PyTorch in float64 from float32 inputs, `torch_f32` in float32. Shapes, options and numbers are drawn anew for each SEED:
odd widths, empty batches, extreme, subnormal, infinite and NaN inputs, weights of 0, hyper-parameters of 0. The tests that read
golden cases then read these and name every case that differs. README.md says which differences are known.
"""

import json
import math
import os
import random
import sys
import warnings
from collections import Counter

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
INF, NAN = math.inf, math.nan
SEED, FOLDER = int(sys.argv[1]), sys.argv[2]
R = random.Random(SEED)
GROUPS, NAMES = {}, Counter()

REDUCTIONS = ("none", "mean", "sum")
WIDTHS = (1, 2, 5, 15, 16, 17, 31, 33)
SPECIAL = (0.0, -0.0, 1e-30, -1e-30, 1e-45, -1e-40, 1.1754944e-38, 0.5, -0.5, 1.0, -1.0, 3.0, -3.0, 6.0, 16.7, -16.7, 20.0, 20.1,
           -20.0, 88.0, -88.0, 88.8, -88.8, 104.0, -104.0, 1e4, -1e4, 1e19, -2e19, 3e38, -3e38, INF, -INF, NAN)


def draw(*shape, scale=1.0, offset=0.0):
    n = math.prod(shape)
    return torch.tensor([offset + scale * R.gauss(0.0, 1.0) for _ in range(n)], dtype=torch.float32).reshape(shape)


def uniform(*shape, low=0.0, high=1.0):
    n = math.prod(shape)
    return torch.tensor([R.uniform(low, high) for _ in range(n)], dtype=torch.float32).reshape(shape)


def choose(values, *shape):
    return torch.tensor([R.choice(values) for _ in range(math.prod(shape))]).reshape(shape)


def floats(values):
    return torch.tensor(values, dtype=torch.float32)


def any_of(*shape):
    """Numbers of a size drawn once."""
    kind = R.randrange(5)
    if kind == 4:
        return draw(*shape) * 10.0 ** uniform(*shape, low=-6, high=6)
    return draw(*shape, scale=(1.0, 10.0, 1e-3, 40.0)[kind], offset=R.choice((0.0, 0.0, 1.0)))


def with_specials(x, share=0.2, values=SPECIAL):
    flat = x.clone().reshape(-1)
    for i in range(len(flat)):
        if R.random() < share:
            flat[i] = R.choice(values)
    return flat.reshape(x.shape)


def shapes(rows=True):
    """Fresh shapes: one row, one column, odd ones, none at all."""
    some = [(1, R.choice(WIDTHS)), (R.randrange(2, 40), 1), (7, 3), (33, 17), (R.randrange(2, 9), R.choice(WIDTHS)),
            (R.randrange(2, 5), R.choice((15, 16, 17, 31, 33))), (2, 1000), (0, R.choice(WIDTHS))]
    return some if rows else [(R.choice((1, 15, 16, 17, 31, 33)),), (1000,), (0,), *some[:4]]


def plain(x, digits=None):
    """A number that JSON can hold."""
    if x is None or isinstance(x, (bool, int, str)):
        return x
    if isinstance(x, (list, tuple)):
        return [plain(x, digits) for x in x]
    if isinstance(x, dict):
        return {key: plain(value, digits) for key, value in x.items()}
    if not math.isfinite(x):
        return "nan" if math.isnan(x) else "inf" if x > 0 else "-inf"
    return float(f"{x:.{digits}g}") if digits else x


def flat(x):
    return plain(x.detach().reshape(-1).tolist(), 12 if x.dtype == torch.float64 else 9)


def answers(call, inputs, grads, dtype):
    given = {name: x.to(dtype, copy=True) if x.is_floating_point() else x for name, x in inputs.items()}
    for name in grads:
        given[name].requires_grad_(True)
    got = call(given)
    got = got if isinstance(got, dict) else {"out": got}
    if grads:
        out = got["out"]
        out.backward(given["grad_output"] if "grad_output" in given else torch.ones_like(out))
        got.update({f"grad_{name}": given[name].grad for name in grads if given[name].grad is not None})
    return got


def add(group, fn, label, params, inputs, call, grads=()):
    """One case: `call` gets the inputs by name and gives the output, or several by name."""
    name = f"{fn}/{label}"
    NAMES[group, name] += 1
    if NAMES[group, name] > 1:
        name += f"#{NAMES[group, name]}"
    sizes = {key: list(x.shape) for key, x in inputs.items()}
    case = {"fn": fn, "name": name, "params": plain(params), "shapes": sizes, "inputs": {k: flat(x) for k, x in inputs.items()}}
    try:
        exact = answers(call, inputs, grads, torch.float64)
        case["expected"] = {key: flat(x) for key, x in exact.items()}
        case["torch_f32"] = {key: flat(x) for key, x in answers(call, inputs, grads, torch.float32).items()}
        sizes.update({key: list(x.shape) for key, x in exact.items() if not key.startswith("grad_")})
    except Exception as error:
        case["error"] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        if group != "errors":
            print(group, name, case["error"], file=sys.stderr)
    GROUPS.setdefault(group, []).append(case)


def size(shape):
    return "x".join(map(str, shape))


def every_reduction(group, fn, label, params, inputs, call, grads, reductions=REDUCTIONS):
    for reduction in reductions:
        every = lambda t: call(t, reduction)
        add(group, fn, f"{label}/{reduction}", {**params, "reduction": reduction}, inputs, every, grads)


def weights(n):
    """Class weights or none: ordinary, some 0, all 0, one negative."""
    kind = R.choice(("none", "none", "some", "zeros", "zero", "negative"))
    if kind == "none":
        return kind, None
    w = uniform(n, low=0.1, high=3.0)
    if kind == "zeros":
        w = w * (uniform(n) > 0.4)
    if kind == "zero":
        w = w * 0.0
    if kind == "negative" and n:
        w[R.randrange(n)] *= -1.0
    return kind, w


def logits(n, c):
    kind = R.choice(("normal", "normal", "wide", "offset", "special", "-inf"))
    x = draw(n, c, scale=30.0 if kind == "wide" else 1.0, offset=R.choice((1e4, -1e4, 88.0)) if kind == "offset" else 0.0)
    if kind == "special":
        x = with_specials(x, 0.5 / c)
    if kind == "-inf":
        x = with_specials(x, 0.3, (-INF,))
    return kind, x


def class_losses():
    for _ in range(3):
        for n, c in shapes():
            for target_kind in ("index", "prob"):
                kind, x = logits(n, c)
                w_kind, w = weights(c)
                params = {"target_kind": target_kind}
                smoothing = R.choice((0.0, 0.0, 0.1, 0.3, 1e-3, 0.9, 1.0))
                if smoothing:
                    params["label_smoothing"] = smoothing
                ignore = -100
                if target_kind == "index":
                    t = choose(range(c), n)
                    if R.random() < 0.5:
                        ignore = params["ignore_index"] = R.choice((-100, -1, 0, c - 1, c + 3, 255))
                        t = torch.where(uniform(n) < R.choice((0.2, 0.5, 1.0)), torch.tensor(ignore), t).long()
                    t = t.long()
                    grads = ["input"]
                else:
                    t = R.choice((lambda: draw(n, c).softmax(-1), lambda: uniform(n, c, high=2.0), lambda: (draw(n, c) > 0.5).float()))()
                    grads = ["input", "target"]
                inputs = {"input": x, "target": t} | ({"weight": w} if w is not None else {})

                def call(v, reduction):
                    return F.cross_entropy(v["input"], v["target"], weight=v.get("weight"), reduction=reduction, ignore_index=ignore,
                                           label_smoothing=smoothing)

                every_reduction("cross_entropy", "cross_entropy", f"{target_kind}/{kind}/w_{w_kind}/{size((n, c))}", params, inputs, call, grads)
                if target_kind == "index":
                    x = x if R.random() < 0.3 else x.log_softmax(-1)
                    call = lambda v, r: F.nll_loss(v["input"], v["target"], weight=v.get("weight"), reduction=r, ignore_index=ignore)
                    params = {k: v for k, v in params.items() if k == "ignore_index"}
                    inputs = inputs | {"input": x}
                    every_reduction("nll_loss", "nll_loss", f"{kind}/w_{w_kind}/{size((n, c))}", params, inputs, call, ["input"])


def linear_heads():
    for n, width, c in ((1, 3, 2), (7, 3, 5), (9, 17, 15), (5, 1, 31), (3, 2, 193), (0, 3, 5)) * 2:
        w_kind, w = weights(c)
        params = {"label_smoothing": R.choice((0.0, 0.1, 0.3, 1.0)), "ignore_index": R.choice((-100, 0, c - 1, 255))}
        t = torch.where(uniform(n) < R.choice((0.0, 0.3)), torch.tensor(params["ignore_index"]), choose(range(c), n)).long()
        scale = R.choice((1.0, 1.0, 30.0))
        inputs = {"input": draw(n, width, scale=scale), "linear_weight": draw(c, width), "target": t}
        if R.random() < 0.7:
            # A weight of 0, or of another sign, times an impossible class is NaN in PyTorch.
            share = 0.1 if c > 2 and w_kind in ("none", "some") else 0.0
            inputs["linear_bias"] = with_specials(draw(c), share, (-INF, 0.0))
        grads = list(inputs.keys() - {"target"})
        inputs |= {"weight": w} if w is not None else {}
        call = lambda v, r: F.linear_cross_entropy(
            v["input"], v["linear_weight"], v["target"], linear_bias=v.get("linear_bias"), weight=v.get("weight"), reduction=r, **params)
        label = f"{n}x{width}x{c}/w_{w_kind}"
        every_reduction("linear_cross_entropy", "linear_cross_entropy", label, params, inputs, call, grads)


def pointwise(group, fn, label, params, inputs, call, grads, reductions=REDUCTIONS):
    every_reduction(group, fn, f"{label}/{size(inputs['target'].shape)}", params, inputs, call, grads, reductions)


def regression():
    for shape in shapes(False) + shapes(False):
        for special in (False, True):
            x, t = any_of(*shape), any_of(*shape)
            if R.random() < 0.3 and x.numel():
                t = torch.where(uniform(*shape) < 0.3, x, t)
            if special:
                x, t = with_specials(x), with_specials(t)
            label, inputs = "special" if special else "rand", {"input": x, "target": t}
            both = ["input", "target"]
            pointwise("regression", "l1_loss", label, {}, inputs, lambda v, r: F.l1_loss(**v, reduction=r), both)
            pointwise("regression", "mse_loss", label, {}, inputs, lambda v, r: F.mse_loss(**v, reduction=r), both)
            beta = R.choice((0.0, 1e-6, 0.3, 1.0, 7.0, 1e4, 1e-30, 1e30))
            call = lambda v, r: F.smooth_l1_loss(**v, reduction=r, beta=beta)
            pointwise("regression", "smooth_l1_loss", label, {"beta": beta}, inputs, call, both)
            delta = beta or 0.125
            call = lambda v, r: F.huber_loss(**v, reduction=r, delta=delta)
            pointwise("regression", "huber_loss", label, {"delta": delta}, inputs, call, both)


def binary():
    for shape in shapes(False) + shapes(False):
        x, t, grads = uniform(*shape), uniform(*shape), ["input", "target"]
        if R.random() < 0.5:
            # PyTorch's gradient for the target has no clamp.
            grads = ["input"]
            x = with_specials(x, 0.4, (0.0, 1.0, 1e-45, 1e-38, 1e-12, 1e-30, 1.0 - 2.0**-24))
        if R.random() < 0.5:
            t = (t > 0.5).float()
        inputs = {"input": x, "target": t}
        if R.random() < 0.5:
            inputs["weight"] = R.choice((lambda: uniform(*shape, high=3.0), lambda: (uniform(*shape) > 0.5).float()))()
        call = lambda v, r: F.binary_cross_entropy(v["input"], v["target"], weight=v.get("weight"), reduction=r)
        pointwise("bce", "bce_loss", "rand", {}, inputs, call, grads)
        for special in (False, True):
            x, t = any_of(*shape), uniform(*shape, low=-0.5 if special else 0.0, high=1.5 if special else 1.0)
            if special:
                x, t = with_specials(x), with_specials(t, 0.3, (0.0, 1.0, 0.5))
            inputs = inputs | {"input": x, "target": t}
            if R.random() < 0.5:
                inputs["pos_weight"] = R.choice((uniform(*shape[-1:], high=5.0), torch.zeros(shape[-1:])))
            call = lambda v, r: F.binary_cross_entropy_with_logits(
                v["input"], v["target"], weight=v.get("weight"), pos_weight=v.get("pos_weight"), reduction=r)
            label = "special" if special else "rand"
            pointwise("bce_with_logits", "bce_with_logits", label, {}, inputs, call, ["input", "target"])


def likelihoods():
    for shape in shapes(False) + shapes(False):
        for special in (False, True):
            label = "special" if special else "rand"
            for log_input in (True, False):
                for full in (True, False):
                    x = draw(*shape, scale=3.0) if log_input else uniform(*shape, high=9.0)
                    t = R.choice((lambda: uniform(*shape, high=30.0), lambda: choose((0.0, 1.0, 2.0, 5.0), *shape)))()
                    eps = R.choice((1e-8, 0.5, 1e-3, 1e-12))
                    if special:
                        x, t = with_specials(x), with_specials(t, 0.2, (0.0, 1.0, 1.0000001, 1e-30, 1e30))
                    params = {"log_input": log_input, "full": full, "eps": eps}
                    call = lambda v, r: F.poisson_nll_loss(**v, log_input=log_input, full=full, eps=eps, reduction=r)
                    pointwise("poisson_nll", "poisson_nll_loss", label, params, {"input": x, "target": t}, call, ["input", "target"])
            x, t, full, eps = any_of(*shape), any_of(*shape), R.random() < 0.5, R.choice((1e-6, 0.5, 1e-3, 1e-12))
            var = uniform(*shape, high=4.0)
            if len(shape) == 2 and R.random() < 0.5:
                var = uniform(shape[0], 1, high=4.0)
            if R.random() < 0.5:
                var = with_specials(var, 0.4, (0.0, 1e-30, eps, 1e-7, 0.49))
            if special:
                x, t, var = with_specials(x), with_specials(t), with_specials(var, 0.2, (0.0, 1e-45, 1e30, INF, NAN))
            params, inputs = {"full": full, "eps": eps}, {"input": x, "target": t, "var": var}
            call = lambda v, r: F.gaussian_nll_loss(v["input"], v["target"], v["var"], full=full, eps=eps, reduction=r)
            pointwise("gaussian_nll", "gaussian_nll_loss", label, params, inputs, call, ["input", "target", "var"])
            x, t = draw(*shape).log_softmax(-1), draw(*shape, scale=2.0).softmax(-1)
            for log_target in (False, True):
                if special:
                    x = with_specials(x, 0.1, [v for v in SPECIAL if not abs(v) > 1e20 or math.isinf(v)])
                    t = with_specials(t, 0.3, (0.0, 1.0, 1e-30, 1e-45, 2.0, -0.5, NAN))
                elif R.random() < 0.5:
                    t = with_specials(t, 0.3, (0.0,))
                inputs = {"input": x, "target": t.log() if log_target else t}
                call = lambda v, r: F.kl_div(**v, log_target=log_target, reduction=r)
                reductions = (*REDUCTIONS, "batchmean")
                pointwise("kl_div", "kl_div", label, {"log_target": log_target}, inputs, call, ["input", "target"], reductions)


def margins():
    for shape in shapes(False) + shapes(False):
        for special in (False, True):
            label, margin = "special" if special else "rand", R.choice((0.0, 1.0, -0.5, 100.0, 0.3, 1e-3))
            x, y, t = any_of(*shape), any_of(*shape), choose((1.0, -1.0), *shape)
            if special:
                x, y = with_specials(x), with_specials(y)
                t = with_specials(t, 0.4, (0.0, 0.5, 2.0, -3.0, 1e-30))
            elif R.random() < 0.3:
                y = torch.where(uniform(*shape) < 0.3, x, y)
            inputs = {"input1": x, "input2": y, "target": t}
            call = lambda v, r: F.margin_ranking_loss(**v, margin=margin, reduction=r)
            pointwise("margin_losses", "margin_ranking_loss", label, {"margin": margin}, inputs, call, list(inputs))
            inputs = {"input": x, "target": t}
            call = lambda v, r: F.hinge_embedding_loss(**v, margin=margin, reduction=r)
            pointwise("margin_losses", "hinge_embedding_loss", label, {"margin": margin}, inputs, call, ["input"])
            pointwise("margin_losses", "soft_margin_loss", label, {}, inputs, lambda v, r: F.soft_margin_loss(**v, reduction=r), ["input"])
    for n, w in shapes() + shapes():
        # One column is all cancellation: of large numbers nothing is left in float64 either.
        scales = (1.0, 1.0, 1e-2, 100.0) if w > 1 else (1.0, 0.1, 3.0)
        scale = R.choice(scales)
        x, y, z = (draw(n, w, scale=scale) for _ in range(3))
        for v in (x, y, z):
            for row in v:
                if R.random() < 0.1:
                    row *= 0.0
        if R.random() < 0.4:
            y = torch.where(uniform(n, 1) < 0.3, x, y)
        t, margin = choose((1.0, -1.0, 1.0, -1.0, 0.0, 0.5), n), R.choice((0.0, 0.5, -0.5, -1.0, 1.0, 0.9))
        call = lambda v, r: F.cosine_embedding_loss(**v, margin=margin, reduction=r)
        inputs = {"input1": x, "input2": y, "target": t}
        every_reduction("margin_losses", "cosine_embedding_loss", f"rand/{size((n, w))}", {"margin": margin}, inputs, call, ["input1", "input2"])
        for p in (1.0, 1.5, 2.0, 3.0, 4.0, INF):
            params = {"p": p, "margin": R.choice((1.0, 0.3, 1e-6, 50.0)), "eps": R.choice((1e-6, 1e-6, 0.0, 0.1)), "swap": R.random() < 0.5}
            call = lambda v, r: F.triplet_margin_loss(**v, **params, reduction=r)
            inputs = {"anchor": x, "positive": y, "negative": z}
            every_reduction("margin_losses", "triplet_margin_loss", f"rand/{size((n, w))}/p={p}", params, inputs, call, list(inputs))
    group = "multiclass_margin_losses"
    for n, c in shapes() + shapes():
        kind, x = logits(n, c)
        labels = torch.tensor([R.sample(range(c), c) for _ in range(n)], dtype=torch.int64).reshape(n, c)
        labels = torch.where(uniform(n, c) < R.choice((0.05, 0.5)), -1, labels)
        label = f"{kind}/{size((n, c))}"
        call = lambda v, r: F.multilabel_margin_loss(**v, reduction=r)
        # PyTorch leaves the mean of no rows unwritten in these two.
        some = REDUCTIONS if n else ("none", "sum")
        every_reduction(group, "multilabel_margin_loss", label, {}, {"input": x, "target": labels}, call, ["input"], some)
        w_kind, w = weights(c)
        weight = {"weight": w} if w is not None else {}
        inputs = {"input": x, "target": R.choice((uniform(n, c), (uniform(n, c) > 0.5).float()))} | weight
        call = lambda v, r: F.multilabel_soft_margin_loss(v["input"], v["target"], weight=v.get("weight"), reduction=r)
        every_reduction(group, "multilabel_soft_margin_loss", label, {}, inputs, call, ["input"])
        params = {"p": R.choice((1, 2)), "margin": R.choice((1.0, 0.0, -0.5, 30.0, 0.3))}
        inputs = {"input": x, "target": choose(range(c), n).long()} | weight
        call = lambda v, r: F.multi_margin_loss(v["input"], v["target"], weight=v.get("weight"), reduction=r, **params)
        every_reduction(group, "multi_margin_loss", label, params, inputs, call, ["input"], some)


def alignments():
    for t, n, c, s in ((1, 1, 2, 1), (6, 3, 3, 2), (12, 2, 5, 5), (17, 4, 16, 4), (33, 2, 33, 9), (20, 3, 2, 6), (5, 3, 1000, 2), (9, 1, 4, 3)) * 2:
        blank, zero_infinity, scale = R.choice((0, c - 1, R.randrange(c))), R.random() < 0.5, R.choice((1.0, 1.0, 8.0 if t > 1 else 1.0))
        x = draw(t, n, c, scale=scale)
        classes = [k for k in range(c) if k != blank]
        few = R.sample(classes, min(len(classes), R.choice((1, 2, 99))))
        target_lengths = choose(range(s + 1), n) if R.random() < 0.8 else torch.zeros(n, dtype=torch.int64)
        input_lengths = torch.full((n,), t) if R.random() < 0.4 else choose(range(min(t, 2), t + 1), n)
        concatenated = R.random() < 0.4
        targets = choose(few, sum(target_lengths.tolist())) if concatenated else choose(few, n, max(1, s))
        inputs = {"targets": targets.long(), "input_lengths": input_lengths.long(), "target_lengths": target_lengths.long()}
        params, label = {"blank": blank, "zero_infinity": zero_infinity}, f"{'concat' if concatenated else 'padded'}/{t}x{n}x{c}"
        rest = lambda v: (v["targets"], v["input_lengths"], v["target_lengths"])
        call = lambda v, r: F.ctc_loss(v["log_probs"], *rest(v), **params, reduction=r)
        every_reduction("ctc", "ctc_loss", label, params, {"log_probs": x.log_softmax(-1)} | inputs, call, ["log_probs"])
        call = lambda v, r: F.ctc_loss(v["logits"].log_softmax(-1), *rest(v), **params, reduction=r)
        every_reduction("ctc", "ctc_loss_from_logits", label, params, {"logits": x} | inputs, call, ["logits"])


def rows_of_softmax():
    for n, c in shapes() + shapes() + [(3, 17), (5, 33), (4, 16)]:
        kind, x = logits(n, c)
        if n > 1 and R.random() < 0.3:
            x[R.randrange(n)] = R.choice((-INF, INF, NAN, 3e38))
        label = f"{kind}/{size((n, c))}"
        for fn, of in (("softmax", torch.softmax), ("log_softmax", torch.log_softmax), ("logsumexp", torch.logsumexp)):
            dy = draw(n) if fn == "logsumexp" else draw(n, c)
            add("softmax", fn, label, {}, {"input": x, "grad_output": dy}, lambda v: of(v["input"], -1), ["input"])


ACTIVATIONS = {
    "activations_piecewise": {
        "relu": (F.relu, {}), "relu6": (F.relu6, {}), "leaky_relu": (F.leaky_relu, {"negative_slope": (0.01, 0.0, 1.0, -0.5, 3.0)}),
        "hardtanh": (F.hardtanh, {"min_val": (-1.0, 0.0, -30.0), "max_val": (1.0, 0.25, 90.0)}), "hardsigmoid": (F.hardsigmoid, {}),
        "hardswish": (F.hardswish, {}), "softshrink": (F.softshrink, {"lambd": (0.5, 0.0, 0.3, 17.0)}),
        "hardshrink": (F.hardshrink, {"lambd": (0.5, 0.0, 0.3, 17.0, -1.0)}), "softsign": (F.softsign, {}),
        "threshold": (F.threshold, {"threshold": (0.0, 0.3, -2.0, 20.0), "value": (0.0, -7.0, 1e30)}),
    },
    "activations_smooth": {
        "elu": (F.elu, {"alpha": (1.0, 0.3, 2.5, 0.0, -1.0)}), "selu": (F.selu, {}), "celu": (F.celu, {"alpha": (1.0, 0.3, 2.5, -1.5, 30.0)}),
        "gelu": (F.gelu, {"approximate": ("none", "tanh")}), "silu": (F.silu, {}), "mish": (F.mish, {}),
        "softplus": (F.softplus, {"beta": (1.0, 0.1, 3.0, 10.0), "threshold": (20.0, 1.0, 50.0)}), "sigmoid": (torch.sigmoid, {}),
        "logsigmoid": (F.logsigmoid, {}), "tanh": (torch.tanh, {}), "tanhshrink": (F.tanhshrink, {}),
    },
}


def activations():
    for group, functions in ACTIVATIONS.items():
        for fn, (of, options) in functions.items():
            for n in (*WIDTHS, 1000, 0, "special", "special"):
                params = {key: R.choice(values) for key, values in options.items()}
                x = any_of(n) if n != "special" else floats(R.sample(SPECIAL, len(SPECIAL)))
                if fn in ("elu", "celu", "selu", "gelu", "softsign") and n != "special":
                    # Ours are made from the output, as those of sigmoid and tanh: with an absolute error. And far down GELU is 0 in float64.
                    x = x.clamp(max=20.0, min=-4.0 * min(1.0, abs(params.get("alpha", 1.0))))
                inputs = {"input": x}
                if n != "special":
                    inputs["grad_output"] = any_of(n)
                # PyTorch's vectors and what is left over beside them differ at NaN: ours is one answer.
                one_by_one = lambda v: torch.cat([of(x, **params) for x in v["input"].split(1)])
                label = "/".join([str(n), *(f"{key}={value}" for key, value in params.items())])
                add(group, fn, label, params, inputs, one_by_one if n == "special" else lambda v: of(v["input"], **params), ["input"])
    for n, c in shapes() + shapes():
        x, slopes = any_of(n, c), R.choice((lambda: draw(c), lambda: draw(1), lambda: torch.zeros(1), lambda: floats([1e10])))()
        if R.random() < 0.4:
            x = with_specials(x)
        inputs = {"input": x, "weight": slopes, "grad_output": any_of(n, c)}
        call = lambda v: F.prelu(v["input"], v["weight"])
        add("activations_piecewise", "prelu", size((n, c)), {}, inputs, call, ["input", "weight"])
        x = any_of(n, 2 * c) if R.random() < 0.6 else with_specials(any_of(n, 2 * c))
        inputs = {"input": x, "grad_output": any_of(n, c)}
        add("activations_smooth", "glu", size((n, 2 * c)), {}, inputs, lambda v: F.glu(v["input"], -1), ["input"])


def layers():
    for n, c in shapes() + shapes():
        kinds = ((1.0, 0.0), (1e-3, 0.0), (100.0, 0.0), (1.0, 30.0), (1e-10, 0.0), (1e10, 0.0))
        scale, offset = R.choice(kinds if c > 1 else kinds[:1])
        inputs = {"x": draw(n, c, scale=scale, offset=offset), "grad_output": draw(n, c)}
        if R.random() < 0.2 and n:
            inputs["x"][R.randrange(n)] = R.choice((0.0, 5.0, -1e4))
        has = R.random() < 0.7
        weight, bias = {"weight": draw(c)} if has else {}, {"bias": draw(c)} if has else {}
        eps = R.choice((1e-5, 1e-3, 0.3, 1e-12))
        call = lambda v: F.layer_norm(v["x"], (c,), v.get("weight"), v.get("bias"), eps)
        given = inputs | weight | bias
        add("layers", "layer_norm", size((n, c)), {"eps": eps}, given, call, [k for k in given if k != "grad_output"])
        eps = R.choice((1e-5, 1e-3, 0.3, None))
        used = torch.finfo(torch.float32).eps if eps is None else eps
        call = lambda v: F.rms_norm(v["x"], (c,), v.get("weight"), used)
        given = inputs | weight
        add("layers", "rms_norm", size((n, c)), {"eps": eps, "eps_used": used}, given, call, [k for k in given if k != "grad_output"])
        outputs = R.choice(WIDTHS)
        given = {"x": any_of(n, c), "weight": draw(outputs, c), "grad_output": any_of(n, outputs)} | ({"bias": draw(outputs)} if has else {})
        call = lambda v: F.linear(v["x"], v["weight"], v.get("bias"))
        add("layers", "linear", f"{n}x{c}x{outputs}", {}, given, call, [k for k in given if k != "grad_output"])
        for training in (True, False):
            length = R.choice((None, 1, 3, 16, 17))
            if training and n * (length or 1) < 2:
                continue
            shape = (n, c) if length is None else (n, c, length)
            given = {"x": draw(*shape, scale=scale, offset=offset), "grad_output": draw(*shape)} | weight | bias
            given |= {"running_mean": draw(c), "running_var": uniform(c, low=0.0, high=3.0)}
            params = {"training": training, "momentum": R.choice((0.1, None, 0.0, 1.0, 0.3)), "eps": R.choice((1e-5, 1e-3, 0.3))}
            params["num_batches_tracked"] = R.choice((0, 3, 1000))

            def call(v):
                of = torch.nn.BatchNorm1d(c, params["eps"], params["momentum"], affine=has).train(training).to(v["x"].dtype)
                of.running_mean, of.running_var = v["running_mean"].clone(), v["running_var"].clone()
                of.num_batches_tracked += params["num_batches_tracked"]
                if has:
                    del of.weight, of.bias
                    of.weight, of.bias = v["weight"], v["bias"]
                return {"out": of(v["x"]), "running_mean": of.running_mean, "running_var": of.running_var}

            label = f"{size(shape)}/{'train' if training else 'eval'}"
            add("layers", "batch_norm", label, params, given, call, ["x", *(("weight", "bias") if has else ())])


LR, DECAY = (1e-3, 0.1, 0.03, 0.0, 1.0), (0.0, 0.0, 0.1, 0.5)
BETAS, EPS = ([0.9, 0.999], [0.0, 0.0], [0.3, 0.7], [0.99, 0.9], [0.0, 0.999], [0.9, 0.0]), (1e-8, 1e-8, 1e-3, 0.0)
BOOL = (False, True)
MOMENTS = {"betas": BETAS, "eps": EPS}
OPTIMIZERS = {
    "sgd": ("SGD", {"momentum": (0.0, 0.9, 1.0, 0.3), "dampening": (0.0, 0.5, 1.0), "nesterov": BOOL}),
    "adam": ("Adam", MOMENTS | {"amsgrad": BOOL}), "adamw": ("AdamW", MOMENTS | {"amsgrad": BOOL}),
    "rmsprop": ("RMSprop", {"alpha": (0.99, 0.9, 0.0, 0.3), "eps": EPS, "momentum": (0.0, 0.9, 0.3), "centered": BOOL}),
    "adagrad": ("Adagrad", {"lr_decay": (0.0, 0.1, 3.0), "initial_accumulator_value": (0.0, 0.0, 1.0), "eps": EPS}),
    "adadelta": ("Adadelta", {"rho": (0.9, 0.0, 0.5, 1.0), "eps": (1e-6, 0.1, 0.0)}),
    "nadam": ("NAdam", MOMENTS | {"momentum_decay": (4e-3, 0.0, 1.0), "decoupled_weight_decay": BOOL}),
    "radam": ("RAdam", MOMENTS | {"decoupled_weight_decay": BOOL}), "adamax": ("Adamax", MOMENTS),
}


def steps_of(fn, params, v):
    parameter = torch.nn.Parameter(v["param"].detach().clone())
    options = {key: tuple(x) if isinstance(x, list) else x for key, x in params.items()}
    optimizer, out = getattr(torch.optim, OPTIMIZERS[fn][0])([parameter], **options), []
    for grad in v["grads"]:
        parameter.grad = grad.clone()
        optimizer.step()
        out.append(parameter.detach().clone())
    return torch.stack(out)


def optimizers():
    for fn, (_, options) in OPTIMIZERS.items():
        for case in range(16):
            params = {key: R.choice(values) for key, values in options.items()}
            params |= {"lr": R.choice(LR), "weight_decay": R.choice(DECAY), "maximize": R.random() < 0.3}
            if params.get("centered"):
                # Of the variance of one gradient nothing but its rounding is left.
                params["alpha"] = params["alpha"] or 0.5
            if params.get("nesterov"):
                params |= {"momentum": params["momentum"] or 0.9, "dampening": 0.0}
            n, steps = R.choice(WIDTHS), R.choice((1, 5, 30, 200))
            kind = R.choice(("plain", "wide", "tiny", "huge", "sparse"))
            if params.get("eps") == 0.0:
                kind = "plain"
            grads = draw(steps, n, scale={"tiny": 1e-14, "huge": 1e15}.get(kind, 1.0))
            if kind == "wide":
                grads = grads * 10.0 ** uniform(steps, n, low=-5, high=5)
            if kind == "sparse":
                grads = grads * (uniform(steps, n) > 0.7)
            # Of a weight that decay has made small its noise is left.
            scale = R.choice((1.0, 10.0, 0.0)) if kind == "plain" else 1.0
            inputs = {"param": draw(n, scale=scale), "grads": grads}
            add("optimizers", fn, f"{kind}/n{n}/steps{steps}/{case}", params, inputs, lambda v: steps_of(fn, params, v))


def clipping():
    for case in range(40):
        grads = [any_of(R.choice(WIDTHS)) for _ in range(R.choice((1, 1, 2, 3)))]
        kind = R.choice(("rand", "rand", "zero", "special", "huge", "tiny"))
        scale = {"huge": 1e25, "tiny": 1e-25, "zero": 0.0}.get(kind, 1.0)
        grads = [with_specials(x, 0.05) if kind == "special" else x * scale for x in grads]
        inputs = {f"grad{i}": x for i, x in enumerate(grads)}
        by_norm = R.random() < 0.7
        params = {"max_norm": R.choice((1.0, 0.0, 0.3, 1e-3, 1e6)), "norm_type": R.choice((2.0, 1.0, 3.0, 1.5, INF, 0.5))}
        if not by_norm:
            params = {"clip_value": R.choice((0.3, 0.0, 5.0))}

        def call(v):
            given = [torch.nn.Parameter(torch.zeros_like(v[key])) for key in inputs]
            for parameter, key in zip(given, inputs):
                parameter.grad = v[key].clone()
            if by_norm:
                out = torch.nn.utils.clip_grad_norm_(given, **params)
            else:
                torch.nn.utils.clip_grad_value_(given, **params)
                out = given[0].grad
            return {"out": out} | {f"clipped{i}": parameter.grad for i, parameter in enumerate(given)}

        add("clip_grad", "clip_grad_norm" if by_norm else "clip_grad_value", f"{kind}/{case}", params, inputs, call)


def rates(fn, params, v):
    lr = torch.optim.lr_scheduler
    momentum = fn == "one_cycle_lr"
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=params["base_lr"], momentum=0.9 if momentum else 0.0)
    given = {key: x for key, x in params.items() if key not in ("base_lr", "steps", "warmup_iters")}
    if fn == "warmup_cosine_lr":
        first = lr.LinearLR(optimizer, params["start_factor"], params["end_factor"], params["warmup_iters"])
        then = lr.CosineAnnealingLR(optimizer, params["T_max"], params["eta_min"])
        schedule = lr.SequentialLR(optimizer, [first, then], params["milestones"])
    else:
        schedule = getattr(lr, SCHEDULES[fn][0])(optimizer, **given)
    group, metrics = optimizer.param_groups[0], v.get("metrics")
    out = [[group["lr"], group["momentum"]]]
    for step in range(params["steps"]):
        optimizer.step()
        schedule.step(*([metrics[step].item()] if metrics is not None else []))
        out.append([group["lr"], group["momentum"]])
    out = torch.tensor(out, dtype=torch.float64)
    return {"out": out[:, 0]} | ({"momentum": out[:, 1]} if momentum else {})


GAMMA, ETA = (0.1, 0.5, 0.97, 1.0), (0.0, 1e-3)
SCHEDULES = {
    "step_lr": ("StepLR", {"step_size": (1, 2, 7), "gamma": GAMMA}),
    "multistep_lr": ("MultiStepLR", {"milestones": ([0, 3], [2, 2, 9], [1, 4, 5, 6], []), "gamma": GAMMA}),
    "exponential_lr": ("ExponentialLR", {"gamma": GAMMA}),
    "linear_lr": ("LinearLR", {"start_factor": (0.01, 0.5, 1.0), "end_factor": (1.0, 0.3, 0.0), "total_iters": (1, 3, 9, 30)}),
    "cosine_annealing_lr": ("CosineAnnealingLR", {"T_max": (1, 3, 9, 25), "eta_min": ETA}),
    "cosine_warm_restarts_lr": ("CosineAnnealingWarmRestarts", {"T_0": (1, 2, 7), "T_mult": (1, 2, 3), "eta_min": ETA}),
    "one_cycle_lr": ("OneCycleLR", {
        "max_lr": (0.1, 1.0, 3.0), "total_steps": (31,), "pct_start": (0.3, 0.1, 0.5), "anneal_strategy": ("cos", "linear"),
        "div_factor": (25.0, 2.0), "final_div_factor": (1e4, 1.0, 10.0), "three_phase": BOOL, "cycle_momentum": BOOL,
        "base_momentum": (0.85, 0.5), "max_momentum": (0.95,)}),
    "reduce_on_plateau": ("ReduceLROnPlateau", {
        "mode": ("min", "max"), "factor": (0.1, 0.5), "patience": (0, 1, 3), "threshold": (1e-4, 0.1, 0.0),
        "threshold_mode": ("rel", "abs"), "cooldown": (0, 2), "min_lr": (0.0, 0.01), "eps": (1e-8, 0.01)}),
    "warmup_cosine_lr": ("SequentialLR", {
        "start_factor": (0.1, 0.5), "end_factor": (1.0,), "warmup_iters": (3, 7), "T_max": (5, 12), "eta_min": ETA}),
}


def schedules():
    for fn, (_, options) in SCHEDULES.items():
        for case in range(12):
            params = {key: R.choice(values) for key, values in options.items()}
            params |= {"base_lr": R.choice((0.1, 1.0, 3e-4)), "steps": 30}
            if fn == "warmup_cosine_lr":
                params["milestones"] = [params["warmup_iters"]]
            inputs = {"metrics": with_specials(draw(30), 0.1, (INF, -INF, NAN, 0.0))} if fn == "reduce_on_plateau" else {}
            add("lr_schedulers", fn, str(case), params, inputs, lambda v: rates(fn, params, v))


def metrics():
    for n, c in shapes() * 3:
        kind, x = logits(n, c)
        if R.random() < 0.6:
            x = R.choice((lambda: choose((0.0, 1.0, -0.0), n, c), lambda: with_specials(x, 0.3, (INF, -INF, NAN))))()
        label = f"{kind}/{size((n, c))}"
        add("metrics", "argmax", label, {}, {"input": x}, lambda v: v["input"].argmax(-1))
        t = choose(range(c), n).long()
        right = lambda v: (v["input"].argmax(-1) == v["target"]).sum()
        call = lambda v: {"out": right(v).to(v["input"].dtype) / n, "correct": right(v).reshape(1)}
        add("metrics", "accuracy", label, {}, {"input": x, "target": t}, call)


def initializers():
    init = torch.nn.init
    gains = [(name, None) for name in ("linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu", "leaky_relu")]
    for name, param in gains + [("leaky_relu", R.choice((0.3, -0.7, 10.0, 1e-3))) for _ in range(5)]:
        params = {"nonlinearity": name, "param": param}
        add("initializers", "calculate_gain", f"{name}/{param}", params, {}, lambda v: torch.tensor([init.calculate_gain(name, param)]).double())
    for _ in range(10):
        shape = [R.randrange(1, 40) for _ in range(R.randrange(2, 6))]
        fans = init._calculate_fan_in_and_fan_out(torch.empty(shape, device="meta"))
        add("initializers", "fan_in_and_fan_out", size(shape), {"shape": shape}, {}, lambda v: torch.tensor(fans))
        shape, val = [R.randrange(1, 9) for _ in range(R.randrange(1, 4))], R.choice((0.3, -0.0, 1e-40, 7.0))
        add("initializers", "constant", size(shape), {"shape": shape, "val": val}, {}, lambda v: torch.full(shape, val))
        shape = [R.choice(WIDTHS), R.choice(WIDTHS)]
        add("initializers", "eye", size(shape), {"shape": shape}, {}, lambda v: torch.eye(*shape))
        groups = R.choice((1, 2, 3))
        shape = [groups * R.randrange(1, 5), R.randrange(1, 7), *(R.randrange(1, 6) for _ in range(R.randrange(1, 4)))]
        params = {"shape": shape, "groups": groups}
        add("initializers", "dirac", f"{size(shape)}/g{groups}", params, {}, lambda v: init.dirac_(torch.empty(shape), groups))


def traces():
    for fn in OPTIMIZERS:
        dims, act = [R.choice(WIDTHS), R.choice(WIDTHS), R.choice(WIDTHS), R.randrange(2, 6)], R.choice(("relu", "tanh"))
        batch, steps, params = R.choice((1, 3, 17)), 20, {"lr": R.choice((1e-3, 0.01))}
        inputs, names = {}, []
        for i in range(3):
            bound = 1.0 / math.sqrt(dims[i])
            inputs[f"w{i + 1}"] = uniform(dims[i + 1], dims[i], low=-bound, high=bound)
            inputs[f"b{i + 1}"] = uniform(dims[i + 1], low=-bound, high=bound)
            names += [f"w{i + 1}", f"b{i + 1}"]
        inputs |= {"x": draw(steps, batch, dims[0]), "y": choose(range(dims[3]), steps, batch)}

        def call(v):
            weights = {name: torch.nn.Parameter(v[name].clone()) for name in names}
            optimizer, losses = getattr(torch.optim, OPTIMIZERS[fn][0])(list(weights.values()), **params), []
            for x, y in zip(v["x"], v["y"]):
                for i in (1, 2, 3):
                    x = F.linear(x, weights[f"w{i}"], weights[f"b{i}"])
                    x = getattr(torch, act)(x) if i < 3 else x
                loss = F.cross_entropy(x, y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
            return {"out": torch.stack(losses)} | {f"final_{name}": weights[name] for name in names}

        given = {"dims": dims, "activation": act, "loss": "cross_entropy_mean", "optimizer": fn, "optimizer_params": params,
                 "batch": batch, "steps": steps}
        add("training_trace", "mlp_train", f"{fn}/{act}", given, inputs, call)


for write in (class_losses, linear_heads, regression, binary, likelihoods, margins, alignments, rows_of_softmax, activations, layers, optimizers, clipping,
              schedules, metrics, initializers, traces):
    write()
os.makedirs(FOLDER, exist_ok=True)
for group, cases in GROUPS.items():
    with open(os.path.join(FOLDER, f"{group}.json"), "w") as file:
        json.dump({"group": group, "reference": f"PyTorch {torch.__version__} CPU", "cases": cases}, file, separators=(",", ":"))
    print(group, dict(Counter(case["fn"] for case in cases)))
