"""``yibao org parameter``: the value that is in force, and who has set it."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.exits import Exit
from cli.output import Json, fail, print_json, print_record
from cli.session import open_client
from contracts import parameters
from contracts.regions import COUNTRY, is_area, widening

Name = Annotated[str, typer.Argument(help="For example filing.")]
RegionOf = Annotated[
    str, typer.Argument(help="Area that is asked about; none: the country, or the network.")
]


def parameter(
    context: typer.Context, name: Name, region: RegionOf = "", as_json: Json = False
) -> None:
    """The value of a parameter that is in force: the area's own, its city's, its province's, the
    country's, or the default. --json adds it as `in_force` to the entry that was found."""
    if name in parameters.NETWORK:
        if region:
            fail(Exit.USAGE, f"{name} is the network's: no area has its own")
        keys, default = [f"param/{name}"], parameters.NETWORK[name].default
    elif name in parameters.AREA:
        if region and not is_area(region):
            fail(Exit.USAGE, f"region {region!r}: wanted is a district code of six digits")
        keys = [f"param/{name}/{place}" for place in widening(region or COUNTRY)]
        default = parameters.AREA[name].default
    else:
        known = sorted((*parameters.AREA, *parameters.NETWORK))
        fail(Exit.USAGE, f"there is no parameter {name}", hint=f"it is one of {', '.join(known)}")
    with open_client(context) as client:
        for key in keys:
            answer = client.get("/v1/state", key=key)
            if answer["present"]:
                break
    value, set_at = default, "nobody has set it: this is the default"
    if answer["present"]:
        value, set_at = answer["value"], answer["key"]
        if name in parameters.AREA:
            value = value["value"]
    if as_json:
        print_json(answer | {"in_force": value})
    else:
        fields = value if isinstance(value, dict) else {"value": value}
        print_record(f"Parameter 参数 {name}", {"set at": set_at, **fields})
