"""Compares wgrad's ops with PyTorch on random cases: see docs/oracle.md. Started by `cargo xtask oracle`."""

import argparse
import json
import sys
import time
import warnings
from collections import deque

import torch

from device import AHEAD, Wgrad
from draw import Draw
from judge import Truth
from twins import TWINS, WITHOUT


def arguments():
    parser = argparse.ArgumentParser(prog="cargo xtask oracle", description="Compares every op that PyTorch has too with PyTorch in f64, forward and backward, on random cases.")
    parser.add_argument("--wgrad", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cases", type=int, default=2000, help="how many (2000)")
    parser.add_argument("--seed", type=int, default=1, help="another seed draws other cases (1)")
    parser.add_argument("--only", metavar="OP", help="this op alone; OP:CASE: one case alone")
    parser.add_argument("--device", help="the adapter, as for wgrad; cpu: the f64 reference of wgrad")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    return parser.parse_args()


def plan(args):
    """Ops and numbers of the cases, the ops taking turns."""
    if args.only:
        op, _, number = args.only.partition(":")
        if op not in TWINS:
            why = f": {WITHOUT[op]}" if op in WITHOUT else f"; there are {', '.join(sorted(TWINS))}"
            sys.exit(f"{op} has no twin{why}")
        return [(op, int(number))] if number else [(op, n) for n in range(args.cases)]
    turns = [op for op, (_, weight) in TWINS.items() for _ in range(weight)]
    counts = dict.fromkeys(TWINS, 0)
    jobs = []
    for n in range(args.cases):
        op = turns[n % len(turns)]
        jobs.append((op, counts[op]))
        counts[op] += 1
    return jobs


def draw(op, number, args, f16):
    """A case with its cotangents, and what PyTorch makes of it."""
    d = Draw(args.seed, op, number, f16)
    case = TWINS[op][0](d)
    floats = [t.dtype for t in case.inputs if t.is_floating_point()]
    stored = case.stored or (floats[0] if floats else torch.float32)
    stored = stored if isinstance(stored, list) else [stored] * 9
    outputs = Truth(case, d).outputs if case.through is None else []
    through = [n for n, y in enumerate(outputs) if y is not None and y.is_floating_point()] if case.through is None else case.through
    if through and floats:
        shapes = outputs or Truth(case, d).outputs
        case.grads = {n: d.floats(shapes[n].shape, -1, 1, stored[n]) for n in through}
    return case, Truth(case, d)


class Worst:
    """The largest errors among the results of one type."""

    def __init__(self):
        self.results, self.error, self.allowed, self.share, self.case = 0, 0.0, 0.0, 0.0, None

    def add(self, number, v):
        self.results += 1
        self.error, self.allowed = max(self.error, v.error), max(self.allowed, v.allowed)
        if v.share > self.share or self.case is None:
            self.share, self.case = v.share, number

    def text(self):
        return f"{self.error:>8.1e}  {self.allowed:>7.0e}  {100 * self.share:>6.1f} %" if self.results else f"{'-':>8}  {'-':>7}  {'-':>8}"


class Row:
    """What is told of one op."""

    def __init__(self):
        self.cases, self.forward, self.backward, self.failed = 0, 0, 0, 0
        self.f32, self.f16 = Worst(), Worst()

    def add(self, number, verdicts):
        self.cases += 1
        for _, backward, v in verdicts:
            self.backward += backward
            self.forward += not backward
            (self.f16 if v.half else self.f32).add(number, v)
        self.failed += any(v.failure for _, _, v in verdicts)


def described(case):
    operands = ", ".join(f"{str(t.dtype).removeprefix('torch.')}{list(t.shape)}" for t in case.inputs)
    return f"{json.dumps(case.attrs)} of {operands or 'nothing'}"


def compare_all(args, wgrad):
    jobs = deque(plan(args))
    rows = {op: Row() for op, _ in jobs}
    failures, waiting = [], deque()
    f16 = wgrad.adapter()["caps"]["f16"]
    wgrad.start(None)
    sent = 0

    def fail(op, number, case, what):
        failures.append({"case": f"{op}:{number}", "what": described(case) if case else "", "why": what})
        if not args.json:
            print(f"FAIL {op}:{number} {described(case) if case else ''}\n     {what}", flush=True)

    while jobs or waiting:
        while jobs and len(waiting) < AHEAD:
            op, number = jobs.popleft()
            try:
                case, truth = draw(op, number, args, f16)
            except Exception as error:  # noqa: BLE001
                # A mistake in the twin, or a case that PyTorch refuses: the others go on.
                rows[op].cases += 1
                rows[op].failed += 1
                fail(op, number, None, f"no answer from PyTorch: {error!r}")
                continue
            wgrad.send(sent, op, case)
            waiting.append((op, number, case, truth))
            sent += 1
        if not waiting:
            continue
        answer = wgrad.receive()
        op, number, case, truth = waiting.popleft()
        if answer is None:
            # It crashed on the first job that has no answer; the others are sent again.
            code = wgrad.stop()
            rows[op].cases += 1
            rows[op].failed += 1
            fail(op, number, case, f"wgrad ended with code {code}")
            wgrad.start(None)
            again = list(waiting)
            waiting.clear()
            for entry in again:
                wgrad.send(sent, entry[0], entry[2])
                waiting.append(entry)
                sent += 1
            continue
        _, tensors, error = answer
        if error:
            rows[op].cases += 1
            rows[op].failed += 1
            fail(op, number, case, f"wgrad refuses: {error}")
            continue
        verdicts = truth.judge(tensors)
        rows[op].add(number, verdicts)
        for what, _, v in verdicts:
            if v.failure:
                fail(op, number, case, f"{what}: {v.failure}")
    wgrad.stop()
    return rows, failures


def table(rows):
    width = max(len(op) for op in rows)
    lines = [
        f"{'':<{width}}                             f32 and integers               f16 results",
        f"{'op':<{width}}  cases  forward  backward     error  allowed  of that     error  allowed  of that",
    ]
    for op, r in rows.items():
        result = f"  {r.failed} FAIL" if r.failed else ""
        lines.append(f"{op:<{width}}  {r.cases:>5}  {r.forward:>7}  {r.backward:>8}  {r.f32.text()}  {r.f16.text()}{result}")
    return "\n".join(lines)


def worst(rows, kind):
    """The case that uses most of what is allowed."""
    op = max(rows, key=lambda op: getattr(rows[op], kind).share)
    row = getattr(rows[op], kind)
    return f"{op}:{row.case} uses {100 * row.share:.1f} %"


def main():
    args = arguments()
    torch.set_num_threads(1)
    # Where stand-ins take the place of CUDA's libraries.
    warnings.filterwarnings("ignore", message="CUDA initialization")
    began = time.monotonic()
    wgrad = Wgrad(args.wgrad, args.device)
    adapter = wgrad.adapter()["name"]
    rows, failures = compare_all(args, wgrad)
    seconds = time.monotonic() - began
    total = {key: sum(getattr(r, key) for r in rows.values()) for key in ("cases", "forward", "backward", "failed")}
    if args.json:
        ops = {op: vars(r) | {"f32": vars(r.f32), "f16": vars(r.f16)} for op, r in rows.items()}
        summary = total | {"seed": args.seed, "adapter": adapter, "pytorch": torch.__version__, "seconds": round(seconds, 1)}
        print(json.dumps(summary | {"ops": ops, "failures": failures, "without_twin": WITHOUT}, indent=2).replace("Infinity", "null"))
    else:
        print(table(rows))
        print(f"closest to what is allowed: f32 {worst(rows, 'f32')}, f16 {worst(rows, 'f16')}")
        print(f"{total['cases']} cases of {len(rows)} ops, {total['forward']} results and {total['backward']} gradients against PyTorch {torch.__version__}, "
              f"{total['failed']} failed; seed {args.seed}, {seconds:.0f} s on {adapter}")
        print(f"without a twin: {', '.join(WITHOUT)}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
