"""What the backend asks of an MLflow server, in one place; its errors become ours."""

from __future__ import annotations

import json
import os
import re
import tempfile
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import ConfigError, ExistsError, NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NUMBERED = re.compile(r"\d{8}\.json")
LONGEST_KEY, LONGEST_VALUE = 250, 6000
"""Of a parameter, as MLflow allows."""


@contextmanager
def told_plainly(url: str) -> Iterator[None]:
    """MLflow's errors as ours.

    Raises:
        NotFoundError: it is not there.
        StorageError: the server failed, or cannot be reached.
    """
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        reason = f"MLflow at {url}: {str(error).splitlines()[0]}"
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise NotFoundError(reason) from None
        raise StorageError(reason) from None


class Server:
    """An MLflow tracking server with its registry."""

    def __init__(self, url: str) -> None:
        """Ask nothing yet."""
        self.url = url

    @cached_property
    def client(self) -> Any:  # noqa: ANN401 - MLflow is an extra
        """MLflow's own client."""
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise ConfigError(
                f"the registry {self.url} needs MLflow ({error}); "
                "pip install 'prefect-retrain[mlflow]'"
            ) from None
        return MlflowClient(self.url, self.url)

    def new_run(self, name: str, title: str, tags: Mapping[str, str]) -> str:
        """A run in the experiment of a model; its id."""
        with told_plainly(self.url):
            found = self.client.get_experiment_by_name(name)
            experiment = found.experiment_id if found else self.client.create_experiment(name)
            run = self.client.create_run(experiment, run_name=title, tags=dict(tags))
        return str(run.info.run_id)

    def log(self, run: str, metrics: Mapping[str, float], params: Mapping[str, Any]) -> None:
        """Metrics and parameters of a run."""
        from mlflow.entities import Metric, Param

        numbers = [Metric(name, value, 0, 0) for name, value in metrics.items()]
        texts = [
            Param(name[:LONGEST_KEY], str(value)[:LONGEST_VALUE]) for name, value in params.items()
        ]
        with told_plainly(self.url):
            self.client.log_batch(run, metrics=numbers)
            for at in range(0, len(texts), 100):  # as many as MLflow takes at a time
                self.client.log_batch(run, params=texts[at : at + 100])

    def upload(self, run: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Artifacts of a run."""
        with tempfile.TemporaryDirectory() as scratch, told_plainly(self.url):
            for name, content in files.items():
                path = Path(scratch) / name
                path.write_bytes(content)
                self.client.log_artifact(run, str(path), folder)

    def download(self, run: str, path: str) -> bytes:
        """One artifact of a run."""
        with tempfile.TemporaryDirectory() as scratch, told_plainly(self.url):
            try:
                return Path(self.client.download_artifacts(run, path, scratch)).read_bytes()
            except OSError as error:
                raise StorageError(f"MLflow at {self.url}: run {run}, {path}: {error}") from None

    def versions(self, name: str) -> list[Any]:
        """All versions of a model, as MLflow tells of them."""
        found: list[Any] = []
        token = None
        with told_plainly(self.url):
            while True:
                page = self.client.search_model_versions(
                    f"name='{name}'", max_results=1000, page_token=token
                )
                found += page
                token = page.token
                if not token:
                    return found

    def model(self, name: str) -> Any:  # noqa: ANN401 - MLflow is an extra
        """A registered model with its aliases and tags; None: there is none."""
        try:
            with told_plainly(self.url):
                return self.client.get_registered_model(name)
        except NotFoundError:
            return None

    def ensure_model(self, name: str) -> None:
        """Register the name, if nobody has."""
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise StorageError(f"MLflow at {self.url}: {error}") from None


class RunDocuments:
    """JSON documents as artifacts of the run that made a version, under `decisions/`."""

    def __init__(self, server: Server, run_of: Any) -> None:  # noqa: ANN401 - a function
        """`run_of(name, version)` is the MLflow run of a version."""
        self._server = server
        self._run_of = run_of

    def numbered(self, folder: str) -> list[str]:
        """Names of the documents in a folder of a version."""
        run, place = self._place(folder)
        with told_plainly(self._server.url):
            files = self._server.client.list_artifacts(run, place)
        names = (Path(file.path).name for file in files)
        return [name for name in names if NUMBERED.fullmatch(name)]

    def document(self, path: str) -> dict[str, Any]:
        """One of them.

        Raises:
            StorageError: it is no JSON object.
        """
        folder, _, name = path.rpartition("/")
        run, place = self._place(folder)
        content = self._server.download(run, f"{place}/{name}")
        try:
            body = json.loads(content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise StorageError(f"MLflow run {run}: {place}/{name} is no JSON object")
        return body

    def create(self, path: str, body: Mapping[str, Any]) -> None:
        """Write one; MLflow has no exclusive create, so two at the same moment may both succeed.

        Raises:
            ExistsError: there is one of that name.
        """
        folder, _, name = path.rpartition("/")
        if name in self.numbered(folder):
            raise ExistsError(f"{path} is there already")
        run, place = self._place(folder)
        self._server.upload(run, place, {name: json.dumps(body).encode()})

    def _place(self, folder: str) -> tuple[str, str]:
        """From `models/NAME/decisions/00000003` to the run and a folder in it."""
        _, name, kind, version = folder.split("/")
        return self._run_of(name, int(version)), kind
