"""The edge: drivers read devices, the gateway reports what is new and loses nothing of it."""
