"""`retrain models …`: the registry."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.options import DEFAULT_STORAGE, AsJson, Storage

models = typer.Typer(name="models", help="The registry.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="NAME[:VERSION | @ALIAS]")]
Alias = Annotated[str, typer.Argument(metavar="NAME[@ALIAS]", help="Default: @champion.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="For the history.")]


@models.command("list")
def list_models(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Its versions; default: all models.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="KEY=VALUE", help="Only versions that have it."),
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Registered models and their newest versions, or all versions of one, newest first."""
    from flows.cli.registry import print_models, print_versions

    if name is None and not tag:
        print_models(storage, as_json=as_json)
    else:
        print_versions(name, tag or [], storage, as_json=as_json)


@models.command("show")
def show_model(
    reference: Reference,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """One version: metrics, origin, configuration, aliases, tags, ancestors."""
    from flows.cli.registry import print_model

    print_model(reference, storage, as_json=as_json)


@models.command("compare")
def compare_models(
    first: Reference,
    second: Reference,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Metrics, configuration and data of two versions side by side."""
    from flows.cli.registry import print_comparison

    print_comparison(first, second, storage, as_json=as_json)


@models.command("history")
def show_history(
    name: Alias,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """What an alias was moved to, by whom, when and why; the newest first."""
    from flows.cli.registry import print_history

    print_history(name, storage, as_json=as_json)


@models.command("promote")
def promote_model(
    reference: Reference,
    alias: Annotated[str, typer.Option(help="Which alias gets it.")] = "champion",
    expect: Annotated[
        int | None,
        typer.Option(min=0, help="Refuse unless the alias has this version now (0: none)."),
    ] = None,
    why: Why = "",
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Point an alias to a version; approves one that awaits approval."""
    from flows.cli.registry import promote

    promote(reference, alias, storage, expect=expect, why=why, as_json=as_json)


@models.command("rollback")
def roll_back(
    name: Alias,
    why: Why = "",
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Point an alias back to the version before; again: to the one before that."""
    from flows.cli.registry import rollback

    rollback(name, storage, why=why, as_json=as_json)


@models.command("tag")
def tag_model(
    reference: Reference,
    tags: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]…", help="KEY= takes a tag away."),
    ] = None,
    description: Annotated[str | None, typer.Option(help="Free text.")] = None,
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Set tags and description of a version; prints them all."""
    from flows.cli.registry import tag

    tag(reference, tags or [], storage, description=description, as_json=as_json)


@models.command("delete")
def delete_model(
    reference: Annotated[str, typer.Argument(metavar="NAME:VERSION")],
    why: Why = "",
    storage: Storage = DEFAULT_STORAGE,
    as_json: AsJson = False,  # noqa: FBT002 - a command-line flag
) -> None:
    """Delete a version that no alias points to; its number is never given again."""
    from flows.cli.registry import delete

    delete(reference, storage, why=why, as_json=as_json)
