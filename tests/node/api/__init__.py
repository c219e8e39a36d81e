"""Tests of the HTTP edge, over an in-memory node (``world``) and over a real one."""
