"""Who is asking: what the rest of Tieline gets to know of a person who is logged in."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.config.fields import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person at one moment of a session, or of an API token; roles and areas are those of the utility folder."""

    person: str
    roles: frozenset[Role]
    """With an API token those that it was made for, as far as the person still has them."""
    areas: frozenset[str] | None
    """The sites in which the roles hold; None for all."""
    has_second_factor: bool
    """Whether a second factor was shown lately, or the folder asks for none: this person may control now, as far as that goes."""
    session: str
    """The name of the session or token; it is no secret, goes into the audit, and stays the same while the session lives."""
    address: str
    """From where, as far as the connection says."""
    is_token: bool = False
    """Whether an API token was shown, which is no session of a browser."""

    def has_role(self, role: Role, area: str | None = None) -> bool:
        """Whether the person has the role: in this area, or anywhere where none is named."""
        return role in self.roles and (area is None or self.areas is None or area in self.areas)
