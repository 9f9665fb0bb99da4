"""Where parameters lie, and what they are at the start."""

from __future__ import annotations

import numpy as np

from training.models.layout import Layout


def test_views_cover_the_buffer_once_and_in_order() -> None:
    layout = Layout((3, 4, 2))
    flat = np.arange(float(layout.size))
    views = layout.views(flat)
    assert {name: view.shape for name, view in views.items()} == {
        "layer0.weight": (3, 4),
        "layer0.bias": (4,),
        "layer1.weight": (4, 2),
        "layer1.bias": (2,),
    }
    assert np.array_equal(np.concatenate([view.ravel() for view in views.values()]), flat)
    assert all(np.shares_memory(view, flat) for view in views.values())
    assert all(view.flags.c_contiguous for view in views.values())


def test_weights_before_a_relu_have_the_variance_of_he() -> None:
    layout = Layout((200, 300, 100))
    views = layout.views(layout.initial("relu", seed=1))
    assert np.isclose(views["layer0.weight"].var(), 2 / 200, rtol=0.02)
    assert views["layer0.weight"].max() > np.sqrt(6 / 200), "normal, not uniform"


def test_all_other_weights_fill_the_range_of_glorot() -> None:
    layout = Layout((200, 300, 100))
    for activation, name, limit in (
        ("tanh", "layer0.weight", np.sqrt(6 / 500)),
        ("tanh", "layer1.weight", np.sqrt(6 / 400)),
        ("relu", "layer1.weight", np.sqrt(6 / 400)),
    ):
        weight = layout.views(layout.initial(activation, seed=1))[name]  # type: ignore[arg-type] # a tuple of words
        assert 0.999 * limit < np.abs(weight).max() <= limit
        assert np.isclose(weight.var(), limit**2 / 3, rtol=0.02)


def test_biases_start_at_zero() -> None:
    layout = Layout((5, 4, 3))
    views = layout.views(layout.initial("relu", seed=1))
    assert not views["layer0.bias"].any()
    assert not views["layer1.bias"].any()


def test_the_draws_are_those_of_pcg64_in_float64() -> None:
    random = np.random.Generator(np.random.PCG64(7))
    expected = random.standard_normal((3, 2)) * np.sqrt(2 / 3)
    layout = Layout((3, 2, 1))
    views = layout.views(layout.initial("relu", seed=7))
    assert np.array_equal(views["layer0.weight"], expected)
    limit = np.sqrt(6 / 3)
    assert np.array_equal(views["layer1.weight"], random.uniform(-limit, limit, (2, 1)))
