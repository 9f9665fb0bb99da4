"""What goes wrong in practice, looked for before it does: `retrain doctor`."""

from flows.doctor.check import Check
from flows.doctor.report import examine

__all__ = ["Check", "examine"]
