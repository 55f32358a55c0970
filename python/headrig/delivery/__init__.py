"""How anything leaves: when it is tried again, and that the books close."""
