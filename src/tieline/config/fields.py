"""Fields that several parts of a utility folder share."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_HOST_LABEL = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$")


class Strict(BaseModel):
    """What people type: unknown keys are mistakes, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _check_host(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        numeric = all(label.isdigit() for label in labels)
        if numeric or len(host) > 253 or not all(_HOST_LABEL.match(label) for label in labels):
            raise ValueError("is neither an IP address nor a host name; write for example 10.20.1.11 or rtu1.example") from None
    return host


Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?$")]
"""A name that is also a path, a subject and a column: lower-case letters, digits, `-` and `_`."""

Host = Annotated[str, AfterValidator(_check_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
PositiveSeconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
"""A time for which 0 means off."""

Role = Literal["viewer", "operator", "engineer", "installer", "security_administrator", "security_auditor", "rbac_administrator"]
"""A role of IEC 62351-8."""
