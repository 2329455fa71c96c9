"""`/api/details`: what a faceplate says of a point besides its value, and of a device besides whether it answers."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from tieline.config import Device, Utility
from tieline.config.control import Rule, SetpointPlan
from tieline.config.programs import Program, ProgramStep
from tieline.model import Point, PointId
from tieline.security.identity.accounts import Identity
from tieline.web.api import ERRORS
from tieline.web.catalog import Catalog
from tieline.web.errors import not_found
from tieline.web.origins import device_address, value_address


class OriginBody(BaseModel):
    """Where the value comes from."""

    protocol: str
    device: str = Field(description="what the device is, in the words of the folder")
    address: str = Field(description="the value's place in the device; empty where it is of no device")


class LimitBody(BaseModel):
    """An alarm that the point can raise."""

    alarm: str
    text: str
    kind: str
    priority: int
    limit: float | None = Field(description="null where the alarm has none")


class WritingBody(BaseModel):
    """Who may operate the point, and what is asked for."""

    may_operate: bool = Field(description="whether whoever asks may, as far as roles go")
    why_not: str
    second_person: bool
    second_factor: bool
    low: float | None = Field(description="of the point and of [[control.setpoints]] the narrower one")
    high: float | None
    ramp_per_s: float | None = Field(description="the setpoint is led no faster than that; null: at once")
    step_s: float | None
    interlocks: list[str] = Field(description="what is asked of other points, in words")
    feedback: int | None = Field(description="the point that shows the effect")
    feedback_s: float | None


class DetailsBody(BaseModel):
    """What is known of a point."""

    id: int
    path: str
    origin: OriginBody
    beside: list[int] = Field(description="the points of the same piece of equipment, this one too")
    has_single_line: bool = Field(description="whether /api/sites/{site}/switching tells of the point's site")
    limits: list[LimitBody]
    writing: WritingBody | None = Field(description="null for a point that takes no commands")


class DeviceDetailsBody(BaseModel):
    """How a device is reached, and where its values stand in it."""

    address: str
    points: dict[int, str] = Field(description="by point id; empty where a value has no place in the device")


class ProgramStepBody(BaseModel):
    """A step of a switching program."""

    text: str
    point: int
    path: str
    value: float
    before: str | None = Field(description="the step is not executed unless this is TRUE")
    before_s: float
    after: str | None = Field(description="the step is done when this is TRUE")
    after_s: float
    inputs: list[int] = Field(description="the points in `before` and `after`")
    confirm: bool
    pause_s: float


class ProgramDetailsBody(BaseModel):
    """A switching program, whole."""

    name: str
    title: str
    description: str
    may_lead: bool = Field(description="whoever asks may operate every point of it: start, confirm, resume, abandon")
    why_not: str
    may_stop: bool
    steps: list[ProgramStepBody]


def details_router(catalog: Catalog) -> APIRouter:
    """All routes under `/api/details`."""
    router = APIRouter(prefix="/api/details", responses=ERRORS)
    details = Details(catalog.utility)

    @router.get("/points/{reference:path}", summary="What is known of a point: origin, limits, who may operate it")
    async def point_details(reference: str, request: Request) -> DetailsBody:
        who = getattr(request.state, "identity", None)
        return details.of_point(catalog.point(reference), who if isinstance(who, Identity) else None)

    @router.get("/devices/{site}/{device}", summary="How a device is reached, and the place of each of its values")
    async def device_details(site: str, device: str) -> DeviceDetailsBody:
        found = next((one for one in catalog.devices(site) if one.name == device), None)
        if found is None:
            raise not_found(f"device {device!r} at {site}")
        rows = zip(found.points, found.rows, strict=False)
        return DeviceDetailsBody(address=device_address(found), points={int(point.id): value_address(row) for point, row in rows})

    @router.get("/programs/{name}", summary="A switching program with its steps, and whether whoever asks may lead it")
    async def program_details(name: str, request: Request) -> ProgramDetailsBody:
        who = getattr(request.state, "identity", None)
        found = next((program for program in catalog.utility.programs if program.name == name), None)
        if found is None:
            raise not_found(f"program {name!r}")
        return details.of_program(found, who if isinstance(who, Identity) else None)

    return router


class Details:
    """What the folder says of points, found fast."""

    def __init__(self, utility: Utility) -> None:
        self._utility = utility
        self._devices: dict[PointId, Device] = {}
        self._addresses: dict[PointId, str] = {}
        for site in (*utility.sites, *utility.roles):
            for device in site.groups:
                self._devices |= {point.id: device for point in device.points}
                rows = zip(device.points, device.rows, strict=False)
                self._addresses |= {point.id: value_address(row) for point, row in rows}
        self._drawn = {site.name for site in utility.sites if site.single_line is not None}
        self._beside: dict[tuple[str, str], list[int]] = {}
        for point in utility.points:
            if point.equipment:
                self._beside.setdefault((point.site, point.equipment), []).append(int(point.id))
        self._limits: dict[PointId, list[LimitBody]] = {}
        for site in utility.sites:
            for plan in site.alarms:
                if plan.point is not None:
                    body = LimitBody(alarm=plan.id, text=plan.text, kind=plan.kind, priority=plan.priority, limit=plan.limit)
                    self._limits.setdefault(plan.point.id, []).append(body)
        self._feedbacks = {point: feedback for site in utility.sites for point, feedback in site.gate.feedbacks.items()}

    def of_point(self, point: Point, who: Identity | None) -> DetailsBody:
        """As `who` may operate it; None where nobody is logged in."""
        device = self._devices[point.id]
        return DetailsBody(
            id=point.id,
            path=point.path,
            origin=OriginBody(protocol=device.protocol, device=device.description, address=self._addresses.get(point.id, "")),
            beside=self._beside.get((point.site, point.equipment), [int(point.id)]) if point.equipment else [int(point.id)],
            has_single_line=point.site in self._drawn,
            limits=sorted(self._limits.get(point.id, []), key=lambda limit: -limit.limit if limit.limit is not None else 0.0),
            writing=self._writing(point, who) if point.kind.is_writable else None,
        )

    def of_program(self, program: Program, who: Identity | None) -> ProgramDetailsBody:
        """As `who` may lead it; None where nobody is logged in."""
        writings = [self._writing(step.point, who) for step in program.steps]
        return ProgramDetailsBody(
            name=program.name,
            title=program.title,
            description=program.description,
            may_lead=all(writing.may_operate for writing in writings),
            why_not=next((writing.why_not for writing in writings if not writing.may_operate), ""),
            may_stop=any(writing.may_operate for writing in writings),
            steps=[_step(step) for step in program.steps],
        )

    def _writing(self, point: Point, who: Identity | None) -> WritingBody:
        control = self._utility.control
        of_point = [rule for rule in control.rules if point.id in rule.points]
        held = frozenset(role for role in who.roles if who.has_role(role, point.site)) if who else frozenset()
        permitting = [rule for rule in of_point if held & rule.roles]
        asking = permitting or of_point
        plan = control.setpoints.get(point.id, SetpointPlan())
        feedback = self._feedbacks.get(point.id)
        return WritingBody(
            may_operate=bool(permitting),
            why_not="" if permitting else _why_not(point, who, of_point),
            second_person=any(rule.second_person for rule in asking),
            second_factor=any(rule.second_factor for rule in asking),
            low=max((limit for limit in (point.low, plan.low) if limit is not None), default=None),
            high=min((limit for limit in (point.high, plan.high) if limit is not None), default=None),
            ramp_per_s=plan.ramp_per_s,
            step_s=None if plan.ramp_per_s is None else plan.step_s,
            interlocks=[one.condition.text for one in control.interlocks if point.id in one.condition.points],
            feedback=None if feedback is None else int(feedback.point.id),
            feedback_s=None if feedback is None else feedback.within_s,
        )


def _why_not(point: Point, who: Identity | None, rules: Sequence[Rule]) -> str:
    if who is None:
        return "nobody logs in here, so nothing is operated"
    if who.areas is not None and point.site not in who.areas:
        return f"{who.person} has no authority at {point.site}"
    needed = sorted({role.replace("_", " ") for rule in rules for role in rule.roles})
    if not needed:
        return "no rule of the folder lets anybody operate it"
    roles = ", ".join(sorted(who.roles)).replace("_", " ") or "without a role"
    return f"only {' or '.join(needed)} may operate it; {who.person} is {roles}"


def _step(step: ProgramStep) -> ProgramStepBody:
    conditions = [condition for condition in (step.before, step.after) if condition is not None]
    return ProgramStepBody(
        text=step.text,
        point=int(step.point.id),
        path=step.point.path,
        value=step.value,
        before=None if step.before is None else step.before.expression,
        before_s=step.before_s,
        after=None if step.after is None else step.after.expression,
        after_s=step.after_s,
        inputs=list(dict.fromkeys(int(point.id) for condition in conditions for point in condition.inputs.values())),
        confirm=step.confirm,
        pause_s=step.pause_s,
    )
