"""Trees and random generators, whose memory is not in attributes, as arrays and back.

Compiled code follows a tree's node numbers without looking, so they are checked before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.tree._tree import NODE_DTYPE, Tree

from training.errors import IntegrityError

if TYPE_CHECKING:
    from training.types import Array


def encode(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - any attribute
    """A tree, a predictor of histogram gradient boosting or a generator; None: something else."""
    if type(value) is Tree:
        return _encode_tree(value)
    if type(value) is TreePredictor:
        arrays = {name: array.copy() for name, array in vars(value).items() if name != "nodes"}
        return {"kind": "predictor", "nodes": _bytes(value.nodes), **arrays}
    if type(value) is np.random.RandomState:
        state = value.get_state(legacy=False)
        rest = [state["state"]["pos"], state["has_gauss"], state["gauss"]]
        return {"kind": "random_state", "key": state["state"]["key"].copy(), "rest": rest}
    if type(value) is np.random.Generator and type(value.bit_generator) is np.random.PCG64:
        return {"kind": "generator", "state": value.bit_generator.state}
    return None


def decode(value: dict[str, Any]) -> Any:  # noqa: ANN401 - one of the kinds above
    """What `encode` was given.

    Raises:
        IntegrityError: it did not make this, or a tree's nodes point outside of it.
    """
    kind = value.get("kind")
    try:
        if kind == "tree":
            return _decode_tree(value)
        if kind == "predictor":
            return _decode_predictor(value)
        if kind == "random_state":
            random = np.random.RandomState()
            random.set_state(("MT19937", value["key"], *value["rest"]))
            return random
        if kind == "generator":
            bits = np.random.PCG64()
            bits.state = value["state"]
            return np.random.Generator(bits)
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(f"a stored {kind} is damaged: {error}") from error
    raise IntegrityError(f"a stored estimator holds something of the unknown kind {kind!r}")


def _encode_tree(tree: Any) -> dict[str, Any]:  # noqa: ANN401 - compiled, without types
    state = tree.__getstate__()
    return {
        "kind": "tree",
        "inputs": int(tree.n_features),
        "classes": tree.n_classes.astype(np.int64),
        "max_depth": int(state["max_depth"]),
        "nodes": _bytes(state["nodes"]),
        "values": state["values"].copy(),
    }


def _decode_tree(value: dict[str, Any]) -> Any:  # noqa: ANN401 - compiled, without types
    nodes, classes = _records(value["nodes"], NODE_DTYPE), value["classes"].astype(np.intp)
    leaf = nodes["left_child"] == -1
    _check_children(nodes["left_child"], nodes["right_child"], leaf)
    _check_range("feature", nodes["feature"][~leaf], value["inputs"])
    tree = Tree(value["inputs"], classes, len(classes))
    state = {
        "max_depth": value["max_depth"],
        "node_count": len(nodes),
        "nodes": nodes,
        "values": np.array(value["values"]),
    }
    tree.__setstate__(state)
    return tree


def _decode_predictor(value: dict[str, Any]) -> Any:  # noqa: ANN401 - it has no types
    nodes = _records(value["nodes"], PREDICTOR_RECORD_DTYPE)
    leaf = nodes["is_leaf"] != 0
    _check_children(nodes["left"].astype(np.int64), nodes["right"].astype(np.int64), leaf)
    bitsets = {name: np.array(value[name]) for name in value if name.endswith("bitsets")}
    categorical = nodes["bitset_idx"][(nodes["is_categorical"] != 0) & ~leaf]
    for array in bitsets.values():
        _check_range("bit set", categorical, len(array))
    return TreePredictor(nodes, **bitsets)


def _bytes(nodes: Array) -> Array:
    """Records as bytes: their thresholds may be infinite, which no weight may be.

    What lies between two fields is left out, since nobody ever wrote it.
    """
    whole = np.zeros(nodes.shape, nodes.dtype)
    for name in nodes.dtype.names or ():
        whole[name] = nodes[name]
    return np.frombuffer(whole.tobytes(), np.uint8).copy()


def _records(data: Array, dtype: np.dtype[Any]) -> Array:
    return np.frombuffer(np.asarray(data, np.uint8).tobytes(), dtype).copy()


def _check_children(left: Array, right: Array, leaf: Array) -> None:
    """Children stand after their parent and within the tree: no step leads out or back."""
    own = np.arange(len(leaf))[~leaf]
    for children in (left[~leaf], right[~leaf]):
        if not ((children > own) & (children < len(leaf))).all():
            raise IntegrityError("a stored tree has a node whose child is not in the tree")


def _check_range(what: str, numbers: Array, count: int) -> None:
    if not ((numbers >= 0) & (numbers < count)).all():
        raise IntegrityError(f"a stored tree asks for a {what} that is not among its {count}")
