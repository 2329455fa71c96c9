"""The example's network has the weaknesses that its first lines name, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieline.config import Utility, read_folder
from tieline.config.network import Network
from tieline.config.snmp import SnmpDevice
from tieline.network.performance.known import known_of
from tieline.network.performance.network import performance_of
from tieline.network.performance.traffic import streams_of
from tieline.network.physical.network import budgets_of
from tieline.network.redundancy import prove_redundancy
from tieline.network.result import Verdict
from tieline.network.segmentation import prove_segmentation
from tieline.security.zones import plan_of

EXAMPLE = Path(__file__).parents[2] / "src/tieline/examples/ridgeway"


@pytest.fixture(scope="module")
def utility() -> Utility:
    return read_folder(EXAMPLE)


@pytest.fixture(scope="module")
def network(utility: Utility) -> Network:
    assert utility.network is not None
    return utility.network


def test_the_segmentation_of_the_example_is_proven(utility: Utility, network: Network) -> None:
    assert prove_segmentation(network, plan_of(utility)).is_proven


def test_single_points_of_failure_are_the_ones_on_purpose(network: Network) -> None:
    found = {(each.subject, each.failure) for each in prove_redundancy(network).findings}
    assert {(subject, str(failure)) for subject, failure in found} == {
        ("telemetry", "duct river-bridge"),
        ("northgate-bays", "node ng-acc"),
        ("northgate-bays", "node ng-rb"),
        ("northgate-prp", ""),
    }


def test_the_only_budget_that_fails_is_that_of_the_cameras(network: Network) -> None:
    results = budgets_of(network)
    assert {each.subject for each in results if each.verdict is Verdict.FAILS} == {"ng-cam-sw", "ng-cam-sw 7"}
    assert [each.subject for each in results if each.verdict is Verdict.UNKNOWN] == []


def test_every_service_keeps_its_delay(utility: Utility, network: Network) -> None:
    performance = performance_of(network, streams_of(network, known_of(utility, network)))
    assert not performance.unrouted
    assert [each.subject for each in performance.results() if each.verdict is Verdict.FAILS] == []


def test_an_attenuator_protects_the_receiver_of_a_strong_transmitter(network: Network) -> None:
    greatest = [each for each in budgets_of(network) if each.subject.startswith("wan-mb-sf") and each.what.startswith("greatest")]
    assert [round(each.value, 2) for each in greatest] == [-3.24, -3.24]


def test_every_device_and_host_of_the_example_is_in_its_network(utility: Utility, network: Network) -> None:
    devices = {device.path for site in utility.sites for device in site.devices if not isinstance(device, SnmpDevice)}
    assert network.node_of_device.keys() == devices | {host.name for host in utility.hosts}
