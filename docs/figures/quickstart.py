"""Draws quickstart.svg from the metrics of a quickstart run.

Run: npx rnnx run --preset quickstart --seed 1 --seed 2 --seed 3 --out runs/figure
     python3 docs/figures/quickstart.py runs/figure docs/figures/quickstart.svg   (needs matplotlib)
"""
import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "rnnx"
import matplotlib.pyplot as plt

runs, out = pathlib.Path(sys.argv[1]), sys.argv[2]
colours = {"none": "#555555", "dropout": "#1f77b4", "noisin": "#d62728"}
labels = {"none": "LSTM", "dropout": "LSTM + dropout", "noisin": "LSTM + NOISIN"}
floor = 6.923

figure, axes = plt.subplots(figsize=(6.4, 3.4))
for variant, colour in colours.items():
    for i, folder in enumerate(sorted(runs.glob(f"{variant}-seed-*"))):
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        epochs = [line for line in lines if line["type"] == "epoch"]
        x = [e["epoch"] for e in epochs]
        valid, train = ([e[split]["metric"] for e in epochs] for split in ("valid", "train"))
        axes.plot(x, valid, color=colour, lw=1.6, label=labels[variant] if i == 0 else None)
        axes.plot(x, train, color=colour, lw=0.8, ls=":")
axes.axhline(floor, color="black", lw=0.8, ls="--")
axes.text(1.2, floor - 0.75, "exact floor 6.923", fontsize=8)
axes.set(xlabel="epoch", ylabel="perplexity", ylim=(5.5, 16), xlim=(1, 16))
axes.legend(frameon=False, title="validation (training dotted), 3 seeds", title_fontsize=8, fontsize=8)
axes.spines[["top", "right"]].set_visible(False)
figure.tight_layout()
figure.savefig(out, metadata={"Date": None})
