"""Condenses the per-image statistics of the real domain C test maps to groups.csv.

Use: python3 condense.py domain_C_intensity_stats.csv > groups.csv
Standard library only. Deviations are those of the sample (n - 1).
"""

import csv
import statistics
import sys

COLUMNS = ["mean", "std", "min", "max", "p5", "p95"]
GROUPS = ["good_cold", "fault_cold", "good_warm", "fault_warm"]

with open(sys.argv[1], newline="") as file:
    rows = list(csv.DictReader(file))

print("group,n,statistic,mean,deviation")
for group in GROUPS:
    members = [row for row in rows if row["full_condition"] == group]
    for column in COLUMNS:
        values = [float(row[column]) for row in members]
        print(f"{group},{len(values)},{column},{statistics.fmean(values):.6f},{statistics.stdev(values):.6f}")
