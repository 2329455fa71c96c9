"""The physics behind the simulated field: a network that is solved, loads, sun, storage, protection, heat."""

from tieline.simulator.plant.plant import Plant

__all__ = ["Plant"]
