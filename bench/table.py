"""Markdown tables of benches: `table.py FILE...`, each of JSON lines as `wgrad bench --json` and the benches of other projects write them.

One table of all rows beside those of another project, where the files have one; one of what is asked of kernels: convolutions as a share of
the fastest matmul, everything that is bound by memory as a share of the copy. A workload's figure is the median of its runs' medians."""

import json
import sys
from collections import defaultdict
from statistics import median


def read(paths):
    """Milliseconds, rates and units by (workload, shape), by project."""
    runs = defaultdict(lambda: defaultdict(list))
    for path in paths:
        with open(path, encoding="utf-8") as lines:
            for row in (json.loads(line) for line in lines if line.startswith("{")):
                if row.get("variant") is None and "median_ms" in row:
                    runs[row["peer"]][row["workload"], row["shape"]].append(row)
    return runs


def figures(rows):
    """The median time and rate of a workload's runs."""
    rate = median(r.get("steps_per_s") or r["gflops_or_samples_per_s"] for r in rows)
    unit = "steps/s" if rows[0].get("steps_per_s") else rows[0]["unit"]
    return median(r["median_ms"] for r in rows), rate, unit


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def beside(ours, theirs, peer):
    """All rows, with the other project's where it has them."""
    print(f"| workload | shape | wgrad ms | wgrad | {peer} ms | {peer} | times faster |\n|---|---|---:|---:|---:|---:|---:|")
    for key, rows in ours.items():
        ms, rate, unit = figures(rows)
        other, factor = "– | –", "–"
        if key in theirs:
            their_ms, their_rate, their_unit = figures(theirs[key])
            if unit == "steps/s":
                their_rate, their_unit = 1e3 / their_ms, unit
            other, factor = f"{number(their_ms)} | {number(their_rate)} {their_unit}", f"**{their_ms / ms:.1f}**"
        print(f"| {key[0]} | {key[1]} | {number(ms)} | {number(rate)} {unit} | {other} | {factor} |")


def shares(ours):
    """What part of the matmul's or the copy's rate a workload reaches."""
    rates = {key: figures(rows)[1:] for key, rows in ours.items()}
    best = {
        "GFLOP/s": max((rate for (name, _), (rate, unit) in rates.items() if name.startswith("matmul") and unit == "GFLOP/s"), default=None),
        "GB/s": max((rate for (name, _), (rate, _) in rates.items() if name == "copy"), default=None),
    }
    print(f"| workload | shape | rate | of the best |\n|---|---|---:|---:|")
    for (name, shape), (rate, unit) in rates.items():
        if best.get(unit):
            print(f"| {name} | {shape} | {number(rate)} {unit} | {100 * rate / best[unit]:.0f} % |")


def main():
    runs = read(sys.argv[1:])
    ours = runs.pop("wgrad", {})
    for peer, theirs in runs.items() or [("–", {})]:
        beside(ours, theirs, peer)
        print()
    shares(ours)


if __name__ == "__main__":
    main()
