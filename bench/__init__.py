"""Measurements, with the peers beside them: `python -m bench`."""
