"""Charts of rows, drawn without a browser: what a chart is (`chart.py`), its axes, and where each of its marks goes."""
