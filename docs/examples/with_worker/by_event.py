"""Our pipeline by an event: their flow says that data have landed, and knows nothing of us.

    python by_event.py 2001-07-31

Whoever listens, and to what, is decided by an automation (`listen.py` makes one). The id follows
from what is said, so that a retry of this flow says nothing new. With this project installed
`prefect_retrain.data_landed("prices", as_of)` is the same.
"""

from __future__ import annotations

import sys
from uuid import NAMESPACE_URL, uuid5

from prefect import flow
from prefect.events import emit_event


@flow(name="their-etl-by-event")
def etl(as_of: str) -> None:
    """Load, then say so."""
    emit_event(
        "data.landed",
        resource={"prefect.resource.id": "retrain.data.prices", "prefect.resource.name": "prices"},
        payload={"as_of": as_of},
        id=uuid5(NAMESPACE_URL, f"retrain:data.landed/prices/{as_of}"),
    )


if __name__ == "__main__":
    etl(sys.argv[1])
