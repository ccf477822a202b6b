"""Speed and memory as ratios within one run; `python -m benchmarks [NAME…]` writes RESULTS.md."""
