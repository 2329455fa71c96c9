"""The login: who asks, and what everybody has to pass who asks."""

from tieline.web.login.asking import identity
from tieline.web.login.install import install_login
from tieline.web.login.tls import ServerTls

__all__ = ["ServerTls", "identity", "install_login"]
