"""Automations out of files, made or brought up to date by their names, as often as one likes.

`prefect automation create` makes each of them once more whenever it is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import AutomationCore
from pydantic import ValidationError

from training.config.strict_yaml import parse_yaml
from training.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from prefect.client.orchestration import SyncPrefectClient

    Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Installed:
    """What became of one automation.

    Attributes:
        name: of it.
        status: `created`, `updated`, or `left out`.
        why: what is missing, where it is left out.
    """

    name: str
    status: str
    why: str = ""


def install(files: Iterable[Path]) -> list[Installed]:
    """Make what is not there, bring up to date what is; one that somebody paused stays so.

    Raises:
        ConfigError: a file is none of automations; nothing was changed.
    """
    wanted = [one for file in files for one in _read(file)]
    with get_client(sync_client=True) as client:
        blocks = _notification_blocks(client)
        return [_install(client, one, blocks) for one in wanted]


def installed_names() -> set[str]:
    """The names of all automations that are not paused."""
    with get_client(sync_client=True) as client:
        return {one["name"] for one in _all(client) if one["enabled"]}


def _read(file: Path) -> list[Plain]:
    found = parse_yaml(file).get("automations")
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ConfigError(f"{file}: expected a list under `automations`")
    for one in found:
        _checked(one | {"actions": [_with_block(action, {}) for action in one.get("actions", ())]},
                 file)  # fmt: skip
    return found


def _checked(automation: Plain, file: Path) -> None:
    try:
        AutomationCore.model_validate(automation)
    except ValidationError as error:
        name = automation.get("name", "one without a name")
        raise ConfigError(f"{file}: {name} is no automation: {error}") from None


def _install(client: SyncPrefectClient, wanted: Plain, blocks: dict[str, UUID]) -> Installed:
    name = str(wanted["name"])
    named = {one.get("block_document_id") for one in wanted["actions"]} - {None}
    missing = sorted(named - set(blocks))
    if missing:
        return Installed(
            name, "left out", f"there is no notification block {missing[0]!r}: make one in the UI"
        )
    actions = [_with_block(action, blocks) for action in wanted["actions"]]
    automation = AutomationCore.model_validate(wanted | {"actions": actions})
    there = _all(client, name)
    if not there:
        client.request("POST", "/automations/", json=automation.model_dump(mode="json"))
        return Installed(name, "created")
    body = automation.model_dump(mode="json", exclude={"owner_resource"})
    body["enabled"] = there[0]["enabled"]
    client.request("PUT", "/automations/{id}", path_params={"id": there[0]["id"]}, json=body)
    for double in there[1:]:
        client.request("DELETE", "/automations/{id}", path_params={"id": double["id"]})
    return Installed(name, "updated")


def _with_block(action: Plain, blocks: dict[str, UUID]) -> Plain:
    """An action whose block is named gets its id; a wrong name is found by who calls."""
    name = action.get("block_document_id")
    return action if name is None else action | {"block_document_id": blocks.get(name, UUID(int=0))}


def _notification_blocks(client: SyncPrefectClient) -> dict[str, UUID]:
    able = {"block_schemas": {"block_capabilities": {"all_": ["notify"]}}}
    answer = client.request("POST", "/block_documents/filter", json=able)
    return {one["name"]: UUID(one["id"]) for one in answer.json() if one["name"]}


def _all(client: SyncPrefectClient, name: str | None = None) -> list[Plain]:
    """All automations, or those of a name, the oldest first."""
    chosen = {} if name is None else {"automations": {"name": {"any_": [name]}}}
    found: list[Plain] = []
    while True:
        page = {"limit": 200, "offset": len(found), "sort": "CREATED_DESC"}
        more = client.request("POST", "/automations/filter", json=chosen | page).json()
        found += more
        if not more:
            return found[::-1]
