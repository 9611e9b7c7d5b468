"""PyTorch's CTC on one thread, for the last lines of `cargo bench --bench loss_rows` to be compared with.

    taskset -c 1 /opt/torch/bin/python benches/ctc_torch.py; taskset -c 1 cargo bench --bench loss_rows -- ctc

Prints the best and median milliseconds of 200 steps, 16 texts of 30 labels and 64 classes.
"""

import time

import torch

torch.set_num_threads(1)
torch.manual_seed(1)
STEPS, BATCH, CLASSES, LABELS = 200, 16, 64, 30
log_probs = (2 * torch.randn(STEPS, BATCH, CLASSES)).log_softmax(2).requires_grad_()
targets = torch.randint(1, CLASSES, (BATCH, LABELS))
lengths = torch.full((BATCH,), STEPS), torch.full((BATCH,), LABELS)


def forward():
    return torch.nn.functional.ctc_loss(log_probs, targets, *lengths)


def both():
    log_probs.grad = None
    forward().backward()


def alone():
    with torch.no_grad():
        forward()


for name, call in (("forward", alone), ("forward and backward", both)):
    times = []
    for _ in range(100):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    print("ctc %s: %.2f / %.2f ms" % (name, times[0], times[len(times) // 2]))
