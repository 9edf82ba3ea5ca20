"""Members of the local: who they are and how to reach them."""
