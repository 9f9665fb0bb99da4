"""The training engine: everything but the orchestration, usable without Prefect."""
