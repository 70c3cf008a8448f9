"""How a forward pass is made fast: precision, batching, the torch runtime."""
