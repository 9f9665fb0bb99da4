"""The form of the UI: what a person fills in to train or to retrain, in sections.

Both user interfaces of Prefect show a section of plain fields as a group, a Literal as a choice and
limits as such; of a union of sections the older one makes a box for JSON. So the fields are flat,
and each says where in a configuration it goes. An empty field changes nothing there: what the form
shows is what is trained, whatever the configuration file says; hence no field has a default here.
Limits are those of the configuration, choices are the kinds that it knows.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer
from pydantic.json_schema import SkipJsonSchema

from training.config.base import (
    Count,
    NotNegative,
    Positive,
    PositiveFloat,
    Section,
    Share,
)
from training.config.choice import kinds
from training.config.docs import descriptions
from training.config.estimators import SklearnConfig
from training.config.model import MlpConfig, ModelConfig
from training.config.networks import MlpNetwork, Network, TorchConfig
from training.config.promotion import PromotionConfig
from training.config.retraining import RetrainingConfig
from training.config.root import NAME_PATTERN
from training.config.sources import (
    CsvSource,
    SampleSource,
    Source,
    SqlSource,
    YfinanceSource,
)
from training.config.splits import SplitConfig
from training.config.targets import DirectionTarget, Target
from training.config.training import (
    AdamConfig,
    ConstantSchedule,
    Optimizer,
    Schedule,
    Seed,
    TrainingConfig,
)

if TYPE_CHECKING:
    SourceKind = str
    TargetKind = str
    ModelKind = str
    NetworkKind = str
    OptimizerKind = str
    ScheduleKind = str
else:
    SourceKind = Literal[*(kind for kind in kinds(Source) if kind != "dataframe")]
    """Not `dataframe`: Python code hands that over, which a form cannot."""
    TargetKind = Literal[kinds(Target)]
    ModelKind = Literal[kinds(ModelConfig)]
    NetworkKind = Literal[kinds(Network)]
    OptimizerKind = Literal[kinds(Optimizer)]
    ScheduleKind = Literal[kinds(Schedule)]

Empty = SkipJsonSchema[None]
"""A field that may be left empty, without a second tab for null in the UI."""
Text = str | Empty
"""A text that Python code may leave out as None."""
Names = tuple[str, ...]
Overrides = tuple[str, ...]
ModelName = Annotated[str, Field(pattern=f"^$|{NAME_PATTERN}")]
Hidden = SkipJsonSchema[Any]
"""A parameter for programs, that the form does not show."""


class At:
    """Where in a configuration a field goes; a pydantic `json_schema_extra`."""

    def __init__(self, path: str) -> None:
        """Keep it."""
        self.path = path

    def __call__(self, schema: dict[str, Any]) -> None:
        """Take away `default: null`, which the UI would fill in and the server refuse."""
        schema.pop("default", None)


def _field(path: str, like: type[Section], text: str = "") -> Any:  # noqa: ANN401 - as pydantic's Field
    """A field that goes to `path`, as the last part of it is in a section.

    Args:
        path: in a configuration.
        like: the section, for what is said of the field there and its default.
        text: said of it instead.
    """
    name = path.rpartition(".")[2]
    known = like.model_fields[name]
    told = known.description or descriptions(like).get(name, "")
    said = (text or told).replace("`", "")  # the newer UI shows them as they are
    default = known.get_default()
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    unset = known.is_required() or default is None or default == ()
    described = said if unset else f"{said} If empty: as in the configuration file, else {shown}."
    return Field(default=None, description=described, json_schema_extra=At(path))


def _title(name: str) -> str:
    return "URL" if name == "url" else name.replace("_", " ").capitalize()


class FormSection(Section):
    """A group of fields, each of which may be left empty."""

    model_config = ConfigDict(field_title_generator=lambda name, _: _title(name))

    def given(self) -> dict[str, Any]:
        """What was filled in, by its path in a configuration, as plain values."""
        filled, fields = self.model_dump(mode="json"), type(self).model_fields
        places = {name: field.json_schema_extra for name, field in fields.items()}
        return {at.path: filled[name] for name, at in places.items()
                if isinstance(at, At) and name in filled}  # fmt: skip

    @model_serializer(mode="wrap")
    def _only_what_was_filled_in(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value not in (None, "", [])}


class DataForm(FormSection):
    """Where the rows come from, what is to be learnt of them, how many are held out."""

    source: SourceKind | Empty = _field(
        "data.source.type",
        SampleSource,
        "Where the rows come from. It says which of the next fields count.",
    )
    sample: Literal["sp500", "nasdaq"] | Empty = _field(
        "data.source.name",
        SampleSource,
        "For sample: real daily prices, 1999 to 2018; nothing is downloaded.",
    )
    path: str | Empty = _field(
        "data.source.path",
        CsvSource,
        "For csv and parquet: a file, a folder or a glob where the run is; any fsspec URL.",
    )
    url: str | Empty = _field(
        "data.source.url",
        SqlSource,
        "For sql, such as postgresql+psycopg://host/database, and of http; no password in it.",
    )
    query: str | Empty = _field("data.source.query", SqlSource, "For sql: one SELECT.")
    symbol: str | Empty = _field(
        "data.source.symbol", YfinanceSource, "For yfinance: ^GSPC, AAPL, EURUSD=X."
    )
    start: dt.date | Empty = _field(
        "data.source.start", SampleSource, "The first day that is read."
    )
    end: dt.date | Empty = _field("data.source.end", SampleSource, "The last day that is read.")
    target: TargetKind | Empty = _field(
        "data.target.type",
        DirectionTarget,
        "What is learnt: whether the price rises (direction), by how much (return), and so on.",
    )
    horizon: Positive | Empty = _field(
        "data.target.horizon", DirectionTarget, "How many bars ahead the target looks."
    )
    validation: Share | Empty = _field(
        "data.split.validation", SplitConfig, "Share of the rows that say which epoch is best."
    )
    test: Share | Empty = _field(
        "data.split.test", SplitConfig, "Share of the rows, the latest, that judge the model."
    )


class ModelForm(FormSection):
    """What is trained. What a type takes besides goes into overrides."""

    type: ModelKind | Empty = _field(
        "model.type",
        MlpConfig,
        "The kind of model; sklearn and torch need their package where the run is.",
    )
    hidden: list[Positive] | Empty = _field(
        "model.hidden", MlpConfig, "For mlp: units of each hidden layer."
    )
    activation: Literal["relu", "tanh"] | Empty = _field(
        "model.activation", MlpConfig, "For mlp: between the layers."
    )
    network: NetworkKind | Empty = _field(
        "model.network.type", MlpNetwork, "For torch: the kind of network."
    )
    window: Positive | Empty = _field(
        "model.window", TorchConfig, "For torch: how many rows the network sees at once."
    )
    estimator: str | Empty = _field(
        "model.estimator", SklearnConfig, "For sklearn: a class, such as SGDClassifier."
    )


class TrainingForm(FormSection):
    """How long, in what steps, and by which rule."""

    epochs: Count | Empty = _field("training.epochs", TrainingConfig)
    batch_size: Positive | Empty = _field("training.batch_size", TrainingConfig)
    seed: Seed | Empty = _field("training.seed", TrainingConfig)
    optimizer: OptimizerKind | Empty = _field(
        "training.optimizer.type", AdamConfig, "The rule that changes the weights."
    )
    learning_rate: PositiveFloat | Empty = _field(
        "training.optimizer.learning_rate", AdamConfig, "How far a step goes."
    )
    weight_decay: NotNegative | Empty = _field(
        "training.optimizer.weight_decay", AdamConfig, "Pulls the weights towards zero."
    )
    schedule: ScheduleKind | Empty = _field(
        "training.schedule.type", ConstantSchedule, "How the learning rate changes."
    )
    clip_norm: PositiveFloat | Empty = _field("training.clip_norm", TrainingConfig)


class RetrainingForm(FormSection):
    """Which rows a retraining takes, from what it starts, who becomes champion first."""

    window_days: Positive | Empty = _field(
        "retraining.window_days",
        RetrainingConfig,
        "Only the rows of the last so many days. If empty: as in the configuration file, else all.",
    )
    max_age_days: PositiveFloat | Empty = _field(
        "retraining.max_age_days",
        RetrainingConfig,
        "Refuse data whose newest row is older. If empty: as in the file, else never.",
    )
    start: Literal["fresh", "champion"] | Empty = _field("retraining.start", RetrainingConfig)
    seeds: Positive | Empty = _field(
        "retraining.seeds", RetrainingConfig, "Models that are trained; the best is the challenger."
    )
    first: Literal["rules", "promote", "approval"] | Empty = _field(
        "promotion.first",
        PromotionConfig,
        "The first model ever: the rules decide, it is promoted, or a person decides.",
    )


FORM = (DataForm, ModelForm, TrainingForm, RetrainingForm)
