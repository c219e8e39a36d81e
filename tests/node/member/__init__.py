"""The member node: what it believes, keeps, writes out and takes in."""
