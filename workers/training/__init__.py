"""How models are fitted: one loop, schedule, averaging and checkpoints for all of them."""
