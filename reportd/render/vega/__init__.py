"""Charts in Vega-Lite: described in a report's `*.vl.json`, drawn as SVG by a process of their own."""
