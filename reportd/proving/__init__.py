"""Whether reports say what they should: tests that lie beside them, and files held against their own origin."""
