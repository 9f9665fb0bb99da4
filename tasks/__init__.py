"""One Prefect task per step of the chain: names, retries and results; no logic of their own."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)  # as `flows` does it
