"""The flows, and the `retrain` command over them."""

from pkgutil import extend_path

from flows.secrets import make_known

# A folder `flows` of somebody else's, without an __init__.py, would be hidden by this package.
__path__ = extend_path(__path__, __name__)
make_known()
