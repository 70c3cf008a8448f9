"""Text as models read it: tokens, characters, windows, offsets, and spans in them."""
