"""Finds at the site what is wrong with measurements, and says so in events."""
