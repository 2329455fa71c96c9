"""Classes of traffic, and the services that use them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tieline.config.network.description import TRANSFER_MS, Node, QosClass, Service, Vlan
from tieline.config.network.draft import Draft


def resolve_classes(draft: Draft) -> tuple[QosClass, ...]:
    """The classes, each with priorities and a queue of its own."""
    taken_pcp: dict[int, str] = {}
    taken_queue: dict[int, str] = {}
    classes = []
    for number, section in enumerate(draft.file.classes):
        for pcp in section.pcp:
            if taken_pcp.setdefault(pcp, section.name) != section.name:
                draft.top.report_key(
                    draft.key("classes", number, "pcp"), f"class {taken_pcp[pcp]} has it", "give each its own", value=pcp
                )
        if taken_queue.setdefault(section.queue, section.name) != section.name:
            draft.top.report_key(
                draft.key("classes", number, "queue"),
                f"class {taken_queue[section.queue]} has it",
                "give each its own",
                value=section.queue,
            )
        classes.append(QosClass(name=section.name, pcp=tuple(section.pcp), queue=section.queue, weight=section.weight))
    return tuple(classes)


def resolve_services(
    draft: Draft, nodes: Mapping[str, Node], vlans: Sequence[Vlan], classes: Sequence[QosClass]
) -> tuple[Service, ...]:
    """Those of network.toml, each with the delay that it may have."""
    by_class = {each.name: each for each in classes}
    ids: Collection[int] = {vlan.id for vlan in vlans}
    written = {row.name for _, row in draft.nodes}
    services = []
    for number, section in enumerate(draft.file.services):
        for column, names in (("from", section.sources), ("to", section.targets)):
            for name in names:
                if name not in written:
                    draft.is_known_key(draft.key("services", number, column), name, nodes, "node", "nodes")
        if section.vlan is not None and section.vlan not in ids and "vlans" not in draft.partial:
            draft.top.report_key(
                draft.key("services", number, "vlan"), "there is no such VLAN", "add [[vlans]], or correct it", value=section.vlan
            )
        if section.qos is not None:
            draft.is_known_key(draft.key("services", number, "qos"), section.qos, by_class, "class of traffic", "classes")
        both = sorted({*section.sources} & {*section.targets})
        if both and len({*section.sources, *section.targets}) == 1:
            draft.top.report_key(
                draft.key("services", number, "to"), "the service ends where it begins", "name another node", value=both[0]
            )
        delay = section.max_delay_ms if section.transfer_class is None else TRANSFER_MS[section.transfer_class]
        services.append(
            Service(
                name=section.name,
                kind=section.kind,
                sources=tuple(section.sources),
                targets=tuple(section.targets),
                vlan=section.vlan,
                qos=None if section.qos is None else by_class.get(section.qos),
                transfer_class=section.transfer_class,
                max_delay_ms=delay,
                redundancy=section.redundancy,
                max_outage_ms=section.max_outage_ms,
                frame_octets=section.frame_octets,
                frames_per_s=section.frames_per_s,
                burst_frames=section.burst_frames,
                rate_kbps=section.rate_kbps,
                svid_octets=section.svid_octets,
                description=section.description,
            )
        )
    return tuple(services)
