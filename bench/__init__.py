"""Measurements against peers, run by hand: `python3 dev.py bench NAME [--quick]`.

Each prints a table for people and, as its last line, one JSON object. Ratios hold between two runs on one machine;
absolute times hold nowhere else, so every result names its machine.
"""
