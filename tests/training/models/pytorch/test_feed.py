"""Batches picked for a device are those that NumPy picks, and late metrics are the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from training.data.lookback import LookBack
from training.metrics import MetricSums
from training.types import ModelSpec

if TYPE_CHECKING:
    from training.types import Array, TaskKind

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from training.models.pytorch.feed import Feed, Resident  # noqa: E402 - torch may not be there
from training.models.pytorch.measures import DeviceMetrics, measure  # noqa: E402

CPU = torch.device("cpu")
X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
Y = X.sum(axis=1)
ORDER = np.random.default_rng(1).permutation(46)


@pytest.mark.parametrize("window", [None, 5])
@pytest.mark.parametrize("kind", ["picked", "resident"])
@pytest.mark.parametrize("chosen", [slice(3, 11), ORDER[:7]], ids=["slice", "indices"])
def test_picked_rows_are_those_of_numpy(
    window: int | None, kind: str, chosen: slice | Array
) -> None:
    x, y = (LookBack.of(window, 1).windows(X) if window else X[4:]), Y[4:]
    feed = Feed(ModelSpec(3, window=window), CPU)
    pick: Any = Resident(x, y, CPU) if kind == "resident" else feed.picker(x, y)
    found = pick(chosen)
    assert np.array_equal(found.x.numpy(), x[chosen])
    assert np.array_equal(found.y.numpy(), y[chosen])
    assert feed.tensors(found) == found


def test_resident_windows_hold_each_row_once() -> None:
    x = LookBack(5, flat=False).windows(X)
    resident = Resident(x, Y[4:], CPU)
    assert resident._x.shape == (46, 5, 3)
    assert resident._x.untyped_storage().nbytes() == X.nbytes


@pytest.mark.parametrize(
    ("task", "shape"), [("regression", (7,)), ("regression", (7, 2)), ("binary", (7,)),
                        ("multiclass", (7, 3))],
)  # fmt: skip
def test_late_metrics_are_what_is_measured_at_once(task: TaskKind, shape: tuple[int, ...]) -> None:
    """On the CPU and on a device; batches of two sizes, read together or one by one."""
    random = torch.Generator().manual_seed(0)
    late, expected, sums = [], [], MetricSums()
    for size in (7, 7, 4):
        z = torch.randn((size, *shape[1:]), generator=random)
        y = torch.randint(0, 2, (size,), generator=random)
        y = y if task == "multiclass" else y.float()
        y = z * 0.5 if task == "regression" else y
        if task == "regression":
            second = float((z - y).abs().double().mean())
        else:
            said = z.argmax(1) if task == "multiclass" else (z > 0).float()
            second = float((said == y).double().mean())
        metrics = measure(z, z.mean(), y, None, task)
        name = "mae" if task == "regression" else "accuracy"
        assert metrics[name] == pytest.approx(second, rel=1e-6)
        expected.append(dict(metrics))
        late.append(metrics)
        sums.add(metrics, size)
    assert type(late[0]).read(late) == expected  # type: ignore[attr-defined] # late ones can
    total = sum(one["loss"] * size for one, size in zip(expected, (7, 7, 4), strict=True))
    assert sums.means()["loss"] == total / 18


def test_sums_of_late_metrics_do_not_depend_on_when_they_are_read() -> None:
    """A checkpoint in the middle of an epoch reads them earlier than its end would."""
    vectors = torch.randn((600, 2), generator=torch.Generator().manual_seed(0), dtype=torch.double)

    def total(stops: set[int]) -> dict[str, float]:
        sums = MetricSums()
        for number, vector in enumerate(vectors):
            sums.add(DeviceMetrics({"loss": vector[0], "mae": vector[1]}), 1 + number % 3)
            if number in stops:
                kept = sums.state_dict()
                sums = MetricSums()
                sums.load_state_dict(kept)
        return sums.means()

    assert total(set()) == total({0, 17, 300, 599})
