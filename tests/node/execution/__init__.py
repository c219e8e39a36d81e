"""Tests of the part of the node with the same path."""
