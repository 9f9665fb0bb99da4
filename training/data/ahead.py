"""Batches of rows that lie on disk, read by threads while the model learns from those before."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from training.data.dataset import Pick
    from training.types import Array, Batch

ROWS = 4096
"""That a thread reads at a time: small batches share the cost of handing them over."""
AHEAD = 2
"""Such pieces that each thread may be ahead."""


def read_ahead(pick: Pick, chosen: Sequence[Array], readers: int) -> Iterator[Batch]:
    """The batches in their order, picked before they are asked for.

    What a thread raises is raised here, where its batch would have come. Whoever stops asking
    ends the threads with it.

    Args:
        pick: gives the batch of some rows; called by several threads at once.
        chosen: the rows of each batch.
        readers: threads.
    """
    each = max(1, ROWS // max(1, len(chosen[0]))) if chosen else 1
    groups = (chosen[at : at + each] for at in range(0, len(chosen), each))
    waiting: deque[Future[list[Batch]]] = deque()
    with ThreadPoolExecutor(readers, thread_name_prefix="reader") as pool:
        try:
            for group in groups:
                waiting.append(pool.submit(_picked, pick, group))
                if len(waiting) > AHEAD * readers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _picked(pick: Callable[[Array], Batch], group: Sequence[Array]) -> list[Batch]:
    return [pick(rows) for rows in group]
