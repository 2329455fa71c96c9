"""Bodies of the API's answers; OpenAPI is made from them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from tieline.model import PointKind
from tieline.scada import LinkState


class LinkBody(BaseModel):
    """A site's link."""

    state: LinkState
    since: str | None = Field(description="when the state began; null before the first heartbeat")
    heard: str | None = Field(description="when the newest heartbeat came")
    samples_per_s: float
    batches_per_s: float
    pending_samples: int
    spooled_batches: int


class CountsBody(BaseModel):
    """How many values of a site are worth what; a stale one counts as stale only, whatever its quality was."""

    good: int
    questionable: int
    invalid: int
    stale: int


class SiteBody(BaseModel):
    """A substation or plant."""

    name: str
    title: str
    kind: str
    latitude: float | None
    longitude: float | None
    devices: int
    devices_up: int
    points: int
    link: LinkBody
    values: CountsBody
    key_points: list[int] = Field(description="ids of the few points that say most of the site")
    has_single_line: bool = Field(description="whether its connectivity is described, so that a diagram can be drawn")


class TieBody(BaseModel):
    """Two sites that lines join."""

    sites: tuple[str, str]
    voltage_kv: float
    ways: int = Field(description="how many lines, or other ways over places that belong to no site")


class SitesBody(BaseModel):
    """All sites."""

    utility: str
    time_zone: str = Field(description="the utility's time zone, an IANA name")
    sites: list[SiteBody]
    roles: list[SiteBody] = Field(description="the center and the DMZ, which have points of their own only")
    ties: list[TieBody] = Field(description="which sites the lines of the electrical model join")
    local_site: str | None = Field(description="the site whose own screen this is; null at the center")


class DeviceBody(BaseModel):
    """A device; the counters are null until its site was heard."""

    site: str
    name: str
    protocol: str
    description: str
    points: int
    is_up: bool | None
    polls: int | None
    errors: int | None
    timeouts: int | None
    reconnects: int | None
    round_trip_ms: float | None


class DevicesBody(BaseModel):
    """Devices."""

    devices: list[DeviceBody]


class PointBody(BaseModel):
    """A point: what it is, not what it is worth."""

    id: int
    path: str
    site: str
    device: str
    name: str
    kind: PointKind
    unit: str
    description: str
    equipment: str
    quantity: str
    phase: str
    low: float | None
    high: float | None
    deadband: float
    max_silence_s: float
    decimals: int = Field(description="how many decimals are worth showing")
    is_straight: bool = Field(description="whether it went straight from one sample to the next; it held its value otherwise")


class PointsBody(BaseModel):
    """A page of points."""

    total: int
    offset: int
    points: list[PointBody]


class ValueBody(BaseModel):
    """The newest sample of a point."""

    id: int
    path: str
    unit: str
    value: float | None
    time: str | None = Field(description="null where nothing was ever heard")
    age_s: float | None = Field(description="how long ago the sample was taken, by the server's clock")
    quality: int
    quality_words: str
    is_stale: bool = Field(description="the site is not heard, or the sample is older than its longest silence allows")


class ValuesBody(BaseModel):
    """Newest samples."""

    time: str
    total: int
    offset: int
    values: list[ValueBody]


class SeriesBody(BaseModel):
    """One point's buckets in columns; buckets without samples are left out."""

    id: int
    path: str
    unit: str
    time: list[int] = Field(description="start of each bucket, microseconds since 1970-01-01 UTC")
    min: list[float | None]
    max: list[float | None]
    mean: list[float | None]
    last: list[float | None]
    count: list[int]
    severity: list[int] = Field(description="the worst quality in the bucket: 0 good, 1 questionable, 2 invalid")


class HistoryBody(BaseModel):
    """History of some points on one grid."""

    start: str
    end: str
    start_us: int
    end_us: int
    bucket_us: int
    series: list[SeriesBody]


class EventBody(BaseModel):
    """An event."""

    id: int
    time: str
    site: str
    device: str
    kind: str
    severity: str
    text: str


class EventsBody(BaseModel):
    """Events, newest first."""

    newest_id: int
    events: list[EventBody]
