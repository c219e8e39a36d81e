"""Tests of the contracts, as the tree has them."""
