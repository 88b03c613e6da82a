"""Hypothesis without a stopwatch: on a busy machine a slow example is no failure. Nothing is kept between runs."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("reportd", deadline=None, database=None)
settings.load_profile("reportd")
