"""Who takes part: organisations, their keys, what they are competent for and what is switched on.

Everything that acts on the ledger is an organisation with an id that says its kind
(``bureau:430100``, ``hospital:H43010000123``, ``centre``), a region, and keys. A key belongs to
one organisation, names its holder (a staff pseudonym) and the holder's post, and is never
forgotten: a signature is judged by the key as it stood at its height. Competence is geographic
(SETTLEMENT.md section 1): a bureau acts for the regions that its own region covers.

State: ``org/<id>``, ``org-key/<key in hex>`` (one key, one owner, for good), ``org-keys/<id>/<n>``
(the n-th key an organisation ever had, for lists), ``endpoint/<id>`` (network addresses and TLS
pins, apart because the validators' hash does not cover them), ``successor/<id>`` (of a bank that
has left).

The methods are in ``contracts.organisation_methods``; what needs a vote is in
``contracts.governance``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from contracts.api import Context, State, Value, reject
from contracts.regions import covers

__all__ = [
    "Endpoint",
    "KeyRecord",
    "Organisation",
    "Suspension",
    "covers",
    "find_endpoint",
    "find_key",
    "find_signer",
    "genesis_records",
    "institution_switch",
    "key_of",
    "level",
    "load",
    "require_competent",
    "require_kind",
    "require_organisation",
    "require_post",
    "suspension_on",
    "validators",
]

KINDS = (
    "bureau",
    "finance",
    "hospital",
    "pharmacy",
    "bank",
    "insurer",
    "auditor",
    "regulator",
    "centre",
)
INSTITUTIONS = ("hospital", "pharmacy")
POSTS = ("clerk", "checker", "finance", "audit", "doctor", "operator")
PURPOSES = ("sign", "validate", "transport", "read")
"""An encryption key cannot sign its own proof of possession: it comes with the contract that uses
one."""

SWITCHES = ("inpatient", "outpatient", "pharmacy")
CHRONIC = "chronic:"
"""A switch ``chronic:<disease>`` for each chronic disease that the institution is open for."""

POSSESSION_CONTEXT = "popk/1"
"""Signing context of a proof that the registrant holds the private key (SECURITY.md section 2)."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key of an organisation, with its history."""

    organisation: str
    key: bytes
    """33 bytes: scheme and raw public key."""
    purposes: tuple[str, ...]
    """Of ``PURPOSES``, ascending."""
    holder: str
    """Pseudonym of the person who holds the key; where two must act, holders are compared."""
    post: str
    from_height: int
    """First height whose transactions it may sign."""
    to_height: int | None
    """First height whose transactions it may no longer sign; None while it is in force."""

    def is_valid_at(self, height: int) -> bool:
        """Whether it may sign transactions of the block at ``height``."""
        return self.from_height <= height and (self.to_height is None or height < self.to_height)


@dataclass(frozen=True, slots=True)
class Suspension:
    """Direct settlement is suspended; reimbursement and emergency care stay open."""

    reason: str
    from_date: str
    to_date: str | None
    """Last day, None until resumed."""
    by: str
    """Bureau that decided."""

    def holds_on(self, date: str) -> bool:
        """Whether the suspension covers the date."""
        return self.from_date <= date and (self.to_date is None or date <= self.to_date)


@dataclass(frozen=True, slots=True)
class Organisation:
    """A participant as the state has it."""

    id: str
    kind: str
    region: str
    level_code: int
    """National hospital level ``hosp_lv`` 1 to 14; 0 where it has none."""
    dedc_level: int
    """Level that deductibles tell apart, ``dedc_hosp_lv``: 1, 2, 3; 0 unrated."""
    switches: tuple[str, ...]
    """What is switched on, ascending."""
    suspensions: tuple[Suspension, ...]
    admitted_height: int
    admitted_by: str
    """Organisation that admitted it, or ``genesis`` or ``vote``."""
    left_height: int | None
    """Height from which it no longer takes part, None while it does."""
    keys: int
    """How many keys it ever had: they are listed in ``org-keys/<id>/0`` and on."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an organisation's node is reached."""

    host: str
    port: int
    tls_pin: bytes
    """SHA-256 of the node's TLS public key, 32 bytes."""


def load(state: State, org_id: str) -> Organisation | None:
    """The organisation, or None when nobody has this id."""
    return state.read(f"org/{org_id}", _organisation)


def find_key(state: State, org_id: str, key: bytes, height: int) -> KeyRecord | None:
    """The key if it belongs to ``org_id`` and may sign in the block at ``height``; else None.

    ``height`` is that of the block that carries the transaction. The answer is the same from the
    parent's state as from within the block: a key added or revoked at ``height`` has its bounds
    set to ``height + 1``.
    """
    record = key_of(state, key)
    if record is None or record.organisation != org_id or not record.is_valid_at(height):
        return None
    return record


def find_signer(
    state: State, org_id: str, key: bytes, height: int
) -> tuple[Organisation, KeyRecord] | None:
    """Organisation and key if they may sign a transaction of the block at ``height``; else None.

    The key must be the organisation's, in force, for the purpose ``sign``, and the organisation
    must take part. Admission and execution both ask here.
    """
    record = find_key(state, org_id, key, height)
    if record is None or "sign" not in record.purposes:
        return None
    org = load(state, org_id)
    if org is None or (org.left_height is not None and org.left_height <= height):
        return None
    return org, record


def key_of(state: State, key: bytes) -> KeyRecord | None:
    """What is known of a key, valid or not; None when it never was registered."""
    value = state.get(f"org-key/{key.hex()}")
    if value is None:
        return None
    return KeyRecord(
        organisation=value["organisation"],
        key=key,
        purposes=tuple(value["purposes"]),
        holder=value["holder"],
        post=value["post"],
        from_height=value["from_height"],
        to_height=value["to_height"],
    )


def find_endpoint(state: State, org_id: str) -> Endpoint | None:
    """Network address of an organisation's node, None when it has told none."""
    value = state.get(f"endpoint/{org_id}")
    return None if value is None else Endpoint(value["host"], value["port"], value["tls_pin"])


def validators(state: State) -> tuple[tuple[str, bytes], ...]:
    """(organisation, validate key) of the set that orders the **next** block, ascending by id."""
    value = state.get("validators")
    return () if value is None else tuple((org, key) for org, key in value["members"])


def institution_switch(org: Organisation, name: str) -> bool:
    """Whether ``inpatient``, ``outpatient``, ``pharmacy`` or ``chronic:<disease>`` is on."""
    return name in org.switches


def level(org: Organisation) -> int:
    """Level that deductibles and ceilings tell apart: 1, 2 or 3; 0 unrated."""
    return org.dedc_level


def suspension_on(org: Organisation, date: str) -> Suspension | None:
    """The suspension of direct settlement that holds on ``date``; None when there is none."""
    for suspension in org.suspensions:
        if suspension.holds_on(date):
            return suspension
    return None


def require_kind(ctx: Context, *kinds: str) -> None:
    """Refuse unless the sender is of one of the kinds."""
    if ctx.sender_kind not in kinds:
        reject("sender.kind", kind=ctx.sender_kind, allowed=sorted(kinds))


def require_post(ctx: Context, *posts: str) -> None:
    """Refuse unless the holder of the signing key has one of the posts."""
    if ctx.post not in posts:
        reject("sender.post", post=ctx.post, allowed=sorted(posts))


def require_competent(ctx: Context, region: str) -> None:
    """Refuse unless the sender is a bureau whose region covers ``region``.

    The centre is not a bureau: it keeps national codes and decides about nobody's insurance.
    """
    require_kind(ctx, "bureau")
    if not covers(ctx.sender_region, region):
        reject("sender.not-competent", competence=ctx.sender_region, region=region)


def own_prefix(org_id: str) -> str:
    """How ids begin that an organisation makes and that are unique for good.

    A national code where there is one: twelve characters of an institution (H or P first), the six
    digits of a bureau. Everybody else puts the whole own id before, with a colon. No prefix is the
    beginning of another, so nobody can take ids of somebody else. A message number of the national
    interface (``msgid``: institution, time, sequence) is such an id.
    """
    kind, _, code = org_id.partition(":")
    return code if kind == "bureau" or kind in INSTITUTIONS else f"{org_id}:"


def require_own_id(ctx: Context, given: str) -> None:
    """Refuse an id that is unique for good and does not begin with its maker's prefix."""
    expected = own_prefix(ctx.sender)
    if not given.startswith(expected) or given == expected:
        reject("sender.foreign-id", id=given, expected=expected)


def require_organisation(state: State, org_id: str) -> Organisation:
    """The organisation; refused unless it exists and still takes part."""
    found = load(state, org_id)
    if found is None:
        reject("organisations.unknown", organisation=org_id)
    if found.left_height is not None:
        reject("organisations.left", organisation=org_id, since_height=found.left_height)
    return found


def takes_part(state: State, org_id: str, kind: str) -> bool:
    """Whether an organisation of this kind exists and has not left."""
    found = load(state, org_id)
    return found is not None and found.kind == kind and found.left_height is None


def speaks_for(state: State, org_id: str, bank: str) -> bool:
    """Whether an organisation gives a bank's word on its orders: the bank itself does, or, since it
    has left, the bank that was voted to be its successor (``governance.propose_successor``)."""
    # No circle: a successor took part when it was voted, and who has left does not come back.
    while bank != org_id:
        following = state.get(successor_key(bank))
        if following is None:
            return False
        bank = following
    return True


def successor_key(bank: str) -> str:
    """State key of a bank's successor."""
    return f"successor/{bank}"


def genesis_records(
    organisations: Iterable[Mapping[str, Value]],
    members: Iterable[tuple[str, bytes]],
    parameters: Mapping[str, Value],
) -> dict[str, Value]:
    """State entries of block 0: organisations, their keys, validators and network parameters.

    An organisation is ``{id, kind, region, keys: [{key, purposes, holder, post}]}`` with optional
    ``level_code``, ``dedc_level``, ``switches`` and ``endpoint`` ({host, port, tls_pin}). Shapes
    and proofs of possession were checked when the genesis file was read.
    """
    records: dict[str, Value] = {}
    for org in organisations:
        keys = list(org["keys"])
        records[f"org/{org['id']}"] = organisation_value(
            Organisation(
                id=org["id"],
                kind=org["kind"],
                region=org["region"],
                level_code=org.get("level_code", 0),
                dedc_level=org.get("dedc_level", 0),
                switches=tuple(sorted(org.get("switches", ()))),
                suspensions=(),
                admitted_height=0,
                admitted_by="genesis",
                left_height=None,
                keys=len(keys),
            )
        )
        for number, key in enumerate(keys):
            record = KeyRecord(
                organisation=org["id"],
                key=key["key"],
                purposes=tuple(sorted(key["purposes"])),
                holder=key["holder"],
                post=key["post"],
                from_height=0,
                to_height=None,
            )
            records[f"org-key/{record.key.hex()}"] = key_value(record)
            records[f"org-keys/{org['id']}/{number}"] = record.key
        if org.get("endpoint") is not None:
            records[f"endpoint/{org['id']}"] = dict(org["endpoint"])
    seats = sorted([org, key] for org, key in members)
    records["validators"] = {"members": seats, "changed_height": 0, "epoch": 0}
    records["validators/0"] = {"members": seats, "from_height": 1}
    for name, value in parameters.items():
        records[f"param/{name}"] = value
    return records


def organisation_value(org: Organisation) -> Value:
    """The state value of an organisation."""
    return {
        "id": org.id,
        "kind": org.kind,
        "region": org.region,
        "level_code": org.level_code,
        "dedc_level": org.dedc_level,
        "switches": list(org.switches),
        "suspensions": [[s.reason, s.from_date, s.to_date, s.by] for s in org.suspensions],
        "admitted_height": org.admitted_height,
        "admitted_by": org.admitted_by,
        "left_height": org.left_height,
        "keys": org.keys,
    }


def key_value(record: KeyRecord) -> Value:
    """The state value of a key; the key itself is in the state key."""
    return {
        "organisation": record.organisation,
        "purposes": list(record.purposes),
        "holder": record.holder,
        "post": record.post,
        "from_height": record.from_height,
        "to_height": record.to_height,
    }


def _organisation(value: Value) -> Organisation:
    return Organisation(
        id=value["id"],
        kind=value["kind"],
        region=value["region"],
        level_code=value["level_code"],
        dedc_level=value["dedc_level"],
        switches=tuple(value["switches"]),
        suspensions=tuple(Suspension(*row) for row in value["suspensions"]),
        admitted_height=value["admitted_height"],
        admitted_by=value["admitted_by"],
        left_height=value["left_height"],
        keys=value["keys"],
    )
