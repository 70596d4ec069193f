"""Makes published-targets.json: the numbers that the tables of the four papers print, with the settings that each row gives.

The transcript that it reads was made from the papers by other means than the presets; the copy keeps the facts and leaves out
the remarks.

Run: python3 test/src/golden/published_targets.py targets.json > test/src/golden/published-targets.json
"""
import json
import sys

KEEP = ["id", "paper", "table", "dataset", "split", "metric", "value", "quoted", "model", "regularizer", "hyperparameters"]

with open(sys.argv[1], encoding="utf-8") as file:
    rows = [{key: row[key] for key in KEEP if key in row} for row in json.load(file)]
print("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")
