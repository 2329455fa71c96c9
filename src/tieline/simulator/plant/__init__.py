"""The physics behind the simulated field: a network that is solved, loads, sun, storage, protection, heat, frequency."""

from tieline.simulator.plant.frequency import PowerSystem
from tieline.simulator.plant.plant import Plant

__all__ = ["Plant", "PowerSystem"]
