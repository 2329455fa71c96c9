"""The API, the live feed and the screens of the control center, served on one port."""

from tieline.web.app import create_app
from tieline.web.history import History
from tieline.web.server import listen, serve

__all__ = ["History", "create_app", "listen", "serve"]
