"""Makes the automation that starts `pipeline/pipeline` when the data `prices` have landed.

python listen.py
"""

from __future__ import annotations

from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.events import EventTrigger
from prefect.events.actions import RunDeployment


def listen(deployment: str, data: str) -> None:
    """Create it; the moment in the event becomes the parameter `as_of`."""
    with get_client(sync_client=True) as client:
        found = client.read_deployment_by_name(deployment)
    as_of = {"__prefect_kind": "jinja", "template": "{{ event.payload.as_of }}"}
    Automation(
        name=f"retrain - {data} have landed",
        trigger=EventTrigger(
            expect={"data.landed"}, match={"prefect.resource.id": f"retrain.data.{data}"}
        ),
        actions=[
            RunDeployment(source="selected", deployment_id=found.id, parameters={"as_of": as_of})
        ],
    ).create()


if __name__ == "__main__":
    listen("pipeline/pipeline", "prices")
