"""Refunds: money and goods that come back, and settlements that are decided again.

* ``original`` the calls of a settlement, given again and held to their digests;
* ``order`` the counters as they were when it was decided;
* ``difference`` who pays less and who pays more, payer by payer;
* ``again`` the one way in which a settlement is taken back and made anew in its place;
* ``resettle`` the call for a late filing, a newborn's cover, counters that were fed late.

A plain settlement pays nothing for any of it.
"""
