"""`[[devices.maintenance]]` of a site: services of a device that people reach from afar, besides its protocol."""

from __future__ import annotations

from pydantic import Field, model_validator

from tieline.config.fields import Host, Name, Port, Strict


class MaintenanceSection(Strict):
    """One service of a device, for example the pages of its web server."""

    name: Name
    port: Port
    host: Host = Field(default="", description="the device's own where it is left out")
    description: str = ""


class Maintained(Strict):
    """A device with services of its own."""

    maintenance: tuple[MaintenanceSection, ...] = Field(
        default=(), description="services for remote access besides the device's protocol"
    )

    @model_validator(mode="after")
    def _services_have_names_of_their_own(self) -> Maintained:
        used = {str(getattr(self, "protocol", ""))}
        for service in self.maintenance:
            if service.name in used:
                raise ValueError(f"the service {service.name} is there twice, or named like the protocol; give each its own name")
            used.add(service.name)
            if not service.host and getattr(getattr(self, "connection", None), "transport", "tcp") not in {"tcp", "tls"}:
                raise ValueError(
                    f"the service {service.name} is nowhere: the device has no address that we dial; write host = ..."
                )
        return self
