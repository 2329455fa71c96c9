"""Processes samples where they arise: steps in a chain, calculated points, and what goes up."""
