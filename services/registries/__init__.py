"""Model registries: they tell of new versions, and are told what became of them."""
