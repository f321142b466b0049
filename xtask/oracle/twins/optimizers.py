"""Steps of optimisers: the parameter and the state behind them."""

import torch

from draw import Case
from . import twin


def state(d, shape, low=-1.0, high=1.0):
    return d.floats(shape, low, high, torch.float32)


def stepped(optimizer, param, grad, entries):
    """One step of a PyTorch optimiser that is in the midst of training; its parameter and the named state afterwards."""
    param.grad = grad
    optimizer.state[param] = dict(entries)
    optimizer.step()
    after = optimizer.state[param]
    return [param.detach()] + [after[name] for name, value in entries.items() if isinstance(value, torch.Tensor) and value.ndim == param.ndim and name != "step"]


def exactly_f32(x):
    return float(torch.tensor(x, dtype=torch.float32))


@twin("sgd", weight=2)
def sgd(d):
    momentum = d.choice([0.0, 0.5, 0.9])
    nesterov = momentum > 0 and d.chance(0.3)
    attrs = {
        "momentum": momentum,
        "dampening": d.choice([0.0, 0.3]) if momentum and not nesterov else 0.0,
        "weight_decay": d.choice([0.0, 0.01]),
        "nesterov": nesterov,
    }
    shape, rate = d.shape(), exactly_f32(10 ** d.uniform(-4, 0))
    inputs = [state(d, shape), state(d, shape)] + [state(d, shape)] * (momentum > 0) + [torch.tensor([rate])]

    def step(param, grad, *rest):
        entries = {"momentum_buffer": rest[0].clone()} if momentum else {}
        return stepped(torch.optim.SGD([param], lr=rate, **attrs), param, grad, entries)

    return Case(attrs, inputs, step, through=[])


@twin("adam", weight=2)
def adam(d):
    beta1, beta2, epsilon, decay = d.choice([0.9, 0.5, 0.0]), d.choice([0.999, 0.9]), d.choice([1e-8, 1e-3]), d.choice([0.0, 0.05])
    decoupled = d.chance(0.5)
    t = d.choice([1, 2, 5, 100, 10_000])
    shape, rate = d.shape(), exactly_f32(10 ** d.uniform(-4, -1))
    m, v = (state(d, shape), state(d, shape, 1e-3, 1.0)) if t > 1 else (torch.zeros(shape), torch.zeros(shape))
    rates = torch.tensor([rate, 1 / (1 - beta1**t), 1 / (1 - beta2**t)], dtype=torch.float32)
    attrs = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon, "weight_decay": decay, "decoupled": decoupled}

    def step(param, grad, m, v, rates):
        kind = torch.optim.AdamW if decoupled else torch.optim.Adam
        optimizer = kind([param], lr=rate, betas=(beta1, beta2), eps=epsilon, weight_decay=decay)
        return stepped(optimizer, param, grad, {"step": torch.tensor(float(t - 1)), "exp_avg": m.clone(), "exp_avg_sq": v.clone()})

    return Case(attrs, [state(d, shape), state(d, shape), m, v, rates], step, ulp=8, through=[])


@twin("rmsprop", weight=2)
def rmsprop(d):
    momentum, centered = d.choice([0.0, 0.5, 0.9]), d.chance(0.5)
    attrs = {"alpha": d.choice([0.99, 0.9]), "epsilon": d.choice([1e-8, 1e-3]), "weight_decay": d.choice([0.0, 0.05]), "momentum": momentum, "centered": centered}
    shape, rate = d.shape(), exactly_f32(10 ** d.uniform(-4, -1))
    # The mean of squares is at least the square of the mean.
    names = ["square_avg"] + ["grad_avg"] * centered + ["momentum_buffer"] * (momentum > 0)
    states = [state(d, shape, 0.5, 2.0)] + [state(d, shape, -0.5, 0.5)] * centered + [state(d, shape)] * (momentum > 0)

    def step(param, grad, *rest):
        options = {"lr": rate, "alpha": attrs["alpha"], "eps": attrs["epsilon"], "weight_decay": attrs["weight_decay"]}
        entries = {"step": torch.tensor(4.0)} | {name: value.clone() for name, value in zip(names, rest)}
        return stepped(torch.optim.RMSprop([param], momentum=momentum, centered=centered, **options), param, grad, entries)

    return Case(attrs, [state(d, shape), state(d, shape)] + states + [torch.tensor([rate])], step, ulp=8, through=[])
