"""How far a result of the device may be from PyTorch's in f64, and how far it is.

    allowed = ulp·eps·(|y| + size/2) + 3·sqrt(terms)·eps·spread  [+ the rounding of f16 storage]

The first part is the scale of `wgrad verify`: units in the last place of f32 for results made from quantities of order 1. The second is
the condition of the problem: `spread` is how far the exact result moves, by element, when every operand moves by its own size, some up and
some down, to first order. It is measured in f64, for gradients too, so no formula of an op is written down here."""

from dataclasses import dataclass

import torch

EPS = 2.0**-23
EPS16 = 2.0**-10
STEP = 2.0**-24
PROBES = 4


@dataclass
class Verdict:
    """One result. `error` and `allowed` are the largest, over |y| + size/2; `share` is the largest part of what is allowed that is used."""

    error: float = 0.0
    allowed: float = 0.0
    share: float = 0.0
    half: bool = False
    failure: str | None = None


def exactly(t):
    """A tensor as the twin reads it."""
    return t.double() if t.is_floating_point() else t if t.dtype == torch.bool else t.long()


def run(case, inputs, grads):
    """The twin's outputs, and the gradients of sum(outputs·grads) with respect to the float operands."""
    inputs = [t.clone().requires_grad_(bool(grads) and t.is_floating_point()) for t in inputs]
    outputs = case.twin(*inputs)
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    if not grads:
        return [None if y is None else y.detach() for y in outputs], {}
    wanted = [n for n, t in enumerate(inputs) if t.is_floating_point() and (case.wrt is None or n in case.wrt)]
    loss = sum((outputs[n] * g).sum() for n, g in grads.items())
    found = torch.autograd.grad(loss, [inputs[n] for n in wanted], allow_unused=True) if loss.requires_grad else [None] * len(wanted)
    found = {n: torch.zeros_like(inputs[n]) if g is None else g for n, g in zip(wanted, found)}
    return [None if y is None else y.detach() for y in outputs], found


class Truth:
    """What PyTorch says of a case."""

    def __init__(self, case, draw):
        self.case = case
        self.inputs = [exactly(t) for t in case.inputs]
        self.grads = {n: g.double() for n, g in case.grads.items()}
        self.outputs, self.found = run(case, self.inputs, self.grads)
        self.spreads = self.probe(draw)

    def probe(self, draw):
        """The spread of every float output and gradient."""
        def flip(t):
            if not t.is_floating_point():
                return t
            # Quarters stay: kinks and ties are at them, and no f32 program steps over one, since what it compares is exact.
            step = STEP * (t * 4 != torch.round(t * 4))
            return t * (1 + step * (torch.randint(2, t.shape, generator=draw.torch).double() * 2 - 1))

        spreads = [torch.zeros_like(t) for t in self.all_floats()]
        for _ in range(0 if not spreads or (self.case.exact and not self.found) else PROBES):
            # Copies and choices stay what they are; only what flows back moves.
            inputs = self.inputs if self.case.exact else [flip(t) for t in self.inputs]
            outputs, found = run(self.case, inputs, {n: flip(g) for n, g in self.grads.items()})
            moved = [y for y in outputs if y is not None and y.is_floating_point()] + list(found.values())
            spreads = [torch.maximum(s, (a - b).abs() / STEP) for s, a, b in zip(spreads, moved, self.all_floats())]
        return spreads

    def all_floats(self):
        return [y for y in self.outputs if y is not None and y.is_floating_point()] + list(self.found.values())

    def judge(self, got):
        """The verdict on every result, forward and backward, by the names of the device's tensors."""
        case, spreads, verdicts = self.case, iter(self.spreads), []
        for n, y in enumerate(self.outputs):
            if y is None:
                continue
            spread = next(spreads) if y.is_floating_point() else None
            verdicts.append((f"output {n}", False, compare(got.get(str(n)), y, spread, case.ulp, case.terms, case.size, 1, case.exact)))
        most = max([y.numel() for y in self.outputs if y is not None] or [1])
        for n, g in self.found.items():
            # An operand's element enters so many products on average.
            terms = max(case.terms, min(most, most * case.terms // max(g.numel(), 1)))
            verdict = compare(got.get(f"grad.{n}"), g, next(spreads), case.grad_ulp, terms, case.grad_size, case.roundings, False, case.mixed)
            verdicts.append((f"gradient {n}", True, verdict))
        return verdicts


def compare(got, want, spread, ulp, terms, size, roundings, exact, mixed=False):
    """One result of the device with PyTorch's."""
    if got is None:
        return Verdict(failure="wgrad gave none")
    if list(got.shape) != list(want.shape):
        return Verdict(failure=f"wgrad's shape is {list(got.shape)}, PyTorch's {list(want.shape)}")
    kind = lambda t: "bool" if t.dtype == torch.bool else "float" if t.is_floating_point() else "integer"
    if kind(got) != kind(want):
        return Verdict(failure=f"wgrad's type is {got.dtype}, PyTorch's {want.dtype}")
    if got.numel() == 0:
        return Verdict()
    if not got.is_floating_point():
        # Integers are those of 32 bits: arithmetic wraps.
        differ = (exactly(got) - want) % 2**32 != 0 if got.dtype != torch.bool else got != want
        if not differ.any():
            return Verdict()
        at = int(differ.flatten().nonzero()[0])
        return Verdict(1.0, 0.0, float("inf"), False, f"element {at} of {list(got.shape)}: wgrad {got.flatten()[at].item()}, PyTorch {want.flatten()[at].item()}")
    value, scale, half = got.double(), want.abs() + size / 2, got.dtype == torch.float16 or mixed
    if terms > 8:
        # The signs of a long sum may leave little of it in every probe.
        spread = torch.maximum(spread, spread.mean() / 2)
    allowed = torch.zeros_like(want) if exact else ulp * EPS * scale + 3 * terms**0.5 * EPS * spread
    if half and not exact:
        allowed = allowed + EPS16 * (scale * roundings if roundings > 1 else want.abs() + 2.0**-14)
    error = (value - want).abs()
    # NaN and infinity are as wrong as can be, unless PyTorch says the same.
    error = torch.where((value == want) | (value.isnan() & want.isnan()), 0.0, torch.where(error.isfinite(), error, float("inf")))
    share = torch.where(error == 0, 0.0, error / allowed)
    at = int(share.argmax())
    verdict = Verdict(float((error / scale).max()), float((allowed / scale).max()), float(share.flatten()[at]), half)
    if verdict.share > 1:
        a, b, most = value.flatten()[at].item(), want.flatten()[at].item(), allowed.flatten()[at].item()
        verdict.failure = f"element {at} of {list(got.shape)} {got.dtype}: wgrad {a!r}, PyTorch {b!r}, allowed ±{most:.2e}; {int((share > 1).sum())} differ"
    return verdict
