"""A network is founded by the rules that hold in it: a genesis file admits nobody whom a call or a
vote could not, and sets no parameter that a vote could not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contracts.api import Value, reject
from contracts.organisation_methods import check_id, check_switches
from contracts.parameters import checked_network
from contracts.validator_set import VALIDATING


def check_founding(
    organisations: Iterable[Mapping[str, Value]],
    validators: Iterable[str],
    parameters: Mapping[str, Value],
) -> None:
    """Refuse what the founders could not have after block 0. Raises ``Rejected``.

    ``organisations`` as ``contracts.organisations.genesis_records`` takes them, ``validators`` the
    ids of those that have a seat: each is among the organisations (``node.ledger.genesis``).
    """
    kinds = {}
    for org in organisations:
        check_id(org["id"], org["kind"], org["region"])
        check_switches(org["id"], org["kind"], org["switches"])
        kinds[org["id"]] = org["kind"]
    for seat in validators:
        if kinds[seat] not in VALIDATING:
            reject("governance.not-a-bureau", kind=kinds[seat])
    for name, value in parameters.items():
        checked_network(name, value)
