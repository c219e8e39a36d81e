"""Commands of the month: notices and payments.

The calls come from the contracts' own declarations (``calls``); what is here looks.
"""

from __future__ import annotations

import typer

payment = typer.Typer(no_args_is_help=True, help="Payments of notices, what banks report. 拨付")
