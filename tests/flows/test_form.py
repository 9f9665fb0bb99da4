"""The form of the UI: what Prefect publishes of it, what comes of it, what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import pytest
from pydantic import TypeAdapter

from flows.form import At, DataForm, FormSection, ModelForm, RetrainingForm, TrainingForm
from training.artifacts import ArtifactStore
from training.config import ModelConfig, RunConfig
from training.config.choice import CUSTOM, kinds
from training.config.load import load_config, nested, parse_config
from training.config.sources import Source
from training.config.training import Optimizer
from training.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Ask = Callable[..., RunConfig]

SECTIONS = (DataForm, ModelForm, TrainingForm, RetrainingForm)
SMALL = {
    "name": "small",
    "data": {"source": {"type": "sample", "end": "2003-01-01"}, "target": {"type": "direction"}},
    "model": {"type": "mlp", "hidden": [8]},
    "training": {"epochs": 2, "batch_size": 32, "optimizer": {"type": "sgd", "momentum": 0.5}},
}


@pytest.fixture
def ask(server: str) -> Ask:
    """The configuration that a flow would train, called as a form calls it: with plain JSON."""
    from flows.asked import Settings

    def asked(**given: Any) -> RunConfig:  # noqa: ANN401 - fields of the form
        sections: dict[str, type[FormSection]] = {
            "data": DataForm,
            "model": ModelForm,
            "training": TrainingForm,
            "retraining": RetrainingForm,
        }
        filled = [kind.model_validate(given.pop(key, {})) for key, kind in sections.items()]
        return Settings(**given).over(*filled)

    return asked


def _schemas(server: str) -> Iterator[tuple[str, dict[str, Any]]]:
    from prefect.utilities.callables import parameter_schema

    from flows.retrain import retrain
    from flows.score import score
    from flows.train import train

    for flow in (train, retrain, score):
        yield flow.name, parameter_schema(flow).model_dump()


def _fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field that a person sees, those of sections too."""
    for name, field in schema["properties"].items():
        if "$ref" in field:
            section = schema["definitions"][field["$ref"].rpartition("/")[2]]
            assert section["type"] == "object"
            yield from ((f"{name}.{key}", one) for key, one in section["properties"].items())
        else:
            yield name, field


def test_every_field_has_a_plain_input_and_says_what_it_is(server: str) -> None:
    """No union, no free object, nothing of any type: those come out as boxes for JSON."""
    for flow, schema in _schemas(server):
        for name, field in _fields(schema):
            kind, where = field.get("type"), f"{flow}: {name}"
            assert kind in {"string", "integer", "number", "boolean", "array"}, where
            assert kind != "array" or field["items"]["type"] in {"string", "integer"}, where
            assert field["description"], where
            assert "`" not in field["description"], where  # one of the UIs would show them
            assert "config" not in schema["properties"], where
            assert field.get("default", "") is not None, where  # filled in, it would be refused


def test_train_and_retrain_share_their_sections(server: str) -> None:
    """One definition of what is trained."""
    (_, train), (_, retrain), _ = _schemas(server)
    for name in ("data", "model", "training"):
        assert train["properties"][name]["$ref"] == retrain["properties"][name]["$ref"]


def test_choices_are_the_kinds_that_a_configuration_knows() -> None:
    """A model that is added to the union is a choice of the form without anybody's doing."""
    for section, name, union in (
        (ModelForm, "type", ModelConfig),
        (DataForm, "source", Source),
        (TrainingForm, "optimizer", Optimizer),
    ):
        schema = section.model_json_schema()["properties"][name]
        members = [meta.tag for one in get_args(get_args(union)[0]) for meta in get_args(one)[1:]]
        missing = {CUSTOM, "dataframe"}
        assert schema["enum"] == [tag for tag in members if tag not in missing]
        assert set(kinds(union)) == {*members} - {CUSTOM}


def test_limits_are_those_of_the_configuration() -> None:
    """What the form refuses is what the configuration refuses, number by number."""
    tried = (-1, 0, 0.5, 1, 1.5, 2**63 - 1, 2**63)
    known = RunConfig().model_dump(mode="json")
    for section in SECTIONS:
        for name, field in section.model_fields.items():
            schema = section.model_json_schema()["properties"][name]
            if schema["type"] not in {"integer", "number"} or name == "window":
                continue
            assert isinstance(field.json_schema_extra, At)
            for value in tried:
                by_form = _accepts(section, {name: value})
                tree = _put(known, field.json_schema_extra.path, value)
                assert by_form == _accepts(RunConfig, tree), (name, value)


def _accepts(kind: type[Any], tree: dict[str, Any]) -> bool:
    try:
        TypeAdapter(kind).validate_python(tree)
    except ValueError:
        return False
    return True


def _put(known: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    from training.config.load import merge

    return merge(known, nested(path, value))


def test_by_form_by_file_and_by_program_it_is_the_same_run(ask: Ask, tmp_path: Path) -> None:
    """The identity of a run follows from what it comes to."""
    (tmp_path / "small.yaml").write_text(str(SMALL))  # JSON's shape is YAML
    form = {
        "name": "small",
        "data": {"source": "sample", "end": "2003-01-01", "target": "direction"},
        "model": {"type": "mlp", "hidden": [8]},
        "training": {"epochs": 2, "batch_size": 32, "optimizer": "sgd"},
        "overrides": ("training.optimizer.momentum=0.5",),
    }
    file = str(tmp_path / "small.yaml")
    asked = [
        parse_config(SMALL),
        load_config(file),
        ask(**form),
        ask(config_file=file),
        ask(config=SMALL),
        ask(config=parse_config(SMALL)),
        ask(config_file=file, training={"epochs": 9}, overrides=("training.epochs=2",)),
    ]
    assert len({json.dumps(config.identity()) for config in asked}) == 1
    assert all(config == asked[0] for config in asked)


def test_a_field_that_is_filled_in_stands_over_the_file(ask: Ask, tmp_path: Path) -> None:
    """And an empty one changes nothing, whatever the default is."""
    (tmp_path / "c.yaml").write_text("training: {epochs: 50, batch_size: 8}\nmodel: {type: linear}")
    config = ask(config_file=str(tmp_path / "c.yaml"), training={"epochs": 20, "seed": None})
    assert (config.training.epochs, config.training.batch_size) == (20, 8)
    assert config.model.type == "linear"
    # A section whose type changes is replaced whole, also when the type comes last in the form.
    config = ask(config=SMALL, training={"learning_rate": 0.1, "optimizer": "adam"})
    assert config.training.optimizer.model_dump() == {
        "type": "adam", "learning_rate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8,
        "weight_decay": 0.0, "decoupled": False,
    }  # fmt: skip


def test_a_configuration_in_the_storage_is_read_and_must_be_trusted(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who can write to the storage does not choose what is imported, or which secret is used."""
    storage = tmp_path / "storage"
    (storage / "configs").mkdir(parents=True)
    (storage / "configs" / "c.yaml").write_text("training: {epochs: 7}")
    found = ask(config_file="configs/c.yaml", storage=str(storage))
    assert found.training.epochs == 7
    assert not ArtifactStore(storage).verify().problems  # it is not ours to check
    for line in ("callbacks: [{type: 'evil:Class'}]", "data: {source: {type: 'os:system'}}",
                 "model: {type: sklearn, estimator: 'evil:Class'}"):  # fmt: skip
        (storage / "configs" / "c.yaml").write_text(line)
        with pytest.raises(ConfigError, match="comes from a stored file and its module is not"):
            ask(config_file="configs/c.yaml", storage=str(storage))
    (storage / "configs" / "c.yaml").write_text("callbacks: [{type: 'evil:Class'}]")
    monkeypatch.setenv("RETRAIN_TRUSTED_MODULES", "evil")
    assert ask(config_file="configs/c.yaml", storage=str(storage)).callbacks[0].type == "evil:Class"
    with pytest.raises(ConfigError, match=r"nothing\.yaml: there is no such file"):
        ask(config_file="configs/nothing.yaml", storage=str(storage))


def test_wrong_values_are_said_in_the_shells_words(ask: Ask) -> None:
    """The key, the value, what was expected, the nearest right spelling."""
    for given, words in (
        ({"overrides": ("training.epoch=3",)}, "did you mean 'epochs'"),
        ({"model": {"type": "linear", "hidden": [8]}}, "the form: model.hidden = [8]: unknown key"),
        ({"data": {"source": "csv"}}, "the form: data.source.path: is missing"),
        ({"config": {}, "config_file": "c.yaml"}, "give one of config and config_file"),
        ({"overrides": ("epochs",)}, "expected path.to.key=value"),
    ):
        with pytest.raises(ConfigError, match=words.replace("[", r"\[").replace(".", r"\.")):
            ask(**given)


def test_sections_refuse_what_they_do_not_know() -> None:
    """A slip in a deployment's parameters is no field that is silently left out."""
    for section in SECTIONS:
        assert issubclass(section, FormSection)
        assert not _accepts(section, {"epoch": 3})
