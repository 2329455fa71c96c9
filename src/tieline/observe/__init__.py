"""How Tieline says what it does and how it is: structured logs, and samples of its own state."""

from tieline.observe.logs import configure_logs
from tieline.observe.process import LoopLag, ProcessState, Rate, disk_of, memory_mb
from tieline.observe.sampler import Sampler
from tieline.observe.serving import serve_metrics

__all__ = ["LoopLag", "ProcessState", "Rate", "Sampler", "configure_logs", "disk_of", "memory_mb", "serve_metrics"]
