"""`tieline demo`: the example utility, simulated and run on this machine."""

from __future__ import annotations

from pathlib import Path

from tieline.cli.example import example_folder
from tieline.cli.run import READY_TIMEOUT_S, SCREEN_HOST, every_role, free_port, run_until_signal, screen_ports
from tieline.cli.state import held, prepare
from tieline.cli.supervisor import Child, Supervisor
from tieline.cli.web import WebOptions, ready_accounts
from tieline.config import Utility, read_folder
from tieline.config.field import FIELD_FILE
from tieline.observe import configure_logs


def run(data: Path, host: str, port: int | None) -> None:
    """Runs until Ctrl-C. Raises `TielineError` where the port, the data directory or a certificate is not as it must be."""
    utility = read_folder(example_folder())
    data = prepare(data)
    configure_logs("demo")
    web = WebOptions(host=host, port=utility.center.hmi_port if port is None else port or free_port(), is_password_only=True)
    with held(data):
        run_until_signal(_demo(utility, data, web))


async def _demo(utility: Utility, data: Path, web: WebOptions) -> None:
    screens = screen_ports(utility)
    roles = every_role(utility, data, web, screens, ["--simulated"])
    password = ready_accounts(utility, data)
    book = data / FIELD_FILE
    book.unlink(missing_ok=True)
    field = Child("field", ["simulate", str(utility.folder), "--data", str(data)], data / "logs" / "field.log")
    _say(f"Tieline demo of {utility.name}: {len(utility.sites)} sites, {len(list(utility.plant_points))} points; starting ...")

    async def field_listens() -> bool:
        return book.exists()

    async with Supervisor([field]) as devices:
        await devices.until(field_listens, timeout_s=READY_TIMEOUT_S)
        async with Supervisor(roles) as supervisor:
            await supervisor.until(web.answers, timeout_s=READY_TIMEOUT_S)
            _say(f"HMI:      {web.address}")
            for person in utility.people:
                _say(f"log in:   {person.name:<9} {password}  ({', '.join(person.roles)})")
            for name, screen_port in screens.items():
                _say(f"local:    http://{SCREEN_HOST}:{screen_port} (screen of {name}, without the center, looking only)")
            _say(f"history:  tieline query --data {data} 'FROM newest'")
            _say(f"data:     {data} (kept; logs are in {data / 'logs'})")
            _say("Ctrl-C stops everything.")
            await supervisor.forever()


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201
