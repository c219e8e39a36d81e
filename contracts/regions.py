"""District codes (GB/T 2260): which area lies in which.

A code has six digits in three pairs: province, city, county. A code whose last pairs are ``00``
means the whole city or province; ``000000`` is the country. What counts are whole pairs: the city
431000 must not cover 431100, nor the province 500000 the province 510000, so zeros are dropped
two at a time.
"""

from __future__ import annotations

from functools import lru_cache

COUNTRY = "000000"


def is_area(region: str) -> bool:
    """Whether the text has the form of a district code: six ASCII digits."""
    return len(region) == 6 and not region.strip("0123456789")


def stem(region: str) -> str:
    """The significant pairs: ``430000`` -> ``43``, ``431000`` -> ``4310``, ``000000`` -> empty."""
    if region[2:] == "0000":
        return "" if region[:2] == "00" else region[:2]
    return region[:4] if region[4:] == "00" else region


def covers(outer: str, inner: str) -> bool:
    """Whether ``inner`` is ``outer`` or lies in it: 430000 covers 430000, 430100 and 430102."""
    return inner.startswith(stem(outer))


def province(region: str) -> str:
    """The province of a district: ``430102`` -> ``430000``. Clearing is between provinces."""
    return region[:2] + "0000"


def city(region: str) -> str:
    """The city of a district: ``430102`` -> ``430100``."""
    return region[:4] + "00"


@lru_cache(maxsize=8192)
def widening(region: str) -> tuple[str, ...]:
    """The district, its city, its province and the country, each named once."""
    return tuple(dict.fromkeys((region, city(region), province(region), COUNTRY)))
