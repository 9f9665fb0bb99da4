"""Kills at random instants, again and again, and what came of them: `make test-long`."""

from __future__ import annotations

import os
import random
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.flows.nights import (
    CHECKPOINTS,
    MODELS,
    NAME,
    STEP,
    after,
    facts,
    kill,
    left_in,
    newest_in,
)
from training.artifacts import ArtifactStore
from training.registry import ModelRegistry
from training.run import run_ids

if TYPE_CHECKING:
    from pathlib import Path

    from tests.flows.nights import Nights, Undisturbed, Zygote

KILLS = int(os.environ.get("RETRAIN_KILLS", "500"))
SEED = int(os.environ.get("RETRAIN_SEED", "1"))


class Campaign:
    """Runs that are killed again and again at random instants, and what came of them."""

    def __init__(self, engine: Zygote, nights: Nights, folder: Path) -> None:
        self._engine, self._nights, self._folder = engine, nights, folder
        self._random = random.Random(SEED)  # noqa: S311 - the same kills again, not a secret
        self.found = dict.fromkeys(
            (
                "runs",
                "kills",
                "mismatches",
                "damaged newest checkpoints",
                "duplicate versions",
                "leftovers",
                "problems of verify",
                "attempts that failed",
            ),
            0,
        )
        self.steps = self.needed = 0

    def run(self) -> None:
        """One run, killed up to four times, then left alone until it is done."""
        model, checkpoints = self._random.choice([*MODELS]), self._random.choice([*CHECKPOINTS])
        night = self._nights(model, checkpoints)
        self.found["runs"] += 1
        storage = self._folder / f"run-{self.found['runs']}"
        for _ in range(self._random.randint(1, 4)):
            fault, seconds = self._instant(night)
            self._attempt(night, storage, fault, seconds)
        self._attempt(night, storage)
        self.needed += night.steps
        self._compare(night, storage)
        shutil.rmtree(storage)

    def _instant(self, night: Undisturbed) -> tuple[dict[str, Any] | None, float | None]:
        kind = self._random.choice(("operation", "step", "timer"))
        if kind == "timer":
            return None, self._random.uniform(0.0, night.seconds)
        if kind == "step":
            return after(STEP, self._random.randint(1, night.steps)), None
        return kill("operation", self._random.randint(1, night.operations)), None

    def _attempt(
        self,
        night: Undisturbed,
        storage: Path,
        fault: dict[str, Any] | None = None,
        seconds: float | None = None,
    ) -> None:
        ended = self._engine.train(night.config, storage, fault, seconds)
        self.steps += ended["steps"]
        if ended["signal"]:
            self.found["kills"] += 1
            self.found["damaged newest checkpoints"] += self._newest_is_damaged(storage)
        elif ended["error"] is not None:
            print(ended["error"])  # noqa: T201 - a campaign says what it found
            self.found["attempts that failed"] += 1

    def _newest_is_damaged(self, storage: Path) -> bool:
        """Whether a name is there that does not verify, or was set aside before."""
        store = ArtifactStore(storage)
        if any((storage / ".quarantine").glob("*")):
            return True
        if not run_ids(store):
            return False
        names = store.children(f"runs/{run_ids(store)[0]}/checkpoints")
        newest = newest_in(storage)
        return bool(names) and (newest is None or not newest.uri.endswith(names[-1]))

    def _compare(self, night: Undisturbed, storage: Path) -> None:
        found = facts(storage)
        if found != night.facts:
            differs = [part for part in found if found[part] != night.facts[part]]
            print(f"run {self.found['runs']} differs in {differs}")  # noqa: T201 - as above
            self.found["mismatches"] += 1
        store = ArtifactStore(storage)
        self.found["duplicate versions"] += len(ModelRegistry(store).numbers(NAME)) - 1
        self.found["problems of verify"] += len(store.verify().problems)
        store.sweep()
        self.found["leftovers"] += len(left_in(storage))

    def table(self) -> str:
        """What was found."""
        again = f"{self.steps / self.needed - 1:.1%}"
        lines = [*self.found.items(), ("share of work done again", again)]
        return "\n".join(f"{name:<28}{value:>8}" for name, value in lines)


@pytest.mark.long
def test_a_campaign_of_random_kills_finds_no_difference(
    engine: Zygote,
    undisturbed: Nights,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """RETRAIN_KILLS kills (500) at instants that RETRAIN_SEED (1) decides."""
    campaign = Campaign(engine, undisturbed, tmp_path)
    with capsys.disabled():
        while campaign.found["kills"] < KILLS:
            campaign.run()
        print(f"\n{campaign.table()}")  # noqa: T201 - as above
    assert not any(value for name, value in campaign.found.items() if name not in {"runs", "kills"})
