"""Softmax and the losses."""

import torch
import torch.nn.functional as F

from draw import Case
from . import twin


def rows(d):
    shape = d.shape(least=1)
    if 0 not in shape and d.chance(0.2):
        shape = [2, d.choice([100, 257, 1000])]
    return shape, d.axis(len(shape))


@twin("softmax")
def softmax(d):
    shape, axis = rows(d)
    # exp is granted 3 + 2|x| units and the quotient 2.5.
    return Case({"axis": axis}, [d.floats(shape, -4, 4)], lambda x: torch.softmax(x, axis), ulp=24, grad_ulp=32, terms=max(shape[axis], 1))


@twin("log_softmax")
def log_softmax(d):
    shape, axis = rows(d)
    return Case({"axis": axis}, [d.floats(shape, -4, 4)], lambda x: torch.log_softmax(x, axis), ulp=24, grad_ulp=32, terms=max(shape[axis], 1))


@twin("softmax_backward")
def softmax_backward(d):
    shape, axis = rows(d)
    y = torch.softmax(d.floats(shape, -4, 4).double(), axis).to(d.float)
    backward = lambda y, g: torch.ops.aten._softmax_backward_data(g, y, axis % g.ndim, g.dtype)
    return Case({"axis": axis}, [y, d.floats(shape, -1, 1)], backward, ulp=16, grad_ulp=32, terms=max(shape[axis], 1))


def logits(d, least=1):
    n, c = d.choice([1, 2, 3, 7, 32, 33, 65]), d.choice([1, 2, 3, 10, 17, 64, 100, 300])
    n = 0 if least == 0 and d.chance(0.05) else n
    return d.floats([n, c], -5, 5), d.ints([n], 0, c)


def softened(d, labels):
    """Label smoothing and an ignored label as attributes; some labels become that one, but not all: PyTorch's mean of none is NaN."""
    ignore = d.choice([None, None, -100, 255, 1])
    if ignore is not None and len(labels) > 1:
        which = torch.rand(len(labels), generator=d.torch) < 0.3
        which[d.randrange(len(labels))] = False
        labels[which] = ignore
        labels[~which & (labels == ignore)] = 0
    elif ignore == 1:
        ignore = None
    return {"label_smoothing": d.choice([0.0, 0.0, 0.1, 0.3, 1.0]), "ignore_index": ignore}


@twin("cross_entropy", weight=6)
def cross_entropy(d):
    reduction = d.choice(["mean", "sum", "none"])
    x, labels = logits(d, least=1 if reduction == "mean" else 0)
    attrs = {"reduction": reduction} | softened(d, labels)
    smoothing, ignore = attrs["label_smoothing"], -100 if attrs["ignore_index"] is None else attrs["ignore_index"]

    def loss(x, labels):
        lse = torch.logsumexp(x, 1)
        loss = F.cross_entropy(x, labels, ignore_index=ignore, label_smoothing=smoothing, reduction=reduction)
        # The rows that a mean counts are an output where a label is ignored.
        return [loss, lse] + [(labels != ignore).sum().double()] * (reduction == "mean" and attrs["ignore_index"] is not None)

    n = len(x) if reduction == "sum" else 1
    return Case(attrs, [x, labels], loss, ulp=24, grad_ulp=32, terms=x.shape[1] * max(n, 1), size=max(n, 1), stored=torch.float32, through=[0])


@twin("cross_entropy_backward")
def cross_entropy_backward(d):
    x, labels = logits(d, least=0)
    attrs = softened(d, labels)
    lse = torch.logsumexp(x.double(), 1).float()
    classes, smoothing, ignore = x.shape[1], attrs["label_smoothing"], attrs["ignore_index"]

    def backward(x, labels, lse, g):
        # The gradient of the loss, with the sum of exponentials as it was stored.
        kept = labels != ignore if ignore is not None else torch.ones_like(labels, dtype=torch.bool)
        target = F.one_hot(torch.where(kept, labels, 0), classes).double() * (1 - smoothing) + smoothing / classes if len(x) else x
        return torch.where(kept[:, None], (torch.exp(x - lse[:, None]) - target) * g[:, None], 0.0)

    g = d.floats([len(x)], -1, 1, torch.float32)
    return Case(attrs, [x, labels, lse, g], backward, ulp=24, grad_ulp=32, terms=classes, roundings=6)


@twin("mse")
def mse(d):
    reduction = d.choice(["mean", "sum", "none"])
    shape = d.shape(empty=reduction != "mean")
    count = torch.Size(shape).numel() if reduction != "none" else 1
    size = count if reduction == "sum" else 1
    x, y = d.floats(shape), d.floats(shape)
    return Case({"reduction": reduction}, [x, y], lambda x, y: F.mse_loss(x, y, reduction=reduction), terms=max(count, 1), size=max(size, 1), stored=torch.float32)
