"""The issue's bad input, end to end: ``world`` the node, ``rows_*`` the table, one test for all."""
