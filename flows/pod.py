"""One flow run in a container that may be pre-empted: what a pod of Kubernetes starts.

`prefect flow-run execute`, which a pod starts else, kills the run's process at once on SIGTERM when
that process has a handler of its own, as ours has to save a checkpoint; or, told to let it crash,
hands the signal on to nobody. This one hands SIGTERM to the run alone and waits until it has ended:
its state is then Crashed, and the shipped automation schedules it anew.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_LET_IT_CRASH = {"PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR": "crash"}


def main() -> int:
    """Execute the flow run that PREFECT__FLOW_RUN_ID names; the exit code of its process."""
    # A session of its own: a signal to our group would end who reports how the run ended.
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "flow-run", "execute"],
        env=os.environ | _LET_IT_CRASH,
        start_new_session=True,
    )

    def hand_on(number: int, _frame: FrameType | None) -> None:
        for child in _children(process.pid):
            with suppress(ProcessLookupError):
                os.kill(child, number)

    signal.signal(signal.SIGTERM, hand_on)
    return process.wait()


def _children(pid: int) -> list[int]:
    """Of a process, as Linux tells them: containers are Linux."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="ascii").split()]


if __name__ == "__main__":
    sys.exit(main())
