"""`retrain`: a thin face over the flows.

Nothing heavy is imported here: Prefect, pandas and the model libraries only where a command works.
"""

from flows.cli.app import main, program

__all__ = ["main", "program"]
