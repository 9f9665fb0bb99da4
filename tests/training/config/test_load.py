"""Reading a configuration: what is accepted, and what is said of what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from training.config import AdamConfig, RunConfig, SgdConfig
from training.config.load import load_config, merge, parse_config
from training.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

# What is in the file, and words that the one line about it must have: the key, the value, what was
# expected or the nearest right spelling.
BROKEN = {
    "misspelt key": ("training: {epoch: 3}", ["training.epoch = 3", "did you mean 'epochs'?"]),
    "misspelt section": ("trainin: {epochs: 3}", ["trainin", "did you mean 'training'?"]),
    "misspelt in a choice": (
        "training: {optimizer: {type: sgd, momentm: 0.9}}",
        ["training.optimizer.momentm = 0.9", "did you mean 'momentum'?"],
    ),
    "misspelt in a list": (
        "data: {features: [{type: rsi, windw: 3}]}",
        ["data.features.0.windw = 3", "did you mean 'window'?"],
    ),
    "unknown model": ("model: {type: mpl}", ["model.type = 'mpl'", "did you mean 'mlp'?"]),
    "unknown callback": (
        "callbacks: [{type: early_stoping}]",
        ["callbacks.0.type = 'early_stoping'", "did you mean 'early_stopping'?"],
    ),
    "text for a number": ("training: {epochs: many}", ["training.epochs = 'many'", "integer"]),
    "truth for a number": ("training: {epochs: true}", ["training.epochs = True", "integer"]),
    "negative": ("training: {batch_size: -1}", ["training.batch_size = -1", "greater than"]),
    "share above one": (
        "data: {split: {validation: 1.5}}",
        ["data.split.validation = 1.5", "less than 1"],
    ),
    "missing path": ("data: {source: {type: csv}}", ["data.source.path", "is missing"]),
    "not finite": ("training: {clip_norm: .inf}", ["training.clip_norm = inf", "finite"]),
    "bad name": ("name: ../secret", ["name = '../secret'", "pattern"]),
    "no mapping": ("- 1", ["holds a list", "expected a mapping"]),
    "no YAML": ("a: [", ["line 1"]),
    "key twice": ("name: a\nname: b", ["line 2", "'name' stands twice"]),
    "alias": ("name: &a b\nmodel: *a", ["line 2", "aliases"]),
    "tag": ("name: !!python/object/apply:os.system [ls]", ["line 1", "tag"]),
    "number as key": ("1: 2", ["line 1", "the key 1 is not text"]),
    "unset variable": ("name: ${RETRAIN_NOT_SET}", ["name", "RETRAIN_NOT_SET", "default"]),
    "extends a list": ("extends: [a, b]", ["extends", "one YAML file"]),
    "extends nothing": ("extends: other.yaml", ["other.yaml", "no such file"]),
    "best without a metric": ("checkpoints: {register: best}", ["checkpoints", "save_best"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_wrong_input_is_one_line_with_key_value_and_way_out(case: str, tmp_path: Path) -> None:
    text, words = BROKEN[case]
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    message = str(caught.value)
    assert message.startswith(str(tmp_path))
    assert len(message.splitlines()) == 1
    for word in words:
        assert word in message


def test_all_findings_are_reported_at_once(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("training: {epoch: 3}\nmodel: {type: mpl}\nname: ''")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert len(str(caught.value).splitlines()) == 3


def test_a_missing_file_is_named_with_the_nearest_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "quickstart.yaml").write_text("name: a")
    with pytest.raises(ConfigError, match=r"no such file; did you mean .*quickstart\.yaml"):
        load_config(tmp_path / "quickstrat.yaml")


def test_a_huge_file_is_refused_without_being_parsed(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: " + "x" * 2_000_000)
    with pytest.raises(ConfigError, match="larger than"):
        load_config(path)


def test_extends_is_read_first_and_overridden_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("name: base\ntraining: {epochs: 3, batch_size: 8}")
    (tmp_path / "over.yaml").write_text("extends: base.yaml\ntraining: {epochs: 4}")
    config = load_config(tmp_path / "over.yaml", ["training.batch_size=16"])
    assert (config.name, config.training.epochs, config.training.batch_size) == ("base", 4, 16)


def test_extends_in_a_circle_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extends: b.yaml")
    (tmp_path / "b.yaml").write_text("extends: a.yaml")
    with pytest.raises(ConfigError, match="circle"):
        load_config(tmp_path / "a.yaml")


def test_a_section_whose_type_changes_is_replaced_whole() -> None:
    """`momentum` of the old optimizer would be an unknown key of the new one."""
    base = {"training": {"optimizer": {"type": "sgd", "momentum": 0.9}, "epochs": 3}}
    over = {"training": {"optimizer": {"type": "adam"}}}
    assert merge(base, over) == {"training": {"optimizer": {"type": "adam"}, "epochs": 3}}
    assert isinstance(parse_config(merge(base, over)).training.optimizer, AdamConfig)
    assert isinstance(parse_config(base).training.optimizer, SgdConfig)


def test_set_reaches_into_lists_and_makes_sections(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("callbacks: [{type: early_stopping, patience: 5}]")
    config = load_config(
        path, ["callbacks.0.patience=2", "training.optimizer.learning_rate=0.5", "model.hidden=[8]"]
    )
    assert config.callbacks[0].model_dump()["patience"] == 2
    assert config.training.optimizer.learning_rate == 0.5
    assert config.model.model_dump()["hidden"] == (8,)


@pytest.mark.parametrize("override", ["training.epochs", "=3", "callbacks.3.patience=1"])
def test_a_broken_override_is_an_error(override: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("callbacks: [{type: early_stopping}]")
    with pytest.raises(ConfigError, match="--set"):
        load_config(path, [override])


def test_variables_come_from_the_environment_or_their_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("name: model-${STAGE:dev}\ntraining: {epochs: '${EPOCHS:7}'}")
    assert load_config(path).name == "model-dev"
    assert load_config(path).training.epochs == 7
    monkeypatch.setenv("STAGE", "prod")
    monkeypatch.setenv("EPOCHS", "9")
    assert load_config(path).name == "model-prod"
    assert load_config(path).training.epochs == 9


def test_what_cannot_change_the_result_is_no_part_of_the_identity() -> None:
    plain = RunConfig()
    other = parse_config(
        {
            "execution": {"retries": 9, "epochs_per_task": 5},
            "checkpoints": {"every_n_epochs": 3, "keep": []},
            "callbacks": [{"type": "logging", "every_n_epochs": 2}],
            "data": {"source": {"type": "csv", "path": "x.csv"}, "check_rows": 1},
        }
    )
    assert plain.identity() == other.identity()


@pytest.mark.parametrize(
    "change",
    [
        {"training": {"epochs": 21}},
        {"training": {"seed": 1}},
        {"training": {"optimizer": {"type": "adam", "learning_rate": 0.1}}},
        {"model": {"type": "mlp", "hidden": [8]}},
        {"model": {"type": "a:B", "x": 1}},
        {"data": {"dtype": "float64"}},
        {"callbacks": [{"type": "early_stopping"}]},
        {"evaluation": {"backtest": {"cost_bps": 1}}},
    ],
)
def test_what_can_change_the_result_is_part_of_the_identity(change: dict[str, object]) -> None:
    assert parse_config(change).identity() != RunConfig().identity()


def test_a_resolved_configuration_reads_back_as_itself() -> None:
    config = parse_config({"checkpoints": {"register": "all"}, "model": {"type": "a:B", "x": 1}})
    assert parse_config(config.model_dump(mode="json", by_alias=True)) == config
