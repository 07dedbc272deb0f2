"""Well-known architectures at small widths, for references of gradients; not trained."""
