"""Writes optimizers_more.json: what PyTorch answers for optimizers and options that optimizers.json lacks.

    /opt/torch/bin/python tests/golden/optimizers_more.py > tests/golden/optimizers_more.json

The format is that of the other files (README.md here): `expected` is PyTorch in float64 from float32 inputs, `torch_f32` in float32.
PyTorch's Muon computes its Newton-Schulz steps in bfloat16; here it is told that bfloat16 is another name of the type of the
parameters, which is the arithmetic that flatgrad has. LBFGS minimizes the functions below, which tests/lbfgs.rs has too.
"""

import json
import math
import struct
import sys

import torch
import torch.optim._muon as muon_module

torch.set_num_threads(1)


class Names:
    """torch, but for one name."""

    def __init__(self, bfloat16):
        self.bfloat16 = bfloat16

    def __getattr__(self, name):
        return getattr(torch, name)


def f32(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def number(x, digits=None):
    if isinstance(x, str) or x is None or isinstance(x, (bool, int)):
        return x
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    return float(f"{x:.{digits}g}") if digits else x


def shortest(x):
    """The shortest decimal that is this float32."""
    if not math.isfinite(x):
        return number(x)
    for digits in range(1, 10):
        text = f"{x:.{digits}g}"
        if f32(float(text)) == x:
            return float(text)
    raise ValueError(x)


class Random:
    """Bits of a linear congruential generator, so that the file depends on no library."""

    def __init__(self, seed):
        self.state = seed * 2654435761 % 2**64

    def uniform(self):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 40) / 2**24

    def normal(self):
        return sum(self.uniform() for _ in range(12)) - 6.0

    def floats(self, n, scale=1.0):
        return [f32(scale * self.normal()) for _ in range(n)]


CASES = []


def build(name, parameter, params):
    params = dict(params)
    for key in ("betas", "etas", "step_sizes", "ns_coefficients"):
        if key in params:
            params[key] = tuple(params[key])
    classes = {
        "sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "adagrad": "Adagrad",
        "adadelta": "Adadelta", "nadam": "NAdam", "radam": "RAdam", "adamax": "Adamax", "rprop": "Rprop",
        "asgd": "ASGD", "muon": "Muon",
    }
    return getattr(torch.optim, classes[name])([parameter], **params)


def trajectory(name, params, param, grads, shape, dtype):
    parameter = torch.nn.Parameter(torch.tensor(param, dtype=dtype).reshape(shape))
    maximize = params.get("maximize", False) and name == "muon"
    options = {k: v for k, v in params.items() if not (name == "muon" and k == "maximize")}
    optimizer = build(name, parameter, options)
    if name == "muon":
        muon_module.torch = Names(dtype)
    n, out = len(param), []
    for start in range(0, len(grads), n):
        grad = torch.tensor(grads[start : start + n], dtype=dtype).reshape(shape)
        parameter.grad = -grad if maximize else grad
        optimizer.step()
        out += parameter.detach().reshape(-1).tolist()
    muon_module.torch = torch
    state = optimizer.state[parameter]
    return out, (state["ax"].reshape(-1).tolist() if name == "asgd" else None)


def add(name, label, params, param, grads, shape=None):
    steps, n = len(grads) // len(param), len(param)
    shape = shape or [n]
    shapes = {"param": shape, "grads": [steps, *shape], "out": [steps, *shape]}
    expected, torch_f32 = {}, {}
    for dtype, answers in ((torch.float64, expected), (torch.float32, torch_f32)):
        out, average = trajectory(name, params, param, grads, shape, dtype)
        write = (lambda x: number(x, 10)) if dtype == torch.float64 else shortest
        answers["out"] = [write(x) for x in out]
        if average is not None:
            shapes["average"] = shape
            answers["average"] = [write(x) for x in average]
    CASES.append({
        "fn": name, "name": f"{name}/{label}", "params": {k: number(v) if not isinstance(v, list) else v for k, v in params.items()},
        "shapes": shapes,
        "inputs": {"param": [shortest(x) for x in param], "grads": [shortest(x) for x in grads]},
        "expected": expected, "torch_f32": torch_f32,
    })


def random_cases(name, variants, seed):
    for v, params in enumerate(variants):
        for n, steps in ((7, 5), (17, 8)):
            random = Random(seed + 100 * v + n)
            add(name, f"rand/n{n}/steps{steps}/v{v}", params, random.floats(n), random.floats(n * steps))
        random = Random(seed + 100 * v + 3)
        grads = [f32(g * 10.0 ** (-4 + 8 * random.uniform())) for g in random.floats(6 * 6)]
        add(name, f"wide/n6/steps6/v{v}", params, random.floats(6, 10.0), grads)


def special_cases(name, params, label):
    """Gradients that are 0, huge, tiny, infinite and NaN, one parameter each, with ordinary ones before and after."""
    specials = [0.0, -0.0, 1e-20, 1e-30, 1e15, -3e19, math.inf, -math.inf, math.nan, 1e-42]
    if params.get("eps") == 0.0:
        # Squares that are 0 in float32 and not in float64 would be divided by.
        specials = [1e-17 if 0.0 < x < 1e-17 else x for x in specials]
    random = Random(7)
    n = len(specials)
    first, last = random.floats(n), random.floats(n)
    zeros = [0.0] * n
    add(name, f"special/{label}", params, random.floats(n), [f32(x) for x in first + specials + last + zeros + specials])
    add(name, f"special_first/{label}", params, random.floats(n), [f32(x) for x in specials + zeros + last])


def elementwise():
    random_cases("rprop", [
        {}, {"lr": 0.1, "maximize": True}, {"lr": 0.5, "etas": [0.25, 1.5], "step_sizes": [0.01, 1.0]}, {"lr": 0.0},
    ], 1)
    random_cases("asgd", [
        {}, {"lr": 0.1, "lambd": 0.01, "alpha": 0.5, "t0": 2.0, "weight_decay": 0.1},
        {"lr": 0.1, "t0": 0.0, "maximize": True}, {"lr": 0.05, "lambd": 0.5, "alpha": 1.0, "t0": 1.5}, {"lr": 0.0, "t0": 0.0},
        {"lr": 0.1, "alpha": 0.0, "lambd": 0.0, "t0": -3.0},
    ], 2)
    random_cases("nadam", [
        {"weight_decay": 0.1, "maximize": True}, {"decoupled_weight_decay": True, "weight_decay": 0.5, "lr": 0.1, "maximize": True},
        {"betas": [0.0, 0.0]}, {"momentum_decay": 0.0}, {"lr": 0.0, "weight_decay": 0.1}, {"momentum_decay": 250.0, "betas": [0.5, 0.3]},
    ], 3)
    random_cases("radam", [
        {"weight_decay": 0.1, "maximize": True}, {"decoupled_weight_decay": True, "weight_decay": 0.5, "lr": 0.1, "maximize": True},
        {"betas": [0.0, 0.0]}, {"betas": [0.9, 0.5]}, {"betas": [0.5, 0.9], "lr": 0.1, "eps": 0.1}, {"lr": 0.0},
    ], 4)
    random_cases("adam", [
        {"betas": [0.0, 0.0]}, {"betas": [0.0, 0.9], "amsgrad": True}, {"lr": 0.0, "weight_decay": 0.1}, {"eps": 0.0, "lr": 0.1},
        {"betas": [0.3, 0.0], "maximize": True, "weight_decay": 0.1}, {"weight_decay": 10.0, "amsgrad": True, "maximize": True},
    ], 5)
    random_cases("adamw", [
        {"amsgrad": True, "maximize": True, "weight_decay": 0.1, "lr": 0.1}, {"betas": [0.0, 0.0]}, {"eps": 0.0, "weight_decay": 0.0},
        {"lr": 0.0}, {"weight_decay": 20.0, "lr": 0.1},
    ], 6)
    random_cases("sgd", [
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.9, "maximize": True}, {"lr": 0.0, "momentum": 0.9},
        {"lr": 0.1, "weight_decay": 0.5, "maximize": True}, {"lr": 0.1, "momentum": 0.5, "nesterov": True, "maximize": True},
        {"lr": 0.1, "momentum": 1.0, "dampening": 1.0, "weight_decay": 1.0}, {},
    ], 8)
    random_cases("rmsprop", [
        {"alpha": 0.0}, {"alpha": 0.3, "centered": True, "maximize": True, "eps": 1e-2}, {"momentum": 0.9, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.0, "momentum": 0.5}, {"eps": 0.0, "alpha": 0.5}, {"alpha": 0.9, "centered": True, "momentum": 0.9, "maximize": True},
    ], 9)
    random_cases("adagrad", [
        {"maximize": True, "weight_decay": 0.1}, {"lr": 0.0}, {"eps": 0.0, "lr": 0.1}, {"lr_decay": 2.0, "initial_accumulator_value": 10.0, "lr": 1.0},
    ], 10)
    random_cases("adadelta", [
        {"maximize": True, "weight_decay": 0.1}, {"rho": 0.0}, {"lr": 0.0}, {"rho": 1.0}, {"eps": 0.1, "lr": 2.0},
    ], 11)
    random_cases("adamax", [
        {"maximize": True, "weight_decay": 0.1}, {"betas": [0.0, 0.0]}, {"lr": 0.0}, {"betas": [0.2, 0.5], "eps": 0.1, "lr": 0.1},
    ], 12)
    for name in ("sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "nadam", "radam", "adamax", "rprop", "asgd"):
        special_cases(name, {}, "default")
        if name not in ("rprop", "asgd", "sgd", "rmsprop"):
            special_cases(name, {"lr": 0.0}, "lr=0")
        if name not in ("rprop", "asgd", "sgd"):
            special_cases(name, {"eps": 0.0}, "eps=0")
    special_cases("sgd", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "nesterov": True}, "momentum")
    special_cases("adam", {"amsgrad": True, "weight_decay": 0.1}, "amsgrad")


def muon():
    variants = [
        {}, {"nesterov": False, "weight_decay": 0.0, "lr": 0.1}, {"adjust_lr_fn": "match_rms_adamw", "lr": 0.1},
        {"adjust_lr_fn": "spectral_unclamped", "momentum": 0.5}, {"momentum": 0.0, "ns_steps": 1, "lr": 0.5},
        {"ns_coefficients": [1.5, -0.5, 0.0], "ns_steps": 12, "eps": 10.0, "lr": 0.1}, {"ns_steps": 0, "lr": 0.1, "weight_decay": 2.0},
        {"maximize": True, "lr": 0.1},
    ]
    for v, params in enumerate(variants):
        for shape, steps in (([4, 4], 3), ([3, 7], 3), ([7, 3], 3), ([1, 5], 2), ([5, 1], 2), ([17, 33], 2), ([33, 17], 2)):
            if v > 2 and shape[0] > 16:
                continue
            random = Random(1000 * v + 31 * shape[0] + shape[1])
            n = shape[0] * shape[1]
            add("muon", f"{shape[0]}x{shape[1]}/steps{steps}/v{v}", params, random.floats(n), random.floats(n * steps), shape)
    add("muon", "zeros/3x3", {"lr": 0.1}, Random(5).floats(9), [0.0] * 9, [3, 3])
    add("muon", "tiny/3x3", {"lr": 0.1}, Random(5).floats(9), Random(6).floats(9, 1e-12), [3, 3])
    add("muon", "huge/2x3", {"lr": 0.1}, Random(5).floats(6), Random(6).floats(6, 1e12), [2, 3])


def rosenbrock(x):
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def quadratic(x):
    """Curvatures from 1 to 50, minimum at 1, 2, 3, ..."""
    i = torch.arange(1, len(x) + 1, dtype=x.dtype)
    curvature = 1.0 + 49.0 * (i - 1) / (len(x) - 1)
    return (curvature * (x - i) ** 2).sum()


def wells(x):
    """Not convex, with saddles and no bound on the slope."""
    return (0.25 * x**4 - x**2 + 0.3 * x).sum() + 0.1 * (x[1:] * x[:-1]).sum()


def lbfgs_case(function, label, params, start, steps):
    answers = {}
    for dtype in (torch.float64, torch.float32):
        x = torch.nn.Parameter(torch.tensor(start, dtype=dtype))
        optimizer = torch.optim.LBFGS([x], **params)
        sign = -1.0 if params.get("maximize") else 1.0
        calls = 0

        def closure():
            nonlocal calls
            calls += 1
            optimizer.zero_grad()
            loss = sign * function(x)
            loss.backward()
            return loss

        out, losses, evaluations = [], [], []
        for _ in range(steps):
            losses.append(optimizer.step(closure).item())
            out += x.detach().tolist()
            evaluations.append(calls)
        write = (lambda v: number(v, 10)) if dtype == torch.float64 else shortest
        answers[dtype] = {"out": [write(v) for v in out], "loss": [write(v) for v in losses], "evaluations": evaluations}
    expected, torch_f32 = answers[torch.float64], answers[torch.float32]
    CASES.append({
        "fn": "lbfgs", "name": f"lbfgs/{function.__name__}/{label}", "params": {**params, "function": function.__name__},
        "shapes": {"param": [len(start)], "out": [steps, len(start)], "loss": [steps], "evaluations": [steps]},
        "inputs": {"param": [shortest(x) for x in start]}, "expected": expected, "torch_f32": torch_f32,
    })


def lbfgs():
    far = [f32(x) for x in (-1.2, 1.0)]
    wolfe = {"line_search_fn": "strong_wolfe"}
    start = Random(3).floats(7)
    for label, params in (
        ("default", {"max_iter": 4}), ("lr", {"lr": 0.1, "max_iter": 3}), ("wolfe", {**wolfe, "max_iter": 4}),
        ("wolfe/history2", {**wolfe, "max_iter": 5, "history_size": 2}), ("history1", {"max_iter": 4, "history_size": 1}),
        ("wolfe/max_eval", {**wolfe, "max_iter": 10, "max_eval": 4}), ("max_eval", {"max_iter": 10, "max_eval": 3}),
        ("wolfe/lr", {**wolfe, "lr": 0.01, "max_iter": 3}), ("maximize", {"max_iter": 3, "maximize": True}),
        ("wolfe/maximize", {**wolfe, "max_iter": 3, "maximize": True}), ("max_iter1", {"max_iter": 1}),
        ("wolfe/max_iter1", {**wolfe, "max_iter": 1}), ("tolerance_grad", {"max_iter": 20, "tolerance_grad": 1.0}),
        ("tolerance_change", {"max_iter": 20, "tolerance_change": 0.1}), ("wolfe/tolerance_change", {**wolfe, "tolerance_change": 0.1}),
        ("lr0", {"lr": 0.0, "max_iter": 3}), ("wolfe/long step", {**wolfe, "lr": 30.0, "max_iter": 4}),
    ):
        lbfgs_case(quadratic, label, params, start, 3)
        if params.get("lr", 1.0) < 1.0 or "line_search_fn" in params:
            lbfgs_case(rosenbrock, label, params, far, 2)
            lbfgs_case(wells, label, params, [f32(x) for x in (0.3, -0.2, 1.5, 2.0, -1.0)], 2)


elementwise()
muon()
lbfgs()
json.dump({"group": "optimizers_more", "reference": f"PyTorch {torch.__version__} CPU", "cases": CASES}, sys.stdout, separators=(",", ":"))
print()
