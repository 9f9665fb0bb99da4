"""Variables for runs of deployments, out of one Secret block: credentials, and what else differs.

The block `retrain-environment` holds an object of names and values, such as AWS_ACCESS_KEY_ID.
It is encrypted on the server and hidden in the UI; a run takes it into its environment, where
everything that reads credentials looks for them (fsspec, `${NAME}`, RETRAIN_REGISTRY), and where
`training.secrets` knows not to repeat them. What a worker's own environment has stands over it.
"""

from __future__ import annotations

import os
from typing import Any

from training.errors import ConfigError

BLOCK = "retrain-environment"


def take_environment() -> list[str]:
    """Take the block's variables into the environment, in a run of a deployment.

    Returns:
        The names that were set.

    Raises:
        ConfigError: the block holds something else than texts by name; no value is repeated.
    """
    from prefect.blocks.system import Secret
    from prefect.runtime import deployment

    if not deployment.id:
        return []
    try:
        block: Any = Secret.load(BLOCK, _sync=True)  # type: ignore[call-arg]  # Prefect's own switch
    except ValueError:  # there is none, and none is needed
        return []
    found = block.get()
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise ConfigError(
            f"the Secret block {BLOCK!r} holds no variables; expected an object of texts, such as "
            '{"AWS_ACCESS_KEY_ID": "…"}'
        )
    taken = {name: value for name, value in found.items() if name not in os.environ}
    os.environ.update(taken)
    return sorted(taken)
