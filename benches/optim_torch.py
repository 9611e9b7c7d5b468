"""PyTorch's optimizers on one thread, for `cargo bench --bench optim` to be compared with.

    taskset -c 1 /opt/torch/bin/python benches/optim_torch.py; taskset -c 1 cargo bench --bench optim

Prints the best and median nanoseconds a parameter of 1 Mi of them; where PyTorch has several forms, each.
"""

import time

import torch

torch.set_num_threads(1)
N = 1 << 20


def measure(step, turns=60):
    for _ in range(3):
        step()
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) / N * 1e9)
    times.sort()
    return times[0], times[len(times) // 2]


def optimizer(cls, **options):
    parameter = torch.nn.Parameter(torch.randn(N))
    parameter.grad = torch.randn(N)
    return cls([parameter], **options).step


source, target = torch.randn(2 * N), torch.empty(2 * N)
print("copy of 16 bytes     %7.3f / %7.3f ns" % measure(lambda: target.copy_(source)))
o = torch.optim
for name, cls, options, forms in (
    ("SGD", o.SGD, {}, ("fused", "foreach")),
    ("SGD momentum", o.SGD, {"momentum": 0.9}, ("fused", "foreach")),
    ("Adam", o.Adam, {}, ("fused", "foreach")),
    ("Adam amsgrad", o.Adam, {"amsgrad": True}, ("fused", "foreach")),
    ("AdamW", o.AdamW, {}, ("fused", "foreach")),
    ("RMSprop", o.RMSprop, {}, ("foreach",)),
    ("RMSprop centered, momentum", o.RMSprop, {"centered": True, "momentum": 0.9}, ("foreach",)),
    ("Adagrad", o.Adagrad, {}, ("fused", "foreach")),
    ("Adadelta", o.Adadelta, {}, ("foreach",)),
    ("Adamax", o.Adamax, {}, ("foreach",)),
    ("NAdam", o.NAdam, {}, ("foreach",)),
    ("RAdam", o.RAdam, {}, ("foreach",)),
    ("Rprop", o.Rprop, {}, ("foreach",)),
    ("ASGD", o.ASGD, {}, ("foreach",)),
):
    for form in (*forms, "plain"):
        chosen = {form: True} if form != "plain" else {"foreach": False}
        print("%-27s %-8s %7.3f / %7.3f ns" % (name, form, *measure(optimizer(cls, **options, **chosen))))
parameter = torch.nn.Parameter(torch.randn(N))
parameter.grad = torch.randn(N)
clip = lambda: torch.nn.utils.clip_grad_norm_([parameter], 1e-3)
print("clip_grad_norm_                      %7.3f / %7.3f ns" % measure(clip))
for rows, columns in ((128, 128), (512, 512), (1024, 256), (256, 1024)):
    matrix = torch.nn.Parameter(torch.randn(rows, columns))
    matrix.grad = torch.randn(rows, columns)
    best, _ = measure(o.Muon([matrix]).step, 20)
    print("Muon %4d x %4d (bfloat16)            %7.3f ms" % (rows, columns, best * N / 1e6))
