"""Benchmarks, each beside its floor in the same run: `python -m bench`. What they say is in docs/benchmarks.md."""
