"""This module owns the errors on which a caller acts; all else is `ValueError`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


class OpslibError(Exception):
    """Base of the errors that the command line prints as one plain sentence.

    The message may be a `words.Text`; `sentence` then reads in either language.
    """

    def sentence(self, language: str = "en") -> str:
        """Return the message in a language, `en` or `zh`."""
        said = self.args[0] if self.args else ""
        return str(getattr(said, language, said))


class ContractError(OpslibError):
    """Data does not keep its table's contract.

    Attributes:
        failures: One row a failure: file, row, column, value, reason (or None).
    """

    def __init__(self, message: str, failures: pd.DataFrame | None = None) -> None:
        """Keep the message and the frame of all failures."""
        super().__init__(message)
        self.failures = failures


class ParameterError(OpslibError):
    """A notebook's parameter is unknown, of the wrong type or out of range.

    Attributes:
        name: The parameter's name.
        given: The value given.
        wanted: What would have done, in words.
    """

    def __init__(
        self, message: str, *, name: str = "", given: Any = None, wanted: str = ""
    ) -> None:
        """Keep the message with its facts."""
        super().__init__(message)
        self.name, self.given, self.wanted = name, given, wanted


class RunError(OpslibError):
    """A notebook could not be run to its end.

    Attributes:
        notebook: The notebook's name, such as `inventory/demand_forecast`.
        cell: The id of the cell where it ended, or an empty text.
    """

    def __init__(self, message: str, *, notebook: str = "", cell: str = "") -> None:
        """Keep the message with its facts."""
        super().__init__(message)
        self.notebook, self.cell = notebook, cell


class MissingDataError(OpslibError):
    """A company, a warehouse or a table that the question needs is not there."""
